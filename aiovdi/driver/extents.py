"""Runs of the disk with one state, as ``qemu-img map`` tells them.

The bmap is walked a page at a time and a page of FREE entries is passed over by one comparison, so
the walk of an empty disk of 500 TiB is the reading of its map and nothing more.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from typing import NamedTuple, TypeAlias

from aiovdi.driver.blockmap import BlockMap
from aiovdi.format import bmap
from aiovdi.format.header import Header
from aiovdi.units import BlockIndex, Slot, segments

__all__ = ["Extent", "walk"]

_PAGES_PER_TURN = 64

Check: TypeAlias = Callable[[BlockIndex, Slot], None]


class Extent(NamedTuple):
    """A run of the disk with one state. The fields are those of ``qemu-img map --output json``."""

    start: int
    """First byte on the disk."""
    length: int
    depth: int
    """0: this image; 1: its parent; and so on."""
    present: bool
    """The content is decided by an image of the chain. Without a parent that is always so, as for QEMU."""
    zero: bool
    """Reads as zeros."""
    data: bool
    """Stored in a slot."""
    offset: int | None
    """First byte in the file, where ``data``."""


async def walk(
    header: Header, blockmap: BlockMap, refuse_stray: Check, *, offset: int, length: int
) -> AsyncIterator[Extent]:
    """The extents of a range of the disk, in order, neighbours of one kind merged.

    ``refuse_stray`` raises for an entry at or above the block count that leads out of the file.
    """
    if not length:
        return
    whole: Extent | None = None
    pages = 0
    async for part in _parts(header, blockmap, refuse_stray, offset, offset + length):
        if whole is not None and (joined := _join(whole, part)) is not None:
            whole = joined
        else:
            if whole is not None:
                yield whole
            whole = part
        pages += 1
        if pages % _PAGES_PER_TURN == 0:
            await asyncio.sleep(0)
    if whole is not None:
        yield whole


async def _parts(
    header: Header, blockmap: BlockMap, refuse_stray: Check, start: int, stop: int
) -> AsyncIterator[Extent]:
    """Extents cut at least at page borders, clipped to the range."""
    size = header.block_size
    (first, *_), end = segments(offset=start, length=1, block_size=size), -(-stop // size)
    block = first.block
    while block < end:
        entries = await blockmap.stretch(block, BlockIndex(end))
        for run_start, run_length, entry in _runs(entries, are_neighbours=not header.block_extra):
            if (last := entry + run_length - 1) >= header.block_count and entry < bmap.ZERO:
                refuse_stray(BlockIndex(block + run_start + run_length - 1), Slot(last))
            begin = max(start, (block + run_start) * size)
            finish = min(stop, (block + run_start + run_length) * size)
            within = begin - (block + run_start) * size
            yield _extent(header, begin, finish - begin, entry, within)
        block = BlockIndex(block + len(entries))


def _runs(entries: memoryview, *, are_neighbours: bool) -> Iterator[tuple[int, int, int]]:
    """Start, length and first entry of each run of one kind. With extra bytes between slots, none are neighbours."""
    if bmap.is_all_free(entries):
        yield 0, len(entries), bmap.FREE
        return
    start = 0
    for at in range(1, len(entries)):
        entry, before = entries[at], entries[at - 1]
        together = are_neighbours and entry == before + 1 if entry < bmap.ZERO else before >= bmap.ZERO
        if not together:
            yield start, at - start, entries[start]
            start = at
    yield start, len(entries) - start, entries[start]


def _extent(header: Header, start: int, length: int, entry: int, within: int) -> Extent:
    if entry >= bmap.ZERO:
        return Extent(start, length, 0, present=True, zero=True, data=False, offset=None)
    offset = header.slot_offset(Slot(entry)) + within
    return Extent(start, length, 0, present=True, zero=False, data=True, offset=offset)


def _join(left: Extent, right: Extent) -> Extent | None:
    """One extent for both, if they are of one kind and lie together."""
    follows = None if left.offset is None else left.offset + left.length
    if left.data != right.data or right.offset != follows:
        return None
    return left._replace(length=left.length + right.length)
