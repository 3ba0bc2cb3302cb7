"""Where children are started, listened to and killed.

The moment of the kill is chosen by what was heard, never by a clock. What the child had said by the
time it died is all in the pipe, and is read to the end: so what was under way is known exactly.
"""

import fcntl
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Self

from aiovdi.demo.ledger import RECORD, Event, Ledger, Record
from aiovdi.demo.workload import Workload

__all__ = ["Nursery"]

_CHILD = (sys.executable, "-m", "aiovdi.demo.child")
_ENDED = "the process that forks children has ended; its traceback is on stderr"
_PIPE_BYTES = 4096
"""A short pipe, so that a child cannot run far ahead of its listener."""


class Nursery:
    """A warm process that forks children, one at a time. To be used in ``with``.

    Args:
        command: what to start; it speaks as ``aiovdi.demo.child`` does.
    """

    def __init__(self, *command: str) -> None:
        self._process = subprocess.Popen(
            command or _CHILD,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            bufsize=0,
            process_group=0,  # Ctrl-C is for the parent, which ends the rest in an orderly way
        )
        self._child: int | None = None
        if hasattr(fcntl, "F_SETPIPE_SZ"):
            fcntl.fcntl(self._records, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._kill()
        with self._process as process:
            assert process.stdin is not None
            process.stdin.close()
            while os.read(self._records, _PIPE_BYTES):
                pass  # so that it can say its last words, and bury its child

    def raise_and_kill(self, workload: Workload, ledger: Ledger, when: Callable[[Ledger], bool]) -> None:
        """Start a child, enter all that it says into ``ledger``, and send it SIGKILL once ``when`` says so.

        ``when`` is asked after each record. A child that has closed its disk is killed in any case.

        Raises:
            RuntimeError: the child ended by itself, or what forks it did; the traceback is on stderr.
        """
        self._say(workload.dump())
        records = self._heard()
        self._child = self._birth(records)
        signal_number = self._listen(records, ledger, when)
        self._child = None
        self._say("")  # bury it
        if signal_number != signal.SIGKILL:
            raise RuntimeError(f"the child ended by itself after {ledger.records} records")

    def _birth(self, records: Iterator[Record]) -> int:
        for record in records:
            assert record.event is Event.BORN
            return record.number
        raise RuntimeError(_ENDED)

    def _listen(self, records: Iterator[Record], ledger: Ledger, when: Callable[[Ledger], bool]) -> int:
        """Take records until the child has ended. Returns the signal that did it."""
        alive = True
        for record in records:
            if record.event is Event.ENDED:
                return record.number
            ledger.take(record)
            if alive and (record.event is Event.CLOSED or when(ledger)):
                self._kill()
                alive = False
        raise RuntimeError(_ENDED)

    def _kill(self) -> None:
        if self._child is not None:
            with suppress(ProcessLookupError):  # an orphan may be buried; any other child is not, so it is no one else
                os.kill(self._child, signal.SIGKILL)

    @property
    def _records(self) -> int:
        assert self._process.stdout is not None
        return self._process.stdout.fileno()

    def _say(self, line: str) -> None:
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(f"{line}\n".encode())
        except BrokenPipeError as error:
            raise RuntimeError(_ENDED) from error

    def _heard(self) -> Iterator[Record]:
        """Records as they come, whole ones only."""
        rest = b""
        while data := os.read(self._records, _PIPE_BYTES):
            rest += data
            whole = len(rest) - len(rest) % RECORD.size
            for at in range(0, whole, RECORD.size):
                yield Record.unpack(rest[at : at + RECORD.size])
            rest = rest[whole:]
