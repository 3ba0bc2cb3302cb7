"""The whole bmap, once, as a stream: which slots have an owner, and which have more than one.

Needed before the first change of an image: a slot that the map names must not be handed out, and a
slot that it names twice must not be written. Memory grows with the slots in use, not with the map:
runs of FREE are passed over by comparison, and a chunk is forgotten when it has been read.
"""

import asyncio
from dataclasses import dataclass, field

from aiovdi.format import bmap
from aiovdi.format.bmap import SlotSet
from aiovdi.format.header import Header
from aiovdi.storage.base import Storage, read_full
from aiovdi.units import BlockIndex, KiB, Slot

__all__ = ["Scan", "scan_map"]

CHUNK_BYTES = 64 * KiB
_CHUNKS_PER_TURN = 16
"""FREE chunks passed over before the event loop gets its turn; one with entries gives it at once."""


@dataclass
class Scan:
    """What a map says about slots."""

    used: SlotSet = field(default_factory=SlotSet)
    shared: SlotSet = field(default_factory=SlotSet)
    """Slots with more than one owner."""

    @property
    def end(self) -> Slot:
        """The first slot above every used one."""
        highest = self.used.highest()
        return Slot(0) if highest is None else Slot(highest + 1)


async def scan_map(storage: Storage, header: Header) -> Scan:
    """Read every entry of the bmap.

    An entry that points nowhere (at or above the block count, and past the end of the storage) owns
    nothing: its block raises CorruptImage when it is touched.

    Raises:
        StorageError: a part of the map cannot be read.
    """
    scan = Scan()
    buffer = memoryview(bytearray(CHUNK_BYTES))
    stop = header.block_count * bmap.ENTRY_BYTES
    turn = 0
    for start in range(0, stop, CHUNK_BYTES):
        chunk = buffer[: min(CHUNK_BYTES, stop - start)]
        await _read(storage, chunk, header.bmap_offset + start)
        turn += 1
        if not bmap.is_all_free(chunk):
            _note(scan, header, chunk, BlockIndex(start // bmap.ENTRY_BYTES), storage.size)
            turn = _CHUNKS_PER_TURN
        if turn >= _CHUNKS_PER_TURN:
            turn = 0
            await asyncio.sleep(0)
    return scan


async def _read(storage: Storage, chunk: memoryview, offset: int) -> None:
    done = storage.pread_now(chunk, offset)
    if done < len(chunk):
        done += await read_full(storage, chunk[done:], offset + done)
    chunk[done:] = bmap.free_bytes(len(chunk) - done)


def _note(scan: Scan, header: Header, chunk: memoryview, first: BlockIndex, storage_size: int) -> None:
    for _, slot in bmap.mapped_entries(chunk, first):
        if slot >= header.block_count and header.slot_offset(slot) >= storage_size:
            continue
        if not scan.used.add(slot):
            scan.shared.add(slot)
