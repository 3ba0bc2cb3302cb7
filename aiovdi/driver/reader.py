"""What every disk has, whether it writes or not: its size, its reads, its extents, and its end.

The checks are here, before a request begins: that the disk is open, and that the range lies within it.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Self

from aiovdi.driver.blank import Gathering
from aiovdi.driver.extents import Extent, walk
from aiovdi.driver.info import Info, describe
from aiovdi.driver.lifecycle import Lifecycle
from aiovdi.driver.readpath import CREDIT, INLINE_MAX, ReadPath
from aiovdi.errors import OutOfRange
from aiovdi.format.header import Header
from aiovdi.settling import own, to_the_end
from aiovdi.storage.base import Storage
from aiovdi.units import MiB, WriteableBuffer, as_bytes_view

__all__ = ["Reader"]

_PREAD_STEP = 1 * MiB


class Reader(ReadPath):
    """A disk that can be read."""

    def __init__(self, storage: Storage, header: Header, *, writable: bool, name: str) -> None:
        super().__init__(storage, header)
        self._name = name
        self._lifecycle = Lifecycle(writable=writable)
        self._scratch = memoryview(bytearray(INLINE_MAX))
        self._closing: asyncio.Task[None] | None = None
        self.on_close: list[Callable[[], Awaitable[None]]] = []
        """What to release at the end of ``close``, first to last: the image lock, the storage."""

    @property
    def size(self) -> int:
        """Virtual size in bytes."""
        return self._size

    @property
    def block_size(self) -> int:
        """Size of a block in bytes, the unit in which the image allocates."""
        return self._header.block_size

    @property
    def header(self) -> Header:
        """The image's header as it was when the disk was opened."""
        return self._header

    @property
    def info(self) -> Info:
        """What the image is, in the terms of ``qemu-img info``."""
        self._lifecycle.admit_read()
        return describe(self._header, self._storage, filename=self._name)

    # Requests

    async def pread(self, length: int, offset: int) -> bytes:
        """``length`` bytes from ``offset`` of the disk. What was never written reads as zeros.

        Raises:
            OutOfRange: the range does not lie within the disk.
            ImageClosed: the disk is closed.
            CorruptImage: the bmap entry of a touched block points outside the file.
            StorageError: the storage failed.
        """
        if 0 < length <= INLINE_MAX:
            view = self._scratch[:length]
            if self._read_inline(view, length, offset):
                return view.tobytes()
        elif INLINE_MAX < length <= CREDIT and (data := await self._pread_large_inline(length, offset)) is not None:
            return data
        self._admit_read(length, offset)
        with self._lifecycle:
            if length <= _PREAD_STEP:
                return await self._pread(length, offset)
            whole = Gathering(length)
            for at in range(0, length, _PREAD_STEP):
                whole.append(await self._pread(min(_PREAD_STEP, length - at), offset + at), at)
            return whole.result()

    async def preadinto(self, buffer: WriteableBuffer, offset: int) -> int:
        """Fill ``buffer`` from ``offset`` of the disk; returns its length. Raises as ``pread`` does.

        The buffer is the disk's until this returns or raises.
        """
        view = as_bytes_view(buffer)
        length = len(view)
        if 0 < length <= CREDIT:
            if self._credit < length:
                await self._spend(self._credit)
            if self._read_inline(view, length, offset):
                return length
        self._admit_read(length, offset)
        with self._lifecycle:
            await self._read(view, offset)
        return length

    async def extents(self, length: int | None = None, offset: int = 0) -> AsyncIterator[Extent]:
        """What the range consists of, in order, neighbours of one kind merged. The default is the whole disk.

        Memory does not grow with the size of the map, and runs of unmapped blocks cost next to nothing.
        Raises as ``pread`` does.
        """
        length = self._size - offset if length is None else length
        self._check_range(length, offset)
        extents = walk(self._header, self._blockmap, self._refuse_stray, offset=offset, length=length)
        while True:
            self._lifecycle.admit_read()
            with self._lifecycle:  # a step at a time: a walk that is left in the middle must not hold up a close
                extent = await anext(extents, None)
            if extent is None:
                return
            yield extent

    async def close(self) -> None:
        """Let the requests under way finish, leave an exact image, release everything, even on error.

        New requests raise ImageClosed from now on. Idempotent. If it is cancelled it still finishes, then
        raises.

        Raises:
            StorageError: a closing step failed. The image is safe to open; it may hold leaked slots.
            DiskFailed: a flush had failed before, and the disk was opened for writing.
        """
        if self._closing is None:
            self._lifecycle.begin_close()
            self._pages = {}  # from now on no read is served inline
            self._closing = own(self._close())
        elif self._closing.done():
            return
        await to_the_end(self._closing)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def _close(self) -> None:
        async with AsyncExitStack() as releases:
            for release in reversed(self.on_close):
                releases.push_async_callback(release)
            releases.callback(self._blockmap.pages.clear)
            await self._lifecycle.idle()
            await self._finish()

    async def _finish(self) -> None:
        """What a writer still has to do."""

    # Checks

    def _admit_read(self, length: int, offset: int) -> None:
        self._lifecycle.admit_read()
        self._check_range(length, offset)

    def _check_range(self, length: int, offset: int) -> None:
        if offset < 0 or length < 0 or offset + length > self._size:
            raise OutOfRange(offset=offset, length=length, size=self._size)
