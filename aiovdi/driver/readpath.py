"""The read path: from a range of the disk to bytes of the storage.

A read of cached, mapped bytes does not suspend: it is served here, on the event loop, in about two
microseconds, where a thread would cost fifty. Two limits keep that from starving the loop: a *credit*
of one MiB or 64 requests, after which the next read yields once, and no read of more than that is
served in one turn. What is not in the page cache is left to the storage.
"""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from functools import partial
from typing import Any, NamedTuple

from aiovdi.driver.blank import blank, filled
from aiovdi.driver.blockmap import CELL_BITS, CELL_MASK, BlockMap
from aiovdi.errors import CorruptImage
from aiovdi.format.bmap import ZERO
from aiovdi.format.header import Header
from aiovdi.settling import settle_all
from aiovdi.storage.base import Storage, read_full
from aiovdi.units import BlockIndex, KiB, MiB, Segment, Slot, segments

__all__ = ["CREDIT", "CREDIT_PER_SEGMENT", "INLINE_MAX", "Piece", "ReadPath", "in_parallel"]

INLINE_MAX = 64 * KiB
"""Longest request whose answer is read into a scratch buffer and copied; longer ones are read in place."""

INLINE_STEP = 256 * KiB
CREDIT = 1 * MiB
CREDIT_PER_REQUEST = CREDIT // 64
CREDIT_PER_SEGMENT = 1 * KiB
PARTS_AT_ONCE = 32
"""Parts of one request that are under way together; more would only queue below."""

_ZEROS = memoryview(bytes(INLINE_STEP))


class Piece(NamedTuple):
    """Bytes of a request that lie together in the storage."""

    at: int
    """First byte within the request."""
    length: int
    offset: int
    """First byte within the storage."""
    slots: range
    """The slots that they lie in, neighbours in the file."""


