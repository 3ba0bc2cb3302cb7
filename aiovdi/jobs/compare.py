"""Do two images show the same disk? As ``qemu-img compare`` asks it, in bounded memory.

Where both are unmapped nothing is read; where one is, the other must hold zeros; where both hold
data it is compared. What the larger one has beyond the end of the smaller must be zeros.
"""

from collections.abc import AsyncGenerator, Callable
from contextlib import AsyncExitStack, aclosing
from dataclasses import dataclass
from typing import NamedTuple

from aiovdi.driver.opening import Cache, Target
from aiovdi.jobs.images import Format, Image, closing, open_image
from aiovdi.jobs.zeros import first_difference
from aiovdi.units import SECTOR, MiB, align_down

__all__ = ["Comparison", "compare"]

_STEP_BYTES = 1 * MiB
_ZEROS = bytes(_STEP_BYTES)


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """How two images compare. Offsets are in bytes."""

    sizes: tuple[int, int]
    content_offset: int | None = None
    """The first sector whose content differs."""
    status_offset: int | None = None
    """Strict mode: where one image is mapped and the other is not."""
    strict: bool = False

    @property
    def same_size(self) -> bool:
        """Both disks have the same size."""
        return self.sizes[0] == self.sizes[1]

    @property
    def identical(self) -> bool:
        """No difference that counts. Sizes count in strict mode only."""
        same = self.content_offset is None and self.status_offset is None
        return same and (self.same_size or not self.strict)


class _Stretch(NamedTuple):
    """A range of the disk in which neither image changes its state."""

    start: int
    length: int
    has_data: tuple[bool, bool]


async def compare(
    first: Target,
    second: Target,
    *,
    formats: tuple[Format | None, Format | None] = (None, None),
    strict: bool = False,
    cache: Cache = "writeback",
    lock: bool = True,
    progress: Callable[[int, int], None] | None = None,
) -> Comparison:
    """Compare two images up to their first difference.

    Args:
        first, second: paths, or ``Storage`` objects, which are neither locked nor closed.
        formats: of either image; None looks for itself.
        strict: different sizes, and a block mapped in one image only, are differences too.
        cache, lock: as for ``aiovdi.open``.
        progress: told after each step how many bytes of how many are done.

    Raises:
        FormatError, ImageLocked, CorruptImage, StorageError, OSError: one of the two cannot be opened or read.
    """
    async with AsyncExitStack() as opened:
        a, b = [
            await opened.enter_async_context(open_image(target, format=format_, cache=cache, lock=lock))
            for target, format_ in zip((first, second), formats, strict=True)
        ]
        sizes = (a.size, b.size)
        if strict and a.size != b.size:
            return Comparison(sizes=sizes, strict=True)
        content, status = await _Comparer(a, b, progress or _tell_nobody).run(strict=strict)
        return Comparison(sizes=sizes, content_offset=content, status_offset=status, strict=strict)


def _tell_nobody(done: int, total: int) -> None:
    pass


class _Comparer:
    """One comparison: two images and a buffer for each."""

    def __init__(self, a: Image, b: Image, progress: Callable[[int, int], None]) -> None:
        self._images = a, b
        self._progress = progress
        self._total = max(a.size, b.size)
        self._buffers = bytearray(_STEP_BYTES), bytearray(_STEP_BYTES)

    async def run(self, *, strict: bool) -> tuple[int | None, int | None]:
        """Offset of the first difference in content, or that of one in allocation which comes before it."""
        async with aclosing(_stretches(*self._images)) as stretches:
            async for stretch in stretches:
                if strict and stretch.has_data[0] != stretch.has_data[1]:
                    return None, stretch.start
                if any(stretch.has_data) and (offset := await self._difference(stretch)) is not None:
                    return offset, None
                self._progress(stretch.start + stretch.length, self._total)
        return None, None

    async def _difference(self, stretch: _Stretch) -> int | None:
        """Offset of the first sector of ``stretch`` that differs."""
        stop = stretch.start + stretch.length
        for start in range(stretch.start, stop, _STEP_BYTES):
            at = await self._difference_in_step(start, min(_STEP_BYTES, stop - start), stretch.has_data)
            if at is not None:
                return align_down(start + at, SECTOR)
            self._progress(min(start + _STEP_BYTES, stop), self._total)
        return None

    async def _difference_in_step(self, start: int, length: int, has_data: tuple[bool, bool]) -> int | None:
        left, right = (memoryview(buffer)[:length] for buffer in self._buffers)
        for image, view, present in zip(self._images, (left, right), has_data, strict=True):
            if present:
                await image.preadinto(view, start)
        if all(has_data):
            return first_difference(self._buffers[0], right)
        return first_difference(_ZEROS, left if has_data[0] else right)


async def _stretches(a: Image, b: Image) -> AsyncGenerator[_Stretch, None]:
    """Both disks, cut wherever one of them changes its state; beyond its end a disk has no data."""
    start, stop = 0, max(a.size, b.size)
    async with aclosing(_with_tail(a, stop)) as left, aclosing(_with_tail(b, stop)) as right:
        x_end = y_end = 0
        while start < stop:
            if x_end == start:
                x_end, x_data = await anext(left)
            if y_end == start:
                y_end, y_data = await anext(right)
            end = min(x_end, y_end)
            yield _Stretch(start, end - start, (x_data, y_data))
            start = end


async def _with_tail(image: Image, stop: int) -> AsyncGenerator[tuple[int, bool], None]:
    """End of each extent of ``image``, and whether it has data, up to ``stop``."""
    async with closing(image.extents()) as extents:
        async for extent in extents:
            yield extent.start + extent.length, extent.data
    if image.size < stop:
        yield stop, False
