"""Small reads and writes, and flushes, of a file on io_uring; everything else as in `FileStorage`.

Rule 1: what gains nothing goes to a thread: large I/O (the ring would need a copy of it), FUA and
O_DIRECT (the library has neither RWF_DSYNC nor aligned buffers), and writes that come together: the
kernel hands each buffered write to a thread of its own, which costs twice what `writers` does.
Rule 2: no more I/Os are in the kernel than the completion queue holds, so it cannot overflow. The
rest waits in order.
Rule 3: a ring that refused a submission is not used again, so what it did not take cannot land
later. Threads do its work from then on.

Why ``caio`` (0.12) and not ``liburing`` (PyPI 2026.3.30). Measured with the same loop around each, on
Linux 6.18, ext4, 4 KiB, 2 cores, asyncio, lowest of five; what a thread takes = 1:

=======================  ======  ========
I/O                      caio    liburing
=======================  ======  ========
cached read, depth 1     0.04    0.05
cached read, depth 32    0.13    0.16
uncached read, depth 1   0.45    0.53
uncached read, depth 32  0.24    0.25
write, depth 1           0.70    0.62
write, depth 32          0.22    0.24
=======================  ======  ========

Both did 10^6 mixed I/Os at depth 32 without losing one, so neither speed nor stress decides. What
follows does. caio's operations own their memory and keep their ring alive while they are in the
kernel, so nothing is freed below an I/O when a loop is torn down; liburing leaves both to its caller.
liburing leaks a reference to each memoryview that is given to ``Iovec``. Its documented way to drain
many completions, ``cqe[i] for i in range(io_uring_cq_ready(ring))``, reads past the end of the ring
where they wrap round, which loses some (a loop built so stalled within 5000 I/Os at depth 32;
``CqeIter`` does not). And it has wheels for x86-64 only.
SQPOLL stays off: it doubles the speed of lone writes, and costs each open file a spinning kernel thread.
"""

import asyncio
import contextlib
import importlib
import importlib.util
import os
import weakref
from collections import deque
from functools import cache, partial
from typing import Any

from aiovdi.settling import Settling
from aiovdi.storage.file import FileStorage
from aiovdi.units import KiB

__all__ = ["UringStorage", "is_installed", "works"]

_DEPTH = 128
_COPIED_MAX = 64 * KiB
_LONE_WRITES_MIN = 4
"""After so many writes, each of which found no other under way, the next one is likely to be alone too."""
_NOT_LOOKED_FOR = object()
_AT_ONCE_MAX = 64  # I/Os that may end within their submission before the loop gets its turn


class UringStorage(FileStorage):
    """`Storage` on a descriptor, with a ring of its own that is made at the first I/O that needs it."""

    def __init__(self, fd: int, *, path: str, direct: bool = False) -> None:
        super().__init__(fd, path=path, direct=direct)
        self._library: Any = None if direct else _NOT_LOOKED_FOR
        self._ring: _Ring | None = None
        self._is_writing = False
        self._lone_writes = 0

    def _find_library(self) -> Any:
        """caio's module, or None where a thread has to do.

        Looked for at the first I/O: who only opens an image and looks at it need not wait for an import.
        """
        if self._library is _NOT_LOOKED_FOR:
            self._library = _library()
        return self._library

    async def pread_some(self, buffer: memoryview, offset: int) -> int:
        library = self._find_library() if len(buffer) <= _COPIED_MAX else None
        if library is None:
            return await super().pread_some(buffer, offset)
        operation = library.Operation.read(len(buffer), self.fileno(), offset)
        if (count := await self._on_ring(operation)) is None:
            return await super().pread_some(buffer, offset)
        buffer[:count] = operation.get_value()
        return count

    async def pwrite_some(self, data: memoryview, offset: int, *, fua: bool = False) -> int:
        self._lone_writes = 0 if self._is_writing or self._writers.is_busy else self._lone_writes + 1
        suits = len(data) <= _COPIED_MAX and not fua and self._lone_writes > _LONE_WRITES_MIN
        library = self._find_library() if suits else None
        if library is None:
            return await super().pwrite_some(data, offset, fua=fua)
        self._is_writing = True
        try:
            count = await self._on_ring(library.Operation.write(bytes(data), self.fileno(), offset))
        finally:
            self._is_writing = False
        if count is None:
            return await super().pwrite_some(data, offset)
        self._reached(offset + count)
        return count

    async def flush(self) -> None:
        library = self._find_library()
        if library is None or await self._on_ring(library.Operation.fdsync(self.fileno())) is None:
            await super().flush()

    async def _on_ring(self, operation: Any) -> int | None:
        """The operation's result; None: the ring did not take it.

        Raises:
            OSError: the I/O failed.
        """
        try:
            if self._ring is None:
                self._ring = _Ring(self._library)
            result = await self._ring.run(operation)
        except _Refused:
            self._library = None
            return None
        if result < 0:
            raise OSError(-result, os.strerror(-result))
        return result

    async def _close(self) -> None:
        try:
            if self._ring is not None:
                await self._ring.close()
        finally:
            await super()._close()

    def _settle_and_close(self) -> None:
        if self._ring is not None:
            self._ring.drain()
        super()._settle_and_close()