class ReadPath:
    """Reads within the disk of an open image; who calls has checked the range, and counts as a request under way."""

    def __init__(self, storage: Storage, header: Header) -> None:
        self._storage = storage
        self._header = header
        self._blockmap = BlockMap(storage, header)
        self._credit = CREDIT
        self._pins: dict[Slot, int] = {}
        # For the inline path, which counts in nanoseconds.
        self._size = header.size
        self._pages = self._blockmap.pages
        self._cells_before = self._blockmap.shift
        self._block_bits = header.block_size.bit_length() - 1
        self._block_mask = header.block_size - 1
        self._pread_now = storage.pread_now
        self._data_offset = header.slot_offset(Slot(0))
        self._slot_stride = header.slot_stride

    # At once

    def pread_now(self, buffer: memoryview, offset: int) -> bool:
        """Fill ``buffer``, a view of bytes, if the page cache has all of it; else False, and ``preadinto`` will tell.

        For a caller that turns the event loop itself and bounds what it reads in one turn: no credit is
        asked for here, so nothing yields. Never raises. Also False for zeros, for what lies in more than
        one block, and on a closed disk.
        """
        length = len(buffer)
        block = offset >> self._block_bits
        cell = block + self._cells_before
        page = self._pages.get(cell >> CELL_BITS)
        if page is None or not length or (offset + length - 1) >> self._block_bits != block:
            return False
        slot = page[cell & CELL_MASK]
        if slot >= ZERO or offset + length > self._size:
            return False
        at = self._data_offset + slot * self._slot_stride + (offset & self._block_mask)
        return self._pread_now(buffer, at) == length

    async def _pread_large_inline(self, length: int, offset: int) -> bytes | None:
        """For what is too large to be copied once more. The answer, or None if it cannot be had without waiting."""
        if self._credit < length:
            await self._spend(self._credit)
        return filled(length, lambda view: self._read_inline(view, length, offset))

    def _read_inline(self, view: memoryview, length: int, offset: int) -> bool:
        """``pread_now`` for what the credit covers."""
        credit = self._credit - (length if length > CREDIT_PER_REQUEST else CREDIT_PER_REQUEST)  # noqa: FURB136
        if credit < 0 or not self.pread_now(view, offset):
            return False
        self._credit = credit
        return True

    async def _spend(self, credit: int) -> None:
        """Yield to the loop once the credit is spent, else a timeout around a scan would never fire."""
        self._credit -= credit
        if self._credit <= 0:
            self._credit = CREDIT
            await asyncio.sleep(0)

    # With waiting

    async def _pread(self, length: int, offset: int) -> bytes:
        whole = blank(length)
        with whole.getbuffer() as view:
            await self._read(view, offset)
        return whole.getvalue()

    async def _read(self, view: memoryview, offset: int) -> None:
        """Fill ``view``: what the page cache has at once, and the rest in parallel."""
        pieces: list[Piece] = []
        await self._spend(CREDIT_PER_REQUEST)
        try:
            await self._plan(pieces, view, offset)
            cold = [rest for piece in pieces if (rest := await self._read_cached(view, piece)) is not None]
            await in_parallel([partial(self._read_cold, view, rest) for rest in cold])
        finally:
            for piece in pieces:
                self._unpin(piece.slots)

    async def _plan(self, pieces: list[Piece], view: memoryview, offset: int) -> None:
        """Append the pieces of the request, each pinned; zero what no slot backs."""
        for segment in segments(offset=offset, length=len(view), block_size=self._header.block_size):
            entry = await self._lookup(segment.block)
            await self._spend(CREDIT_PER_SEGMENT)
            if entry >= ZERO:
                await self._fill_zeros(view[segment.at : segment.at + segment.length])
            else:
                self._add_piece(pieces, segment, Slot(entry))

    async def _lookup(self, block: BlockIndex) -> int:
        """The published entry of ``block``, checked: FREE, ZERO, or a slot that lies in the data area."""
        entry = self._blockmap.peek(block)
        if entry is None:
            entry = await self._blockmap.entry(block)
        if self._header.block_count <= entry < ZERO:
            self._refuse_stray(block, Slot(entry))
        return entry

    def _add_piece(self, pieces: list[Piece], segment: Segment, slot: Slot) -> None:
        """Append ``segment`` in ``slot``, pinned, to the last piece where they lie together."""
        offset = self._data_offset + slot * self._slot_stride + segment.start
        self._pin(slot)
        if pieces:
            last = pieces[-1]
            if last.offset + last.length == offset and last.at + last.length == segment.at:
                slots = range(last.slots.start, slot + 1)
                pieces[-1] = Piece(last.at, last.length + segment.length, last.offset, slots)
                return
        pieces.append(Piece(segment.at, segment.length, offset, range(slot, slot + 1)))

    async def _read_cached(self, view: memoryview, piece: Piece) -> Piece | None:
        """Read what can be had without waiting. Returns what is left."""
        done = 0
        while done < piece.length:
            at = piece.at + done
            step = self._storage.pread_now(view[at : at + min(INLINE_STEP, piece.length - done)], piece.offset + done)
            if not step:
                return Piece(at, piece.length - done, piece.offset + done, range(0))
            done += step
            await self._spend(step)
        return None

    async def _read_cold(self, view: memoryview, piece: Piece) -> None:
        part = view[piece.at : piece.at + piece.length]
        done = await read_full(self._storage, part, piece.offset)
        # A slot may reach past the end of a file that was cut short; what is missing reads as zeros.
        await self._fill_zeros(part[done:])

    async def _fill_zeros(self, view: memoryview) -> None:
        for at in range(0, len(view), INLINE_STEP):
            step = min(INLINE_STEP, len(view) - at)
            view[at : at + step] = _ZEROS[:step]
            await self._spend(step)

    def _refuse_stray(self, block: BlockIndex, slot: Slot) -> None:
        if self._header.slot_offset(slot) >= self._storage.size:
            raise CorruptImage(
                f"bmap entry of block {block} at offset {self._header.entry_offset(block)}: found slot {slot}, "
                f"expected one below {self._header.block_count} or within the {self._storage.size} bytes of the file"
            )

    # Pins

    def _pin(self, slot: Slot) -> None:
        """Every I/O pins its slot from look-up until it has settled; a pinned slot is not made clean."""
        self._pins[slot] = self._pins.get(slot, 0) + 1

    def _unpin(self, slots: range) -> None:
        pins = self._pins
        for slot in map(Slot, slots):
            if pins[slot] == 1:
                del pins[slot]
            else:
                pins[slot] -= 1


async def in_parallel(parts: Sequence[Callable[[], Coroutine[Any, Any, None]]]) -> None:
    """Do the parts of one request. Raises the first failure once all that was begun has settled."""
    if len(parts) == 1:
        await parts[0]()
        return
    for at in range(0, len(parts), PARTS_AT_ONCE):
        await settle_all(*(part() for part in parts[at : at + PARTS_AT_ONCE]))
