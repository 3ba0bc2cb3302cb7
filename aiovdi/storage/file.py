"""A file or a block device, portable: each blocking call runs on a thread, through ``aiofiles``.

Rule 1: one descriptor for reads, writes, flushes and the image locks, because Linux reports a
writeback error once for each open file description.
Rule 2: what the page cache holds is read at once (``RWF_NOWAIT``, preadv2(2)): about 2 µs where a
thread costs 50. A filesystem that refuses the flag is asked once.
Rule 3: whatever the kernel refuses to do in one call has a slower way here that does the same.
"""

import asyncio
import errno
import os
import warnings
from collections.abc import Callable
from typing import Self, TypeVar

from aiofiles.os import wrap

from aiovdi.settling import own, to_the_end
from aiovdi.storage import posix
from aiovdi.storage.base import Told
from aiovdi.storage.threads import SettlingThreads
from aiovdi.storage.writers import Writers
from aiovdi.storage.zeroing import NOT_SUPPORTED, Zeroing
from aiovdi.units import KiB

__all__ = ["FileStorage"]

T = TypeVar("T")

_THREADS = 16
_QUEUED_MAX = 64 * KiB
"""Longest write for which to wake a thread costs more than the write."""

_NOWAIT_REFUSED = NOT_SUPPORTED | {errno.EINVAL}

_preadv = wrap(os.preadv)
_pwritev = wrap(os.pwritev)


class FileStorage:
    """`Storage` on a descriptor, which it owns from now on.

    Args:
        fd: an open descriptor of a regular file or a block device.
        path: what it was opened by.
        direct: it was opened with O_DIRECT; `alignment` says what callers must keep to.
        threads: how many calls run at once.
    """

    def __init__(self, fd: int, *, path: str, direct: bool = False, threads: int = _THREADS) -> None:
        self.path = path
        self.can_grow = self.extends_with_zeros = not posix.is_block_device(fd)
        self.alignment = posix.direct_alignment(fd) if direct else 1
        self._fd = fd
        self._size = posix.length(fd)
        # A direct read with RWF_NOWAIT still waits for the device.
        self._nowait = 0 if direct else getattr(os, "RWF_NOWAIT", 0)
        self._dsync = getattr(os, "RWF_DSYNC", 0)
        self._zeroing = Zeroing(unit=self.alignment)
        self._threads = SettlingThreads(threads)
        self._writers = Writers(threads)
        self._direct = direct
        self._closing: asyncio.Task[None] | None = None

    @classmethod
    async def open(
        cls,
        path: str | os.PathLike[str],
        *,
        writable: bool,
        create: bool = False,
        exclusive: bool = False,
        direct: bool = False,
    ) -> Self:
        """Open ``path``; ``create`` makes it if it does not exist, ``exclusive`` insists that it did not.

        Raises:
            OSError: as open(2); EINVAL also where the filesystem has no O_DIRECT.
        """
        opened: list[Self] = []

        def opening() -> None:
            fd = posix.open_descriptor(path, writable=writable, create=create, exclusive=exclusive, direct=direct)
            opened.append(cls(fd, path=os.fspath(path), direct=direct))

        try:
            with SettlingThreads(1) as thread:
                await wrap(opening)(executor=thread)
        except asyncio.CancelledError:  # it may have been opened all the same
            for storage in opened:
                await storage.close()
            raise
        return opened[0]

    @property
    def size(self) -> int:
        return self._size

    def fileno(self) -> int:
        """The descriptor, for locks. Raises OSError(EBADF) once closed."""
        if self._closing is not None:
            raise OSError(errno.EBADF, os.strerror(errno.EBADF))
        return self._fd

    def pread_now(self, buffer: bytearray | memoryview, offset: int) -> int:
        if not self._nowait or self._closing is not None:
            return 0
        try:
            return os.preadv(self._fd, [buffer], offset, self._nowait)
        except OSError as error:
            if error.errno in _NOWAIT_REFUSED:
                self._nowait = 0
            return 0

    async def pread_some(self, buffer: memoryview, offset: int) -> int:
        return await _preadv(self.fileno(), [buffer], offset, executor=self._threads)

    def begin_write(self, data: memoryview, offset: int, done: Told) -> bool:
        if offset + len(data) > self._size or len(data) > _QUEUED_MAX or self._direct or self._closing is not None:
            return False
        try:
            self._writers.begin(self._fd, data, offset, done)
        except OSError:  # pwrite_some will tell
            return False
        return True

    async def pwrite_some(self, data: memoryview, offset: int, *, fua: bool = False) -> int:
        if fua:
            count = await self._off_loop(self._write_through, self.fileno(), data, offset)
        elif len(data) <= _QUEUED_MAX and not self._direct:
            count = await self._writers.pwrite(self.fileno(), data, offset)
        else:
            count = await _pwritev(self.fileno(), [data], offset, executor=self._threads)
        self._reached(offset + count)
        return count

    async def write_zeroes(self, length: int, offset: int, *, fua: bool = False) -> None:
        if not self.can_grow and offset + length > self._size:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        if not length:
            return
        try:
            await self._off_loop(self._zero, self.fileno(), length, offset, fua)
        finally:
            self._reached(offset + length)

    async def discard(self, length: int, offset: int) -> None:
        if length:
            await self._off_loop(self._zeroing.discard, self.fileno(), length, offset)

    async def resize(self, size: int) -> None:
        if not self.can_grow:
            raise OSError(errno.ENOTSUP, os.strerror(errno.ENOTSUP))
        try:
            await self._off_loop(os.ftruncate, self.fileno(), size)
        finally:
            self._measure()

    async def flush(self) -> None:
        await self._off_loop(posix.flush, self.fileno())

    async def drop_cache(self, length: int, offset: int) -> None:
        if length:
            await self._off_loop(posix.drop_cache, self.fileno(), length, offset)

    async def close(self) -> None:
        if self._closing is None:
            self._closing = own(self._close())
        await to_the_end(self._closing)

    async def _close(self) -> None:
        try:
            await self._writers.close()
        finally:
            with SettlingThreads(1) as closer:
                await wrap(self._settle_and_close)(executor=closer)

    def _settle_and_close(self) -> None:
        self._writers.shutdown()
        self._threads.shutdown(wait=True)
        os.close(self._fd)

    def __del__(self) -> None:
        if getattr(self, "_closing", self) is None:
            warnings.warn(f"{self.path} was not closed", ResourceWarning, source=self, stacklevel=2)
            self._settle_and_close()

    async def _off_loop(self, function: Callable[..., T], *args: object) -> T:
        return await wrap(function)(*args, executor=self._threads)

    def _reached(self, end: int) -> None:
        """The file may end at ``end`` now. Asked of the kernel, because a concurrent resize may have been later."""
        if end > self._size:
            self._measure()

    def _measure(self) -> None:
        if self._closing is None:
            self._size = posix.length(self._fd)

    def _write_through(self, fd: int, data: memoryview, offset: int) -> int:
        if self._dsync:
            try:
                return os.pwritev(fd, [data], offset, self._dsync)
            except OSError as error:
                if error.errno not in NOT_SUPPORTED:
                    raise
                self._dsync = 0
        count = os.pwrite(fd, data, offset)
        posix.flush(fd)
        return count

    def _zero(self, fd: int, length: int, offset: int, fua: bool) -> None:
        self._zeroing.zero(fd, length, offset)
        if fua:
            posix.flush(fd)
