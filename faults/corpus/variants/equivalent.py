"""Variants that look like bugs and are none under the device model: reporting one is a false alarm.

Each says why nothing can be lost. They keep the judge honest: an oracle that wants more than the
promises, or a model that loses more than disks do, shows here first.
"""

import heapq

from aiovdi.driver.blockmap import SectorIndex
from aiovdi.driver.disk import Disk
from aiovdi.driver.session import Session
from aiovdi.driver.slots import Slots
from aiovdi.settling import settle_all
from aiovdi.storage.base import write_full
from aiovdi.units import Segment, Slot
from faults.corpus.variants.parts import Other, WithSession, WithSlots, standing_in

__all__ = ["EntryBesideData", "HighestSlotFirst", "NoFirstFlush", "NoPins", "PaddedUnderLock", "SettledIsDirty"]


class PaddedUnderLock(Disk):
    """A new block is written whole, padded with zeros, as QEMU does.

    No bug: the slot reads zeros already, and nobody sees the block before its entry is published. Only
    slower. (With the entry published first it is ``PaddedOverNewer``.)
    """

    async def _write_data(self, slot: Slot, segment: Segment, data: memoryview) -> None:
        whole = bytearray(self.block_size)
        whole[segment.start : segment.start + segment.length] = data[segment.at : segment.at + segment.length]
        self._pin(slot)
        try:
            await write_full(self._storage, memoryview(whole), self._header.slot_offset(slot))
        finally:
            self._unpin(range(slot, slot + 1))


class EntryBesideData(Disk):
    """The entry and the data are written at once, so the entry may persist and the data not.

    No bug without a parent: a clean slot reads zeros on stable storage, which is what the block held
    before. The write is acknowledged when both have ended. With a parent it would be a bug.
    """

    async def _allocate(self, segment: Segment, data: memoryview) -> None:
        slot = await self._take_clean()
        begun: list[Slot] = []
        try:
            await settle_all(self._write_data(slot, segment, data), self._commit_beside(segment, slot, begun))
        except BaseException:
            if not begun:
                self._spoil(slot)
            raise

    async def _commit_beside(self, segment: Segment, slot: Slot, begun: list[Slot]) -> None:
        begun.append(slot)
        await self._commit(segment.block, slot)


class SettledIsDirty(Disk):
    """A doubtful slot counts as dirty as soon as its sector was rewritten, and not only after a flush.

    No bug: a dirty slot is scrubbed and *flushed* before it is handed out, and that flush covers the
    rewrite too. Until then whoever follows the old entry sees zeros, or what the failed write left.
    """

    def _settled(self, sector: SectorIndex) -> None:
        doubtful = self._slots._doubtful
        for slot in [slot for slot, (doubted, _) in doubtful.items() if doubted == sector]:
            del doubtful[slot]
            self._slots.spoil(slot)


class HighestSlotFirst(WithSlots):
    """The highest clean slot is handed out first.

    No bug: the count and the length cover the whole window before any slot of it is clean. Only the file
    cannot be cut as short.
    """

    class slots(Slots):  # noqa: N801
        async def take_clean(self) -> Slot:
            lowest = await super().take_clean()
            if not self._clean:
                return lowest
            highest = max(self._clean)
            self._clean.remove(highest)
            heapq.heapify(self._clean)
            heapq.heappush(self._clean, lowest)
            return highest


class NoFirstFlush(WithSession):
    """The prologue begins without a flush.

    No bug under the model: dirty pages stay in the cache when it is dropped, so what is read again is
    either durable or covered by the flush at the prologue's end, before which nothing is changed but the header.
    """

    class session(Session):  # noqa: N801
        async def _begin(self) -> None:
            with standing_in(self, "flusher", _NoFirstFlush):
                await super()._begin()


class _NoFirstFlush(Other):
    is_first = True

    async def flush(self) -> None:
        if not self.is_first:
            await self._original.flush()
        self.is_first = False


class NoPins(Disk):
    """I/Os do not pin their slots.

    No bug yet: a slot becomes dirty only when its one I/O has ended, and a mapped slot is never freed. A
    driver that frees slots on discard needs the pins.
    """

    def _pin(self, slot: Slot) -> None:  # noqa: ARG002
        return

    def _unpin(self, slots: range) -> None:  # noqa: ARG002
        return
