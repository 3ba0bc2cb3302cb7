"""The write path: how a change within the disk reaches the storage. It reads as its ordering.

::

    segment of a request inside one block
      mapped?        write in place; nobody waits
      not mapped:    take the block's allocation lock      later writes to this block wait here
                     take a clean slot                     memory only; not visible
                     write the caller's bytes into it      the rest of the slot reads zeros already
                     commit the bmap entry                 with all that wait for the same sector
                     publish in memory, release the lock, acknowledge

Each step is a method of its own, so that a harness can take one away and show what is lost.
"""

from contextlib import AbstractAsyncContextManager
from functools import partial

from aiovdi.driver.allocation import AllocationLocks
from aiovdi.driver.blockmap import SectorIndex
from aiovdi.driver.extents import walk
from aiovdi.driver.inplace import InPlaceWriter
from aiovdi.driver.metadata import MetadataWriter
from aiovdi.driver.readpath import CREDIT_PER_SEGMENT, Piece, in_parallel
from aiovdi.driver.slots import Slots
from aiovdi.errors import CorruptImage
from aiovdi.format.bmap import ZERO
from aiovdi.format.header import Header
from aiovdi.storage.base import Storage, write_full, write_zeroes
from aiovdi.units import BlockIndex, Segment, Slot, segments

__all__ = ["WritePath"]


