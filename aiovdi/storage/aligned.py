"""Byte-granular access to a storage that takes only whole units (O_DIRECT, some NBD exports).

A write of part of a unit reads it, changes it and writes it back. Without order two of these, or
one of them and a whole write, lose bytes (nbdkit calls it sharding)::

    t   A writes bytes 0-511 of unit 7      B writes bytes 512-1023 of unit 7
    0   reads unit 7
    1                                       reads unit 7, changes its part, writes it back
    2   changes its part, writes it back    B's bytes are gone

Rule 1: every write holds the units that it touches, all of them at once, so there is no order of
locks to get wrong. Reads hold nothing: a read beside a write may see either.
Rule 2: a write that reaches into the last, partial unit holds everything from there on, and cuts the
padding off again: the length is exact, but for the time of that write.
Rule 3: the caller's memory is never used for I/O. Buffers are whole pages, at page addresses.
"""

import asyncio
import errno
import mmap
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from aiovdi.settling import own, to_the_end
from aiovdi.storage.base import Storage, Told
from aiovdi.units import MiB, align_down, align_up

__all__ = ["AlignedStorage"]

_BOUNCE_MAX = 1 * MiB
_EVERYTHING = 1 << 63


class AlignedStorage:
    """`Storage` with ``alignment`` 1 over one with a larger alignment, which it owns."""

    alignment = 1
    fileno: Callable[[], int]  # only where the storage below has it

    def __init__(self, inner: Storage) -> None:
        self._inner = inner
        self._unit = inner.alignment
        self.can_grow = inner.can_grow
        self.extends_with_zeros = inner.extends_with_zeros
        self.flush = inner.flush
        self.drop_cache = inner.drop_cache
        self._size = inner.size
        self._held = _Ranges()
        self._closing: asyncio.Task[None] | None = None
        if hasattr(inner, "fileno"):
            self.fileno = inner.fileno

    @property
    def size(self) -> int:
        return self._size

    def pread_now(self, buffer: bytearray | memoryview, offset: int) -> int:  # noqa: ARG002
        """Nothing: what needs alignment goes past the page cache."""
        return 0

    async def pread_some(self, buffer: memoryview, offset: int) -> int:
        start = align_down(offset, self._unit)
        end = min(align_up(offset + len(buffer), self._unit), start + _BOUNCE_MAX)
        bounce = _aligned_buffer(end - start)
        got = await self._read_units(bounce, start)
        count = max(0, min(start + got, self._size, offset + len(buffer)) - offset)
        buffer[:count] = bounce[offset - start : offset - start + count]
        return count

    def begin_write(self, data: memoryview, offset: int, done: Told) -> bool:  # noqa: ARG002
        return False

    async def pwrite_some(self, data: memoryview, offset: int, *, fua: bool = False) -> int:
        self._check_open()
        if not data:
            return 0
        data = data[: self._fit(len(data), offset)]
        async with self._hold_for_change(offset, offset + len(data)):
            await self._merge(data, offset, fua)
        return len(data)

    async def write_zeroes(self, length: int, offset: int, *, fua: bool = False) -> None:
        end = offset + length
        if end > self._size and not self.can_grow:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        start_whole = min(align_up(offset, self._unit), end)
        end_whole = max(align_down(end, self._unit), start_whole)
        await self._write_edge(start_whole - offset, offset, fua)
        if end_whole > start_whole:
            await self._zero_whole(start_whole, end_whole, fua)
        await self._write_edge(end - end_whole, end_whole, fua)

    async def discard(self, length: int, offset: int) -> None:
        start = align_up(offset, self._unit)
        end = align_down(min(offset + length, self._size), self._unit)
        if end > start:
            async with self._held.hold(lambda: (start, end)):
                await self._inner.discard(end - start, start)

    async def resize(self, size: int) -> None:
        self._check_open()
        async with self._held.hold(lambda: (align_down(min(size, self._size), self._unit), _EVERYTHING)):
            try:
                await self._inner.resize(size)
            finally:
                self._size = self._inner.size

    async def close(self) -> None:
        if self._closing is None:
            self._closing = own(self._close())
        await to_the_end(self._closing)

    async def _close(self) -> None:
        async with self._held.hold(lambda: (0, _EVERYTHING)):
            await self._inner.close()

    def _check_open(self) -> None:
        if self._closing is not None:
            raise OSError(errno.EBADF, os.strerror(errno.EBADF))

    def _fit(self, length: int, offset: int) -> int:
        """How much of a write to take: what the bounce buffer holds, and what lies before a fixed end."""
        fitting = min(length, _BOUNCE_MAX - offset % self._unit)
        if self.can_grow:
            return fitting
        if offset >= self._size:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return min(fitting, self._size - offset)

    @asynccontextmanager
    async def _hold_for_change(self, start: int, end: int) -> AsyncIterator[None]:
        async with self._held.hold(lambda: self._units(start, end)) as (_, last):
            try:
                yield
            finally:
                if last == _EVERYTHING:
                    await self._settle_length(end)

    def _units(self, start: int, end: int) -> tuple[int, int]:
        first, last = align_down(start, self._unit), align_up(end, self._unit)
        if last <= self._size:
            return first, last
        return min(first, align_down(self._size, self._unit)), _EVERYTHING

    async def _merge(self, data: memoryview, offset: int, fua: bool) -> None:
        """Write whole units: ``data``, and around it what is there."""
        start, end = align_down(offset, self._unit), align_up(offset + len(data), self._unit)
        bounce = _aligned_buffer(end - start)
        torn = {start} if start < offset else set()
        torn |= {end - self._unit} if offset + len(data) < end else set()
        for edge in sorted(torn):
            await self._read_units(bounce[edge - start : edge - start + self._unit], edge)
        bounce[offset - start : offset - start + len(data)] = data
        await self._write_units(bounce, start, fua)

    async def _settle_length(self, end: int) -> None:
        """After a write up to ``end``: note how long the storage is, without padding."""
        length = max(self._size, min(end, self._inner.size))
        if self.can_grow and self._inner.size > length:
            await self._inner.resize(length)
        self._size = length

    async def _write_edge(self, length: int, offset: int, fua: bool) -> None:
        zeros = memoryview(bytes(length))
        while zeros:
            step = await self.pwrite_some(zeros, offset, fua=fua)
            zeros, offset = zeros[step:], offset + step

    async def _zero_whole(self, start: int, end: int, fua: bool) -> None:
        self._check_open()
        async with self._hold_for_change(start, end):
            await self._inner.write_zeroes(end - start, start, fua=fua)

    async def _read_units(self, buffer: memoryview, offset: int) -> int:
        """Fill ``buffer``. A step that is no whole unit was the last one: the end of the storage."""
        done = 0
        while done < len(buffer):
            step = await self._inner.pread_some(buffer[done:], offset + done)
            done += step
            if not step or step % self._unit:
                break
        return done

    async def _write_units(self, data: memoryview, offset: int, fua: bool) -> None:
        done = 0
        while done < len(data):
            step = align_down(await self._inner.pwrite_some(data[done:], offset + done, fua=fua), self._unit)
            if not step:
                raise OSError(errno.EIO, "less than one unit was written")
            done += step


class _Ranges:
    """Ranges of units that writers hold; those that overlap wait for each other."""

    def __init__(self) -> None:
        self._held: list[tuple[int, int, asyncio.Event]] = []

    @asynccontextmanager
    async def hold(self, wanted: Callable[[], tuple[int, int]]) -> AsyncIterator[tuple[int, int]]:
        """Hold a range, which is asked for again after each wait: where the end lies may have changed."""
        while released := self._overlapping(*wanted()):
            await released.wait()
        start, end = wanted()
        mine = (start, end, asyncio.Event())
        self._held.append(mine)
        try:
            yield start, end
        finally:
            self._held.remove(mine)
            mine[2].set()

    def _overlapping(self, start: int, end: int) -> asyncio.Event | None:
        return next((released for first, last, released in self._held if first < end and start < last), None)


def _aligned_buffer(length: int) -> memoryview:
    return memoryview(mmap.mmap(-1, max(length, 1)))[:length]
