"""The driver's process: started, killed, or asked to end.

Rule: whatever happens, no process outlives the session that started it.
"""

import asyncio
import os
import signal
import subprocess
from pathlib import Path

__all__ = ["Beyond", "DriverEnded", "Process"]

_RETRY_SECONDS = 0.001
_OPEN_SECONDS = 20.0


class DriverEnded(Exception):
    """The process ended although nobody asked it to."""


_READ_PAST_ITS_END = "nbd_client_co_preadv: Assertion"
"""What QEMU's NBD client says when it reads what was written past the end since it was told where that is."""


class Beyond(Exception):
    """An image has grown further than the driver's own NBD client can follow: that tells nothing of the driver."""


class Process:
    """One process that listens, or will soon, on ``socket``."""

    def __init__(self, argv: list[str], socket: Path, log: Path) -> None:
        self.socket = socket
        self._log = log
        with log.open("wb") as file:
            # In a group of its own: an interrupt from the keyboard is for the search, not for the driver.
            self._child = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=file, stderr=file, process_group=0)
        self._ended = asyncio.Event()
        self._pidfd = os.pidfd_open(self._child.pid)
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self._pidfd, self._note_end)

    async def connect(self, protocol: asyncio.Protocol) -> None:
        """Connect ``protocol`` to it, as soon as it listens. Raises DriverEnded.

        This waits by the clock, as nobody tells when a process has come so far; no order depends on it.
        """
        async with asyncio.timeout(_OPEN_SECONDS):
            while True:
                try:
                    await self._loop.create_unix_connection(lambda: protocol, str(self.socket))
                    return
                except (FileNotFoundError, ConnectionRefusedError):
                    if self._ended.is_set():
                        raise self.ended() from None
                await asyncio.sleep(_RETRY_SECONDS)

    def kill(self) -> None:
        """``kill -9``. It is gone when this returns."""
        self._child.kill()
        self._child.wait()
        self._forget()

    async def close(self, seconds: float) -> int:
        """Ask it to end, and wait. Returns its status. Raises TimeoutError."""
        self._child.send_signal(signal.SIGTERM)
        async with asyncio.timeout(seconds):
            await self._ended.wait()
        self._forget()
        return self._child.wait()

    def ended(self) -> DriverEnded:
        """What to raise when it has ended by itself."""
        return DriverEnded(f"the driver ended with status {self._child.wait()}: {self.words()}")

    def words(self) -> str:
        """What it has said last; names of this run's own files are another's in the next run."""
        said = self._log.read_text(encoding="utf-8", errors="replace").strip()
        return said.replace(f"{self.socket.parent}/", "")[-400:]

    def check_reach(self) -> None:
        """Raises Beyond: it has ended for that reason."""
        if _READ_PAST_ITS_END in self.words():
            raise Beyond

    async def ends_within(self, seconds: float) -> bool:
        """Whether it ends by itself, now or soon."""
        try:
            async with asyncio.timeout(seconds):
                await self._ended.wait()
        except TimeoutError:
            return False
        return True

    def _note_end(self) -> None:
        self._ended.set()
        self._loop.remove_reader(self._pidfd)

    def _forget(self) -> None:
        if self._pidfd >= 0:
            self._loop.remove_reader(self._pidfd)
            os.close(self._pidfd)
            self._pidfd = -1
