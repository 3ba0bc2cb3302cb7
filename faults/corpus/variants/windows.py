"""Broken slots: which are handed out, what lies in them, and what the header counts."""

import heapq

from aiovdi.driver.blockmap import SectorIndex
from aiovdi.driver.disk import Disk
from aiovdi.driver.scan import Scan
from aiovdi.driver.slots import Slots
from aiovdi.errors import StorageError
from aiovdi.settling import settle_all
from aiovdi.units import BlockIndex, Slot
from faults.corpus.variants.parts import NoFlush, WithSlots, standing_in

__all__ = [
    "CountBelowMap",
    "CountNotFlushed",
    "CountOvertaken",
    "DirtyAsClean",
    "DoubtfulAsClean",
    "MapNotScanned",
    "ScrubByDiscard",
    "SlotPastEnd",
    "StaleTail",
]


class CountOvertaken(WithSlots):
    """Each allocation writes the count beside its entry; an older header comes last and says less than the map.

    R1 of QEMU today, with no fault and no crash: the next open hands the slot to another block. Breaks: one
    header write at a time, before the entries that need it.
    """

    class slots(Slots):  # noqa: N801
        async def _count(self, count: int) -> None:  # noqa: ARG002
            return

    async def _commit(self, block: BlockIndex, slot: Slot) -> None:
        self._slots.count = max(self._slots.count, slot + 1)
        header = self._metadata.write_header(blocks_allocated=self._slots.count)
        await settle_all(header, super()._commit(block, slot))


class CountBelowMap(WithSlots):
    """The header's count is not raised: QEMU and VirtualBox allocate at it, over a mapped slot.

    Breaks: counting a window's slots.
    """

    class slots(Slots):  # noqa: N801
        async def _count(self, count: int) -> None:  # noqa: ARG002
            return


class CountNotFlushed(WithSlots):
    """A window's count and length are not flushed before its slots are used, so power loss may keep only the entry.

    R4 of QEMU today: bmap persisted, header not. Breaks: the flush at the end of a window.
    """

    class slots(Slots):  # noqa: N801
        async def _try_window(self, size: int) -> StorageError | None:
            with standing_in(self, "_flusher", NoFlush):
                return await super()._try_window(size)


class SlotPastEnd(WithSlots):
    """No space to extend the file is taken for no harm, and an entry leads to a slot that the file does not cover.

    VirtualBox fails a read past the end. Breaks: the error of extending.
    """

    class slots(Slots):  # noqa: N801
        async def _extend(self, end: int) -> None:
            try:
                await super()._extend(end)
            except StorageError:
                return


class StaleTail(WithSlots):
    """What lies past the last mapped slot at open is taken for zeros, and is what a lost allocation has left.

    A block shows bytes of another one. Breaks: cutting the tail before it is extended over.
    """

    class slots(Slots):  # noqa: N801
        def adopt(self, scan: Scan, count: int) -> None:
            super().adopt(scan, count)
            self._tail_is_cut = True


class DirtyAsClean(Disk):
    """A slot in which a failed or cancelled write may have left bytes is handed out as it is.

    The next block there shows them around its own. Breaks: spoiled is not clean.
    """

    def _spoil(self, slot: Slot) -> None:
        heapq.heappush(self._slots._clean, slot)


class DoubtfulAsClean(Disk):
    """The slot of a commit that failed is handed out again, while the storage may have the entry.

    Two blocks own it. Where one sector holds the whole map the next entry repairs it, so this needs a map
    of two. Breaks: a doubtful slot waits for the rewrite and a flush.
    """

    def _doubt(self, slot: Slot, sector: SectorIndex) -> None:  # noqa: ARG002
        heapq.heappush(self._slots._clean, slot)


class MapNotScanned(WithSlots):
    """Slots are handed out from the start of the file, whoever owns them.

    Every session after the first overwrites the ones before. Breaks: the scan.
    """

    class slots(Slots):  # noqa: N801
        def adopt(self, scan: Scan, count: int) -> None:
            super().adopt(scan, count)
            self._end = Slot(0)
            self._gaps = iter(())


class ScrubByDiscard(WithSlots):
    """Dirty slots are discarded and counted as clean. A discard is a hint and proves nothing.

    Stale bytes of the host show up. Breaks: zeros are written.
    """

    class slots(Slots):  # noqa: N801
        async def _scrub(self, slots: list[Slot]) -> None:
            for slot in slots:
                await self._storage.discard(self._header.slot_stride, self._offset(slot))
