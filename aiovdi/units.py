"""Sizes, and the one place where an offset is divided.

Rule 1: everything is bytes unless its name says otherwise.
Rule 2: blocks, slots and sectors are different integers, so they are different types.
Rule 3: nobody else calls ``divmod`` on an offset; a request becomes segments here.
"""

from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import TYPE_CHECKING, NamedTuple, NewType, TypeVar

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer, WriteableBuffer
else:
    ReadableBuffer = WriteableBuffer = object

__all__ = [
    "GiB",
    "KiB",
    "MiB",
    "ReadableBuffer",
    "SECTOR",
    "BlockIndex",
    "Segment",
    "Slot",
    "TiB",
    "WriteableBuffer",
    "align_down",
    "align_up",
    "as_bytes_view",
    "runs_of",
    "segments",
]

KiB = 1 << 10
MiB = 1 << 20
GiB = 1 << 30
TiB = 1 << 40

SECTOR = 512
"""The unit of atomicity: a sector is written whole or not at all."""

BlockIndex = NewType("BlockIndex", int)
"""Position of a block in the virtual disk, from 0."""

Slot = NewType("Slot", int)
"""Position of a block's data in the file, from 0."""


class Segment(NamedTuple):
    """The part of a request that lies inside one block."""

    block: BlockIndex
    start: int
    """First byte within the block."""
    length: int
    at: int
    """First byte within the request's buffer."""


def segments(*, offset: int, length: int, block_size: int) -> Iterator[Segment]:
    """Cut ``length`` bytes at ``offset`` of the disk at block boundaries, in order."""
    at = 0
    while at < length:
        block, start = divmod(offset + at, block_size)
        step = min(length - at, block_size - start)
        yield Segment(BlockIndex(block), start, step, at)
        at += step


def align_down(value: int, unit: int) -> int:
    """The largest multiple of ``unit`` that is at most ``value``."""
    return value - value % unit


def align_up(value: int, unit: int) -> int:
    """The smallest multiple of ``unit`` that is at least ``value``."""
    return -(-value // unit) * unit


Index = TypeVar("Index", bound=int)


def runs_of(ascending: Iterable[Index]) -> list[tuple[Index, Index]]:
    """First and last of each run of neighbours."""
    runs = []
    for _, run in groupby(enumerate(ascending), key=lambda pair: pair[1] - pair[0]):
        members = [index for _, index in run]
        runs.append((members[0], members[-1]))
    return runs


def as_bytes_view(buffer: ReadableBuffer) -> memoryview:
    """A flat view of single bytes over any C-contiguous buffer.

    Raises:
        TypeError: ``buffer`` has no buffer interface, or is not contiguous.
    """
    view = memoryview(buffer)
    return view if view.format == "B" and view.ndim == 1 and view.c_contiguous else view.cast("B")
