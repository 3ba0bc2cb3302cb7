"""A storage in memory: for tests, and for disks that need not outlive the process.

Rule 1: sparse. Only pages that were written exist, so a disk of 500 TiB costs what was put into it.
Rule 2: every change happens in one step of the event loop, after the optional latency; so a call
that is cancelled while it waits has done nothing, and nothing of it is left.
Rule 3: what lies past the end is always ``_blank``, so growing needs no work.
"""

import errno
import os
from collections.abc import Awaitable, Callable, Iterator

from aiovdi.storage.base import Told
from aiovdi.units import KiB, segments

__all__ = ["MemoryStorage"]

_PAGE = 64 * KiB
_STALE = 0xA5
"""What new bytes hold where ``extends_with_zeros`` is false: something that nobody takes for data."""


class MemoryStorage:
    """Bytes in memory with the shape of `Storage`.

    Args:
        content: what the storage holds at first; copied.
        size: its length in bytes, if not that of ``content``; the rest reads as zeros.
        can_grow: False refuses ``resize``, and fails a write past the end with ENOSPC, as a block device does.
        extends_with_zeros: False fills what is added with 0xA5.
        cold: True makes ``pread_now`` serve nothing, as if no page were cached.
        latency: awaited before each read, write, zeroing, resize and flush.
    """

    alignment = 1

    def __init__(
        self,
        content: bytes | bytearray = b"",
        *,
        size: int | None = None,
        can_grow: bool = True,
        extends_with_zeros: bool = True,
        cold: bool = False,
        latency: Callable[[], Awaitable[object]] | None = None,
    ) -> None:
        self.can_grow = can_grow
        self.extends_with_zeros = extends_with_zeros
        self.cold = cold
        self._latency = latency
        self._blank = bytes(_PAGE) if extends_with_zeros else bytes([_STALE]) * _PAGE
        self._pages: dict[int, bytearray] = {}
        self._closed = False
        self._size = len(content)
        self._put(memoryview(content), 0)
        if size is not None and size > len(content):
            self._size = size
            self._put_zeros(size - len(content), len(content))

    @property
    def size(self) -> int:
        return self._size

    def to_bytes(self) -> bytes:
        """A copy of the whole content."""
        content = bytearray(self._size)
        self._get(memoryview(content), 0)
        return bytes(content)

    def pread_now(self, buffer: bytearray | memoryview, offset: int) -> int:
        if self.cold or self._closed:
            return 0
        return self._get(memoryview(buffer), offset)

    async def pread_some(self, buffer: memoryview, offset: int) -> int:
        await self._begin()
        return self._get(buffer, offset)

    def begin_write(self, data: memoryview, offset: int, done: Told) -> bool:  # noqa: ARG002
        return False

    async def pwrite_some(self, data: memoryview, offset: int, *, fua: bool = False) -> int:  # noqa: ARG002
        await self._begin()
        count = self._fit(len(data), offset)
        self._put(data[:count], offset)
        self._size = max(self._size, offset + count)
        return count

    async def write_zeroes(self, length: int, offset: int, *, fua: bool = False) -> None:  # noqa: ARG002
        await self._begin()
        if self._fit(length, offset) < length:
            raise _error(errno.ENOSPC)
        self._put_zeros(length, offset)
        self._size = max(self._size, offset + length) if length else self._size

    async def discard(self, length: int, offset: int) -> None:
        await self._begin()
        self._put_zeros(max(0, min(length, self._size - offset)), offset)

    async def resize(self, size: int) -> None:
        await self._begin()
        if not self.can_grow:
            raise _error(errno.ENOTSUP)
        if size < self._size:
            self._forget_from(size)
        self._size = size

    async def flush(self) -> None:
        await self._begin()

    async def drop_cache(self, length: int, offset: int) -> None:
        """Nothing is cached: the pages are the medium."""

    async def close(self) -> None:
        self._closed = True

    async def _begin(self) -> None:
        if self._latency is not None:
            await self._latency()
        if self._closed:
            raise _error(errno.EBADF)

    def _fit(self, length: int, offset: int) -> int:
        """How much of the range can be written. Raises ENOSPC when that is nothing."""
        if self.can_grow:
            return length
        fitting = min(length, self._size - offset)
        if fitting <= 0 < length:
            raise _error(errno.ENOSPC)
        return fitting

    def _get(self, buffer: memoryview, offset: int) -> int:
        count = max(0, min(len(buffer), self._size - offset))
        for page, start, length, at in segments(offset=offset, length=count, block_size=_PAGE):
            source = self._pages.get(page, self._blank)
            buffer[at : at + length] = memoryview(source)[start : start + length]
        return count

    def _put(self, data: memoryview, offset: int) -> None:
        for page, start, length, at in segments(offset=offset, length=len(data), block_size=_PAGE):
            self._page(page)[start : start + length] = data[at : at + length]

    def _put_zeros(self, length: int, offset: int) -> None:
        first, last = offset // _PAGE, (offset + length) // _PAGE
        if self.extends_with_zeros:  # whole pages vanish without a look at those that do not exist
            for page in list(self._existing(first + 1, last)):
                del self._pages[page]
            ends = [(offset, min(offset + length, (first + 1) * _PAGE)), (max(offset, last * _PAGE), offset + length)]
        else:
            ends = [(offset, offset + length)]
        for start, end in ends:
            for page, at, count, _ in segments(offset=start, length=end - start, block_size=_PAGE):
                if page in self._pages or not self.extends_with_zeros:
                    self._page(page)[at : at + count] = bytes(count)

    def _forget_from(self, size: int) -> None:
        for page in list(self._existing(-(-size // _PAGE), -(-self._size // _PAGE))):
            del self._pages[page]
        if (page := size // _PAGE) in self._pages:
            start = size % _PAGE
            self._pages[page][start:] = self._blank[start:]

    def _existing(self, first: int, end: int) -> Iterator[int]:
        """Pages of ``[first, end)`` that exist, found in the cheaper of the two ways."""
        if end - first < len(self._pages):
            return (page for page in range(first, end) if page in self._pages)
        return (page for page in self._pages if first <= page < end)

    def _page(self, page: int) -> bytearray:
        if page not in self._pages:
            self._pages[page] = bytearray(self._blank)
        return self._pages[page]


def _error(number: int) -> OSError:
    return OSError(number, os.strerror(number))
