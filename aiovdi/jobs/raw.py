"""A raw image: the disk's bytes and nothing else, with the methods of a `Disk` that jobs need.

Rule 1: its size is the file's, rounded up to a sector; what the file lacks of it reads as zeros.
Rule 2: holes of the file are unmapped extents, where the filesystem tells (lseek(2), ``SEEK_DATA``).
Rule 3: what the page cache holds is read on the loop, as a disk does it; nothing else is.
"""

import asyncio
import errno
import os
from collections.abc import AsyncIterator
from typing import Self

from aiovdi.driver.extents import Extent
from aiovdi.errors import OutOfRange, ReadOnlyImage
from aiovdi.storage.base import Storage, flush, read_full, write_full, write_zeroes
from aiovdi.storage.threads import SettlingThreads
from aiovdi.units import SECTOR, KiB, ReadableBuffer, WriteableBuffer, align_up, as_bytes_view

__all__ = ["RawDisk"]

_INLINE_STEP = 256 * KiB
_EXTENTS_PER_HOP = 1024
"""A hop to a thread costs more than a look for a hole."""


class RawDisk:
    """A raw image in ``storage``, which stays the caller's. Offsets and lengths are in bytes."""

    def __init__(self, storage: Storage, *, writable: bool) -> None:
        self._storage = storage
        self._writable = writable

    @property
    def size(self) -> int:
        """Virtual size in bytes."""
        return align_up(self._storage.size, SECTOR)

    async def preadinto(self, buffer: WriteableBuffer, offset: int) -> int:
        """Fill ``buffer`` from ``offset``; returns its length. Raises OutOfRange or StorageError."""
        view = as_bytes_view(buffer)
        self._check_range(len(view), offset)
        done = self._read_cached(view, offset)
        if done < len(view):
            done += await read_full(self._storage, view[done:], offset + done)
        else:
            await asyncio.sleep(0)  # a scan of a cached file would keep the loop to itself
        view[done:] = bytes(len(view) - done)
        return len(view)

    async def pwrite(self, data: ReadableBuffer, offset: int) -> None:
        """Write all of ``data`` at ``offset``. Raises OutOfRange, ReadOnlyImage or StorageError."""
        view = as_bytes_view(data)
        self._check_change(len(view), offset)
        await write_full(self._storage, view, offset)

    async def write_zeroes(self, length: int, offset: int) -> None:
        """Make the range read as zeros, by a hole where that can be. Raises as ``pwrite`` does."""
        self._check_change(length, offset)
        if length:
            await write_zeroes(self._storage, length=length, offset=offset)

    async def extents(self, length: int | None = None, offset: int = 0) -> AsyncIterator[Extent]:
        """What the range consists of, in order. Raises OutOfRange, or OSError as lseek(2)."""
        stop = self.size if length is None else offset + length
        self._check_range(stop - offset, offset)
        fileno = getattr(self._storage, "fileno", None)
        if fileno is None:
            if stop > offset:
                yield _extent(offset, stop, data=True)
            return
        with SettlingThreads(1) as thread:
            while offset < stop:
                for extent in await thread.submit(_look, fileno(), offset, stop):
                    yield extent
                    offset = extent.start + extent.length

    async def flush(self) -> None:
        """When it returns, everything written before survives power loss. Raises StorageError."""
        if self._writable:
            await flush(self._storage)

    async def close(self) -> None:
        """Nothing is held here: the storage is the caller's."""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    def _read_cached(self, view: memoryview, offset: int) -> int:
        done = 0
        while step := self._storage.pread_now(view[done : done + _INLINE_STEP], offset + done):
            done += step
        return done

    def _check_range(self, length: int, offset: int) -> None:
        if offset < 0 or length < 0 or offset + length > self.size:
            raise OutOfRange(offset=offset, length=length, size=self.size)

    def _check_change(self, length: int, offset: int) -> None:
        if not self._writable:
            raise ReadOnlyImage('the raw image was opened with "r"; open it with "r+" to change it')
        self._check_range(length, offset)


def _look(fd: int, offset: int, stop: int) -> list[Extent]:
    """The next extents from ``offset`` on, up to a limit. Blocking."""
    found: list[Extent] = []
    while offset < stop and len(found) < _EXTENTS_PER_HOP:
        start = _seek(fd, offset, os.SEEK_DATA, stop)
        if start > offset:
            found.append(_extent(offset, min(start, stop), data=False))
        offset = _seek(fd, start, os.SEEK_HOLE, stop) if start < stop else stop
        if offset > start:
            found.append(_extent(start, min(offset, stop), data=True))
    return found


def _seek(fd: int, offset: int, what: int, stop: int) -> int:
    """The next data or hole from ``offset`` on. A filesystem that cannot tell says that all is data."""
    try:
        return os.lseek(fd, offset, what)
    except OSError as error:
        if error.errno == errno.ENXIO:  # nothing but a hole, or the end of the file
            return stop
        if error.errno != errno.EINVAL:
            raise
        return offset if what == os.SEEK_DATA else stop


def _extent(start: int, stop: int, *, data: bool) -> Extent:
    return Extent(start, stop - start, 0, present=True, zero=not data, data=data, offset=start)