class _Refused(Exception):
    """The kernel did not take an operation; nothing of it was done."""


class _Ring:
    """A ring whose completions arrive through an eventfd that the loop watches."""

    def __init__(self, library: Any) -> None:
        try:
            self._context = library.Context(_DEPTH)
        except SystemError as error:  # caio's word for an OSError
            raise _Refused from error
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self._context.fileno, self._wake)
        self._waiting: deque[tuple[Any, weakref.ref[Settling[int]]]] = deque()
        self._in_flight = 0
        self._at_once = 0
        self._is_refusing = False
        self._idle: Settling[None] | None = None

    async def run(self, operation: Any) -> int:
        """The result of ``operation``, negative for an errno. Raises _Refused."""
        future: Settling[int] = Settling(loop=self._loop)
        # The kernel's side holds the operation, and must not hold whoever waits: the ring of a loop that is
        # gone would keep its storage alive for ever.
        waiter = weakref.ref(future)
        operation.set_callback(partial(self._settle, waiter))
        self._waiting.append((operation, waiter))
        self._submit()
        self._at_once = self._at_once + 1 if future.done() else 0
        result = await future
        if self._at_once >= _AT_ONCE_MAX:
            self._at_once = 0
            await asyncio.sleep(0)
        return result

    async def close(self) -> None:
        """Let what is in flight settle, then leave the loop."""
        if self._is_busy():
            self._idle = Settling(loop=self._loop)
            await self._idle
        self._loop.remove_reader(self._context.fileno)
        self._context = None  # its two descriptors go now, not when a cycle of objects is collected

    def drain(self) -> None:
        """Wait without a loop, for a storage that was dropped, until the kernel is done with all of it."""
        while self._in_flight and self._context is not None:
            self._context.process_events(_DEPTH, 1, -1)

    def _submit(self) -> None:
        """Hand on what waits, in order. One call each: measured no dearer than batches, and nothing is late."""
        while self._waiting and self._in_flight < _DEPTH:
            operation, waiter = self._waiting.popleft()
            if not self._is_accepted(operation) and (future := waiter()) is not None:
                future.set_exception(_Refused())

    def _is_accepted(self, operation: Any) -> bool:
        if self._is_refusing:
            return False
        self._in_flight += 1  # first: an operation may settle within flush
        try:
            self._context.submit(operation)
            self._context.flush()
        except SystemError:
            self._is_refusing = True
            self._in_flight -= 1
            return False
        return True

    def _wake(self) -> None:
        # The eventfd is reset before the queue is read. The other way round, a completion that
        # came in between would have no signal left.
        with contextlib.suppress(BlockingIOError):
            self._context.poll()
        while self._context.process_events():
            pass
        self._submit()
        if self._idle is not None and not self._is_busy() and not self._idle.done():
            self._idle.set_result(None)

    def _settle(self, waiter: weakref.ref[Settling[int]], result: int) -> None:
        self._in_flight -= 1
        future = waiter()
        if future is not None and not self._loop.is_closed():
            future.set_result(result)

    def _is_busy(self) -> bool:
        return bool(self._in_flight or self._waiting)


@cache
def _library() -> Any:
    """caio's io_uring module, if it is installed and an I/O through it succeeds; else None."""
    try:
        library = importlib.import_module("caio.linux_uring")
        return library if _is_working(library) else None
    except (ImportError, OSError, SystemError):  # a kernel without it, or a sandbox that forbids it
        return None


def _is_working(library: Any) -> bool:
    context = library.Context(1)
    fd = os.memfd_create("aiovdi", os.MFD_CLOEXEC)
    try:
        os.write(fd, b"probe")
        operation = library.Operation.read(5, fd, 0)
        context.submit(operation)
        context.flush()
        context.process_events(1, 1, 1)
        return bytes(operation.get_value()) == b"probe"
    finally:
        os.close(fd)


def is_installed() -> bool:
    """Whether the extra ``uring`` is there. Costs less than finding out whether it works."""
    return importlib.util.find_spec("caio") is not None


def works() -> bool:
    """Whether io_uring can be used here; found out once per process."""
    return _library() is not None
