"""From one disk to another, in steps: what `convert` does with its bytes.

Rule 1: zeros are not written. Unmapped extents are passed over, and zeros inside mapped ones are
found at a fine grain, so the copy takes no more space than its data.
Rule 2: one worker at a time reads, and begins to write before the next one has read. So writes begin
in the order of the disk, and still several of them run at once.
Rule 3: memory is the workers' buffers, whatever the size of the disk.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import aclosing
from typing import NamedTuple, Protocol

from aiovdi.jobs.images import Image, closing
from aiovdi.jobs.zeros import data_runs
from aiovdi.settling import settle_all
from aiovdi.units import SECTOR, MiB, ReadableBuffer, align_down, align_up

__all__ = ["Copying", "Progress"]

Progress = Callable[[int, int], None]
"""Told after each step how many bytes of how many are done."""

_STEP_BYTES = 1 * MiB
_ZEROING_BYTES_MAX = 64 * MiB
"""How much of a target is zeroed in one request, which no cancel interrupts."""


class Sink(Protocol):
    """What takes the copy. It reads zeros where nothing was written."""

    async def pwrite(self, data: ReadableBuffer, offset: int) -> None: ...


class Zeroable(Sink, Protocol):
    """What takes the copy, and may hold anything before."""

    async def write_zeroes(self, length: int, offset: int) -> None: ...


class _Part(NamedTuple):
    """A range of the source that is dealt with at once."""

    start: int
    length: int
    data: bool


class Copying:
    """One copy of a range of ``source``. Its workers draw parts from one plan.

    Args:
        offset, length: the range, in bytes.
        sparse: how many zeros in a row, at a multiple of as many, are left out; 0: write everything.
        in_order: rule 2; False lets the workers overtake each other.
    """

    def __init__(
        self, source: Image, *, offset: int, length: int, sparse: int, in_order: bool, progress: Progress | None
    ) -> None:
        self._source = source
        self._offset = offset
        self._length = length
        self._sparse = sparse
        self._in_order = in_order
        self._progress = progress
        self._done = 0
        self._stopped = False
        self._turn = asyncio.Lock()  # held by the one worker that draws a part, and reads it if order matters

    async def into(self, target: Sink, *, parallel: int) -> None:
        """Copy to a target that reads zeros, with ``parallel`` workers. Raises what either disk raises."""
        await self._run(target, None, parallel)

    async def over(self, target: Zeroable, *, parallel: int) -> None:
        """Copy to a target that may hold anything, and zero what is not written."""
        await self._run(target, target, parallel)

    async def _run(self, target: Sink, zeroed: Zeroable | None, parallel: int) -> None:
        self._target = target
        self._zeroed = zeroed
        async with aclosing(self._plan()) as self._parts:
            await settle_all(*(self._work() for _ in range(parallel)))

    # The plan

    async def _plan(self) -> AsyncGenerator[_Part, None]:
        """The range in order: steps that hold some data, and what lies between them."""
        at, stop = self._offset, self._offset + self._length
        async with aclosing(self._steps()) as steps:
            async for start, end in steps:
                for gap in _gaps(at, start):
                    yield gap
                yield _Part(start, end - start, data=True)
                at = end
        for gap in _gaps(at, stop):
            yield gap

    async def _steps(self) -> AsyncGenerator[tuple[int, int], None]:
        """Start and end of each step with data. Extents that share a step are copied together."""
        start = end = -1
        async with aclosing(self._cuts()) as cuts:
            async for cut, cut_end in cuts:
                if start >= 0 and align_down(cut, _STEP_BYTES) != align_down(start, _STEP_BYTES):
                    yield start, end
                    start = -1
                start, end = cut if start < 0 else start, cut_end
        if start >= 0:
            yield start, end

    async def _cuts(self) -> AsyncGenerator[tuple[int, int], None]:
        """Extents that are copied, cut between steps, in whole sectors."""
        async with closing(self._source.extents(self._length, self._offset)) as extents:
            async for extent in extents:
                at, stop = extent.start, align_up(extent.start + extent.length, SECTOR)
                while at < stop and (extent.data or not self._sparse):
                    end = min(stop, align_up(at + 1, _STEP_BYTES))
                    yield at, end
                    at = end

    # The work

    async def _work(self) -> None:
        buffer = memoryview(bytearray(_STEP_BYTES))
        try:
            while (part := await self._draw(buffer)) is not None:
                if part.data:
                    await self._store(buffer[: part.length], part.start - self._offset)
                else:
                    await self._zero(part.length, part.start - self._offset)
                self._tell(part.length)
        except BaseException:
            self._stopped = True  # the other workers end with the part that they have
            raise

    async def _draw(self, buffer: memoryview) -> _Part | None:
        """The next part, read."""
        async with self._turn:
            part = None if self._stopped else await anext(self._parts, None)
            if part is not None and self._in_order:
                await self._read(part, buffer)
        if part is not None and not self._in_order:
            await self._read(part, buffer)
        return part

    async def _read(self, part: _Part, buffer: memoryview) -> None:
        if part.data:
            await self._source.preadinto(buffer[: part.length], part.start)

    async def _store(self, view: memoryview, offset: int) -> None:
        at = 0
        for start, length in data_runs(view, self._sparse) if self._sparse else [(0, len(view))]:
            await self._zero(start - at, offset + at)
            await self._target.pwrite(view[start : start + length], offset + start)
            at = start + length
        await self._zero(len(view) - at, offset + at)

    async def _zero(self, length: int, offset: int) -> None:
        if self._zeroed is not None and length:
            await self._zeroed.write_zeroes(length, offset)

    def _tell(self, length: int) -> None:
        self._done += length
        if self._progress is not None:
            self._progress(self._done, self._length)


def _gaps(start: int, stop: int) -> Iterator[_Part]:
    for at in range(start, stop, _ZEROING_BYTES_MAX):
        yield _Part(at, min(_ZEROING_BYTES_MAX, stop - at), data=False)