class WritePath(InPlaceWriter):
    """Changes within the disk of an open image; who calls has begun the session, and counts as a request under way."""

    def __init__(
        self, storage: Storage, header: Header, *, writable: bool, write_through: bool = False, name: str = ""
    ) -> None:
        super().__init__(storage, header, writable=writable, write_through=write_through, name=name)
        self._locks = AllocationLocks()
        self._flusher = self._session.flusher
        self._metadata = MetadataWriter(storage, self._blockmap, self._flusher, self._lifecycle, self)
        self._slots = Slots(storage, header, self._metadata, self._flusher, self._pins)
        self._session.attach(self._metadata, self._slots)

    # Writes

    async def _write(self, data: memoryview, offset: int, *, fua: bool) -> None:
        block = offset >> self._block_bits
        if (offset + len(data) - 1) >> self._block_bits == block:
            segment = Segment(BlockIndex(block), offset & self._block_mask, len(data), 0)
            is_durable = await self._write_segment(segment, data, fua=fua)
        else:
            is_durable = await self._write_segments(data, offset, fua=fua)
        if fua and not is_durable:
            # One flush covers the data, the entry that leads to it, and whatever else it waits for.
            await self._flush_storage()

    async def _write_segment(self, segment: Segment, data: memoryview, *, fua: bool) -> bool:
        """Write within one block. Returns whether it is durable already, which only ``fua`` can make it."""
        entry = await self._lookup(segment.block)
        if entry >= ZERO:
            await self._write_unmapped(segment, data)
            return False
        self._refuse_shared(segment.block, Slot(entry))
        direct = fua and self._is_durable(segment.block)
        await self._write_mapped(segment, Slot(entry), data, fua=direct)
        return direct

    async def _write_segments(self, data: memoryview, offset: int, *, fua: bool) -> bool:
        """Write across blocks, all parts at once. Returns as ``_write_segment`` does."""
        pieces: list[Piece] = []
        unmapped: list[Segment] = []
        try:
            await self._plan_change(pieces, unmapped, offset=offset, length=len(data))
            direct = fua and not unmapped and all(self._is_durable(block) for block in self._blocks(offset, len(data)))
            work = [partial(self._write_in_place, piece, data, fua=direct) for piece in pieces]
            work += [partial(self._write_unmapped, segment, data) for segment in unmapped]
            await in_parallel(work)
        finally:
            for piece in pieces:
                self._unpin(piece.slots)
        return direct

    async def _plan_change(self, pieces: list[Piece], unmapped: list[Segment], *, offset: int, length: int) -> None:
        """Append the mapped parts of the range, pinned, and the segments that have no slot."""
        for segment in segments(offset=offset, length=length, block_size=self.block_size):
            entry = await self._lookup(segment.block)
            await self._spend(CREDIT_PER_SEGMENT)
            if entry < ZERO:
                self._refuse_shared(segment.block, Slot(entry))
                self._add_piece(pieces, segment, Slot(entry))
            else:
                unmapped.append(segment)

    async def _write_in_place(self, piece: Piece, data: memoryview, *, fua: bool = False) -> None:
        part = data[piece.at : piece.at + piece.length]
        if fua:
            await self._flusher.write_fua(part, piece.offset)
        else:
            await write_full(self._storage, part, piece.offset)

    async def _write_unmapped(self, segment: Segment, data: memoryview) -> None:
        async with self._allocation_lock(segment.block):
            entry = await self._lookup(segment.block)
            if entry >= ZERO:
                sector = self._blockmap.sector_of(segment.block)
                self._blockmap.hold(sector)
                try:
                    await self._allocate(segment, data)
                finally:
                    self._blockmap.release(sector)
                return
        # Another writer came first; from here on nobody waits for anybody.
        await self._write_mapped(segment, Slot(entry), data)

    async def _write_mapped(self, segment: Segment, slot: Slot, data: memoryview, *, fua: bool = False) -> None:
        pieces: list[Piece] = []
        self._add_piece(pieces, segment, slot)
        try:
            await self._write_in_place(pieces[0], data, fua=fua)
        finally:
            self._unpin(pieces[0].slots)

    async def _allocate(self, segment: Segment, data: memoryview) -> None:
        slot = await self._take_clean()
        try:
            await self._write_data(slot, segment, data)
        except BaseException:
            self._spoil(slot)
            raise
        await self._commit(segment.block, slot)

    # The steps of an allocation. A step that may be missing in a broken driver is a method here.

    def _allocation_lock(self, block: BlockIndex) -> AbstractAsyncContextManager[object]:
        return self._locks.of(block)

    async def _take_clean(self) -> Slot:
        return await self._slots.take_clean()

    async def _write_data(self, slot: Slot, segment: Segment, data: memoryview) -> None:
        """The caller's bytes only: the rest of a clean slot reads as it must."""
        part = data[segment.at : segment.at + segment.length]
        self._pin(slot)
        try:
            await write_full(self._storage, part, self._header.slot_offset(slot) + segment.start)
        finally:
            self._unpin(range(slot, slot + 1))

    def _spoil(self, slot: Slot) -> None:
        """A request that failed or was cancelled may have left bytes in ``slot``."""
        self._slots.spoil(slot)

    async def _commit(self, block: BlockIndex, slot: Slot) -> None:
        """Bring the entry to the storage. Before this returns or raises, one of the next three has been called."""
        await self._metadata.commit(block, slot)

    def _publish(self, block: BlockIndex, slot: Slot) -> None:
        """The storage has the entry: readers may follow it."""
        self._slots.publish(slot)
        self._blockmap.publish(block, slot)

    def _doubt(self, slot: Slot, sector: SectorIndex) -> None:
        """The write of the entry failed: the storage may have it or not."""
        self._slots.doubt(slot, sector)

    def _withdraw(self, slot: Slot) -> None:
        """The entry was never issued, but the data was."""
        self._spoil(slot)

    def _settled(self, sector: SectorIndex) -> None:
        """A sector in doubt was rewritten with published entries."""
        self._slots.settled(sector)

    # Zeros

    async def _zero(self, length: int, offset: int, *, fua: bool) -> None:
        if self._metadata.is_unsettled:
            # The storage may name a slot with the bytes of a failed write; they must not come back.
            await self._settle_unsettled()
        async for extent in walk(self._header, self._blockmap, self._refuse_stray, offset=offset, length=length):
            if extent.data:
                await self._zero_mapped(extent.length, extent.start)
        if fua:
            await self._flush_storage()

    async def _zero_mapped(self, length: int, offset: int) -> None:
        pieces: list[Piece] = []
        try:
            await self._plan_change(pieces, [], offset=offset, length=length)
            await in_parallel([partial(self._zero_in_place, piece) for piece in pieces])
        finally:
            for piece in pieces:
                self._unpin(piece.slots)

    async def _zero_in_place(self, piece: Piece) -> None:
        await write_zeroes(self._storage, length=piece.length, offset=piece.offset)

    # Stable storage

    async def _settle_unsettled(self) -> None:
        """Rewrite the bmap sectors that a failed commit has left in doubt."""
        await self._metadata.settle()

    async def _flush_storage(self) -> None:
        await self._flusher.flush()

    def _is_durable(self, block: BlockIndex) -> bool:
        """Whether FUA on the data alone would do: the way to it is on stable storage."""
        return self._metadata.is_durable(block)

    # Checks

    def _refuse_shared(self, block: BlockIndex, slot: Slot) -> None:
        if slot in self._session.scan.shared:
            raise CorruptImage(
                f"bmap entry of block {block} at offset {self._header.entry_offset(block)}: found slot {slot}, "
                "which another block owns too; expected a slot of its own, so writing would change both"
            )

    def _blocks(self, offset: int, length: int) -> list[BlockIndex]:
        return [part.block for part in segments(offset=offset, length=length, block_size=self.block_size)]
