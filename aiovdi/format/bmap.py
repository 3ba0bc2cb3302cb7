"""The block map: block to slot, one little-endian u32 each.

Rule 1: an entry below ``ZERO`` is a slot; ``ZERO`` reads as zeros and hides the parent; ``FREE`` was
never allocated and shows the parent, or zeros without one.
Rule 2: a map of 500 TiB is 2 GiB of entries, nearly all of them FREE: whoever walks it does so a
chunk at a time, and passes over FREE runs by comparing memory, not by looking at entries.
Rule 3: what is remembered about slots is bits in a sparse set, so that it costs less than the map.
"""

import itertools
import sys
from array import array
from collections.abc import Iterable, Iterator
from typing import cast

from aiovdi.units import BlockIndex, ReadableBuffer, Slot, as_bytes_view

__all__ = [
    "ENTRY_BYTES",
    "FREE",
    "ZERO",
    "SlotSet",
    "count_zero",
    "decode",
    "encode",
    "free_bytes",
    "is_all_free",
    "mapped_entries",
]

FREE = 0xFFFFFFFF
ZERO = 0xFFFFFFFE
ENTRY_BYTES = 4

_SWAP = sys.byteorder == "big"
_FREES = b"\xff" * (64 << 10)
_ZERO_ENTRY = ZERO.to_bytes(ENTRY_BYTES, "little")

# A map that is not all FREE is looked at in pieces: large ones to pass over what is empty, small ones around entries.
_LARGE_PIECE = len(_FREES)
_SMALL_PIECE = 512


def decode(raw: ReadableBuffer) -> memoryview:
    """The entries in ``raw`` as integers of the host, without a copy where the host is little endian."""
    view = as_bytes_view(raw)
    if not _SWAP:
        return view.cast("I")
    entries = array("I", bytes(view))
    entries.byteswap()
    return memoryview(entries)


def encode(entries: Iterable[int]) -> bytes:
    """The bytes of ``entries`` as the file holds them."""
    packed = array("I", entries)
    if _SWAP:
        packed.byteswap()
    return packed.tobytes()


def is_all_free(chunk: ReadableBuffer) -> bool:
    """Every entry in ``chunk`` is FREE. As fast as memory can be compared, and copies nothing."""
    view = as_bytes_view(chunk)
    return all(_FREES.startswith(view[at : at + len(_FREES)]) for at in range(0, len(view), len(_FREES)))


def free_bytes(length: int) -> bytes:
    """``length`` bytes of FREE entries."""
    return _FREES[:length] if length <= len(_FREES) else b"\xff" * length


def count_zero(chunk: ReadableBuffer) -> int:
    """How many entries in ``chunk`` are ZERO."""
    if is_all_free(chunk) or _ZERO_ENTRY not in bytes(chunk):
        return 0
    return array("I", decode(chunk).tobytes()).count(ZERO)


def mapped_entries(raw: ReadableBuffer, first_block: BlockIndex) -> Iterator[tuple[BlockIndex, Slot]]:
    """The blocks that have a slot, in order. ``raw`` holds the entries from ``first_block`` on."""
    view = as_bytes_view(raw)
    for large in _pieces_with_entries(view, 0, len(view), _LARGE_PIECE):
        for at in _pieces_with_entries(view, large, large + _LARGE_PIECE, _SMALL_PIECE):
            yield from _mapped_in_piece(view[at : at + _SMALL_PIECE], first_block + at // ENTRY_BYTES)


def _mapped_in_piece(piece: memoryview, first: int) -> Iterator[tuple[BlockIndex, Slot]]:
    blocks = cast("Iterable[BlockIndex]", itertools.count(first))
    slots = cast("Iterable[Slot]", decode(piece))
    return (pair for pair in zip(blocks, slots, strict=False) if pair[1] < ZERO)


def _pieces_with_entries(view: memoryview, start: int, stop: int, piece: int) -> Iterator[int]:
    for at in range(start, min(stop, len(view)), piece):
        if not _FREES.startswith(view[at : at + piece]):
            yield at


_SHIFT = 9
_BITS = 1 << _SHIFT
"""Slots in one mask. Larger masks cost less memory for each slot and more time for each ``add``."""


class SlotSet:
    """A set of slots as a dict of bit masks: about half a byte for each slot of a dense run."""

    __slots__ = ("_count", "_masks", "_top")

    def __init__(self) -> None:
        self._masks: dict[int, int] = {}
        self._count = 0
        self._top = -1
        """No key of ``_masks`` is above it."""

    def add(self, slot: Slot) -> bool:
        """Put ``slot`` in. Returns False if it was there already."""
        key, bit = slot >> _SHIFT, 1 << (slot & _BITS - 1)
        mask = self._masks.get(key, 0)
        if mask & bit:
            return False
        self._masks[key] = mask | bit
        self._count += 1
        if key > self._top:  # noqa: PLR1730  (a call of max takes a quarter of the whole add)
            self._top = key
        return True

    def discard(self, slot: Slot) -> None:
        """Take ``slot`` out if it is there."""
        if slot not in self:
            return
        key = slot // _BITS
        self._masks[key] ^= 1 << slot % _BITS
        self._count -= 1
        if not self._masks[key]:
            del self._masks[key]

    def __contains__(self, slot: Slot) -> bool:
        return bool(self._masks.get(slot // _BITS, 0) >> slot % _BITS & 1)

    def __len__(self) -> int:
        return self._count

    def highest(self) -> Slot | None:
        """The largest slot; None if the set is empty."""
        if not self._masks:
            return None
        if self._top not in self._masks:
            self._top = max(self._masks)
        return Slot(self._top * _BITS + self._masks[self._top].bit_length() - 1)

    def gaps(self, stop: Slot) -> Iterator[tuple[Slot, Slot]]:
        """Runs ``(first, end)`` of slots below ``stop`` that are not in the set, in order; ``end`` is excluded.

        Costs nothing for the length of a run. The set may change meanwhile: what a run says was true
        at some instant since the call.
        """
        start = 0
        for first, end in self._runs():
            if first >= stop:
                break
            if start < first:
                yield Slot(start), Slot(first)
            start = end
        if start < stop:
            yield Slot(start), stop

    def _runs(self) -> Iterator[tuple[int, int]]:
        """Runs ``(first, end)`` of slots in the set, in order, cut at the masks' borders."""
        for key in sorted(self._masks):
            mask, at = self._masks.get(key, 0), key * _BITS
            while mask:
                skipped = (mask & -mask).bit_length() - 1
                mask >>= skipped
                length = (mask + 1 & ~mask).bit_length() - 1
                yield at + skipped, at + skipped + length
                mask >>= length
                at += skipped + length
