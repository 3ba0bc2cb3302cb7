"""The bmap in memory: pages of it, loaded when they are touched.

Rule 1: what stands here is published. A reader may follow it, so an entry comes in only after the
storage has it.
Rule 2: a page is a piece of the *file*, aligned in the file, so no sector straddles two pages.
Rule 3: a page that the storage may contradict (an entry on its way, a sector left in doubt) is held,
and a held page is never dropped. Any other page can be read again at any time, so memory is bounded
by a budget and not by the size of the disk.

A *cell* is a block's place in these pages: the block's number plus the cells between the start of
the first page and the start of the bmap.
"""

import asyncio
from collections.abc import Mapping

from aiovdi.format import bmap
from aiovdi.format.header import Header
from aiovdi.storage.base import Storage, read_full
from aiovdi.units import SECTOR, BlockIndex, KiB, Slot, align_down

__all__ = ["CELL_BITS", "CELL_MASK", "BlockMap", "SectorIndex"]

PAGE_BYTES = 16 * KiB
PAGES_MAX = 2048
"""32 MiB of pages, the map of 8 TiB of disk in blocks of 1 MiB."""

CELL_BITS = (PAGE_BYTES // bmap.ENTRY_BYTES).bit_length() - 1
CELL_MASK = (1 << CELL_BITS) - 1
_SECTOR_BITS = (SECTOR // bmap.ENTRY_BYTES).bit_length() - 1

SectorIndex = int
"""A sector of the bmap, counted from the start of the page in which the bmap starts."""


class BlockMap:
    """Published entries: block to slot, FREE or ZERO."""

    def __init__(self, storage: Storage, header: Header, *, pages_max: int = PAGES_MAX) -> None:
        self._storage = storage
        # A map at an odd offset, which nobody makes, can be read but not written: its entries straddle sectors.
        self._base = align_down(header.bmap_offset, PAGE_BYTES) + header.bmap_offset % bmap.ENTRY_BYTES
        self._start = header.bmap_offset
        self._stop = header.bmap_offset + header.block_count * bmap.ENTRY_BYTES
        self._pages_max = pages_max
        self._loading: dict[int, asyncio.Future[None]] = {}
        self._holds: dict[int, int] = {}
        self._epoch = 0
        # The next two are read by the inline path of a read as well, which cannot afford a call.
        self.pages: dict[int, memoryview] = {}
        self.shift = (header.bmap_offset - self._base) // bmap.ENTRY_BYTES

    # Lookup

    def peek(self, block: BlockIndex) -> int | None:
        """The entry of ``block``, or None where its page is not in memory."""
        cell = block + self.shift
        page = self.pages.get(cell >> CELL_BITS)
        return None if page is None else page[cell & CELL_MASK]

    async def entry(self, block: BlockIndex) -> int:
        """The entry of ``block``. Raises StorageError if its page cannot be read."""
        while (entry := self.peek(block)) is None:
            await self._load((block + self.shift) >> CELL_BITS)
        return entry

    def publish(self, block: BlockIndex, entry: int) -> None:
        """Let readers see ``entry``. Its page is held by whoever committed it."""
        cell = block + self.shift
        self.pages[cell >> CELL_BITS][cell & CELL_MASK] = entry

    def forget(self) -> None:
        """Drop every page, and refuse those that are being read now. Only while none is held."""
        assert not self._holds
        self._epoch += 1
        self.pages.clear()

    async def stretch(self, first: BlockIndex, stop: BlockIndex) -> memoryview:
        """Entries of blocks from ``first`` on, up to ``stop`` or the end of their page.

        For walks over large maps: a page that is not in memory is read and not kept.
        """
        cell = first + self.shift
        at = cell & CELL_MASK
        page = self.pages.get(cell >> CELL_BITS)
        if page is None:
            page = await self._read(cell >> CELL_BITS)
        return page[at : min(at + stop - first, 1 << CELL_BITS)]

    # Holding

    def hold(self, sector: SectorIndex) -> None:
        """Keep the page of ``sector``, which is in memory, until ``release``; nests."""
        page = sector >> (CELL_BITS - _SECTOR_BITS)
        assert page in self.pages
        self._holds[page] = self._holds.get(page, 0) + 1

    def release(self, sector: SectorIndex) -> None:
        """Undo one ``hold``."""
        page = sector >> (CELL_BITS - _SECTOR_BITS)
        self._holds[page] -= 1
        if not self._holds[page]:
            del self._holds[page]

    # Sectors, for the metadata writer

    def sector_of(self, block: BlockIndex) -> SectorIndex:
        """The sector that holds the entry of ``block``."""
        return (block + self.shift) >> _SECTOR_BITS

    def image(self, first: SectorIndex, last: SectorIndex, entries: Mapping[BlockIndex, Slot]) -> tuple[int, bytes]:
        """File offset and content of sectors ``first`` to ``last`` as they are with ``entries`` in them.

        Only bytes of the bmap: what else lies in its first and last sector is left as it is.
        """
        cells = bytearray()
        for sector in range(first, last + 1):
            at = (sector << _SECTOR_BITS) & CELL_MASK
            page = self.pages[sector >> (CELL_BITS - _SECTOR_BITS)]
            cells += page[at : at + (1 << _SECTOR_BITS)].cast("B")
        native = memoryview(cells).cast("I")
        for block, slot in entries.items():
            native[block + self.shift - (first << _SECTOR_BITS)] = slot
        offset = self._base + first * SECTOR
        raw = bmap.encode(native)
        skip = max(0, self._start - offset)
        return offset + skip, bytes(raw[skip : self._stop - offset])

    # Pages

    async def _load(self, page: int) -> None:
        """Read one page. One reader a page, so that no old copy can come in after a newer one."""
        if (running := self._loading.get(page)) is not None:
            await asyncio.shield(running)
            return
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._loading[page] = done
        epoch = self._epoch
        try:
            content = await self._read(page)
            if epoch == self._epoch:
                self._admit(page, content)
        finally:
            del self._loading[page]
            done.set_result(None)

    async def _read(self, page: int) -> memoryview:
        page_start = self._base + page * PAGE_BYTES
        start = max(page_start, self._start)
        stop = min(page_start + PAGE_BYTES, self._stop)
        raw = bytearray(bmap.free_bytes(PAGE_BYTES))
        window = memoryview(raw)[start - page_start : stop - page_start]
        done = self._storage.pread_now(window, start)
        if done < len(window):
            done += await read_full(self._storage, window[done:], start + done)
        return bmap.decode(raw)

    def _admit(self, page: int, content: memoryview) -> None:
        self.pages[page] = content
        if len(self.pages) > self._pages_max:
            spare = [old for old in self.pages if old not in self._holds and old != page]
            for victim in spare[: len(self.pages) - self._pages_max]:
                del self.pages[victim]
