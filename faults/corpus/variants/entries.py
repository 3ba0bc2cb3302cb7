"""Broken commits: when a bmap entry reaches the storage, and when others see it.

Each class takes one step of the write path away; its docstring says what is lost, where the like was
found, and which step it breaks.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext

from aiovdi.driver.disk import Disk
from aiovdi.driver.metadata import MetadataWriter
from aiovdi.driver.readpath import Piece
from aiovdi.errors import StorageError
from aiovdi.settling import own
from aiovdi.storage.base import write_full
from aiovdi.units import BlockIndex, Segment, Slot
from faults.corpus.variants.parts import WithMetadata

__all__ = [
    "AcknowledgedBeforeEntry",
    "BmapOvertaken",
    "CancelledCommitForgotten",
    "EntryPublishedEarly",
    "FailedPartSwallowed",
    "LockLeaked",
    "NoSecondLook",
    "PaddedOverNewer",
    "SecondWriterDoesNotWait",
]


class EntryPublishedEarly(Disk):
    """Readers and writers follow an entry that the storage does not have, and it stays when the commit fails.

    1a of the 2011 report (O1 to P4): the next write to the block goes in place and is acknowledged, but
    after the end of the session the block is unmapped. Breaks: publish after commit.
    """

    async def _commit(self, block: BlockIndex, slot: Slot) -> None:
        self._publish(block, slot)
        await super()._commit(block, slot)


class SecondWriterDoesNotWait(Disk):
    """Two writers allocate one block at once; who publishes last hides what the other was told is written.

    1b of the 2011 report (Q1 to Q11), as this driver would have it. Breaks: the allocation lock.
    """

    def _allocation_lock(self, block: BlockIndex) -> AbstractAsyncContextManager[object]:  # noqa: ARG002
        return nullcontext()


class NoSecondLook(Disk):
    """A writer that waited for the lock allocates again, though the block has a slot by now.

    The first writer's data is hidden. The usual slip of double-checked locking. Breaks: the look-up under the lock.
    """

    async def _write_unmapped(self, segment: Segment, data: memoryview) -> None:
        async with self._allocation_lock(segment.block):
            sector = self._blockmap.sector_of(segment.block)
            self._blockmap.hold(sector)
            try:
                await self._allocate(segment, data)
            finally:
                self._blockmap.release(sector)


class LockLeaked(Disk):
    """A cancel between the acquiring of the lock and the ``try`` leaves it locked for ever.

    Every later write to the block hangs. The classic of hand-made context managers. Breaks: the release.
    """

    @asynccontextmanager
    async def _allocation_lock(self, block: BlockIndex) -> AsyncIterator[None]:
        turn = self._locks.of(block)
        await turn.__aenter__()
        await asyncio.sleep(0)
        try:
            yield
        finally:
            await turn.__aexit__()


class PaddedOverNewer(Disk):
    """The new block is visible while it is being written whole, with padding, so a newer small write is lost.

    QEMU's commit f0ab6f1096 mended this in its VDI driver. Breaks: publish after the data, and the caller's bytes only.
    """

    async def _write_data(self, slot: Slot, segment: Segment, data: memoryview) -> None:
        self._publish(segment.block, slot)
        whole = bytearray(self.block_size)
        whole[segment.start : segment.start + segment.length] = data[segment.at : segment.at + segment.length]
        await write_full(self._storage, memoryview(whole), self._header.slot_offset(slot))


class AcknowledgedBeforeEntry(Disk):
    """A write is acknowledged when its data is there and its entry is on the way.

    ``kill -9`` then takes it back, and until the entry is published a read shows the old content.
    Breaks: waiting for the commit.
    """

    async def _commit(self, block: BlockIndex, slot: Slot) -> None:
        own(super()._commit(block, slot))


class CancelledCommitForgotten(Disk):
    """A writer that is cancelled while its entry is being written gives the slot back at once.

    The entry arrives all the same, so two blocks own one slot. Breaks: waiting for what was issued.
    """

    async def _commit(self, block: BlockIndex, slot: Slot) -> None:
        try:
            await asyncio.shield(own(super()._commit(block, slot)))
        except asyncio.CancelledError:
            self._spoil(slot)
            raise


class BmapOvertaken(WithMetadata):
    """Two writes of one bmap sector are under way; the older content, without the newer entry, comes last.

    R1 of what is live in QEMU (there with the header count; the map sector has the same race). Breaks: one writer.
    """

    class metadata(MetadataWriter):  # noqa: N801
        def _wake(self) -> None:
            own(self._work())


class FailedPartSwallowed(Disk):
    """The failure of a part of a request is not told: the write is acknowledged and is not there.

    2 of the 2011 report as this driver would have it. Breaks: the error path of a sub-write.
    """

    async def _write_in_place(self, piece: Piece, data: memoryview, *, fua: bool = False) -> None:
        try:
            await super()._write_in_place(piece, data, fua=fua)
        except StorageError:
            return
