"""``aiovdi serve`` as a process of its own, that can be killed and started again at the same path."""

import asyncio
import sys
from pathlib import Path

__all__ = ["Server"]

START_S_MAX = 60


class Server:
    """Serves ``image`` at ``socket``, whoever comes and goes, until it is told to stop."""

    def __init__(self, image: Path, socket: Path) -> None:
        self.image = image
        self.socket = socket
        self._command = [sys.executable, "-m", "aiovdi", "serve", "--persistent", "--socket", socket, image]
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        """Returns once it listens."""
        assert self._process is None
        self._process = await asyncio.create_subprocess_exec(*self._command, stdout=asyncio.subprocess.PIPE)
        assert self._process.stdout is not None
        async with asyncio.timeout(START_S_MAX):
            uri = await self._process.stdout.readline()
        assert uri.startswith(b"nbd+unix://"), uri

    async def kill(self) -> None:
        """SIGKILL: nothing that it has begun is ended, nothing that it holds is written."""
        assert await self._end("kill") < 0

    async def kill_amid_a_write(self) -> None:
        """Kill it at the moment when the file of the image takes more space than before."""
        before = self.image.stat().st_blocks
        while self.image.stat().st_blocks == before:  # noqa: ASYNC110  it is no event of ours
            await asyncio.sleep(0)
        await self.kill()

    async def stop(self) -> None:
        """SIGTERM, which is no failure."""
        assert await self._end("terminate") == 0

    async def close(self) -> None:
        """What a test leaves running is gone after this."""
        if self._process is not None:
            await self._end("kill")

    async def _end(self, how: str) -> int:
        assert self._process is not None
        getattr(self._process, how)()
        status = await self._process.wait()
        self._process = None
        return status
