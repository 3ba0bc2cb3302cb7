"""A new VDI image, built where nobody can see it yet: data first, the map last, in as few writes as can be.

A disk in use keeps its image valid after every write; an image under construction has only to be valid
when it gets its name. So there is no order among the writes here and nothing is flushed: a slot is
handed out in memory, the bmap is written once, and last the header counts what is there.

Rule: slots are handed out in the order in which writes begin, so a caller who begins them in the
order of the disk gets a file in that order.
"""

from array import array
from collections.abc import Iterator

from aiovdi.driver.creating import create
from aiovdi.driver.opening import read_header
from aiovdi.format import bmap
from aiovdi.format.header import HEADER_BYTES, Header, ImageType, patch
from aiovdi.storage.base import Storage, read_full, resize, write_full
from aiovdi.units import MiB, ReadableBuffer, Slot, as_bytes_view, segments

__all__ = ["ImageBuilder"]

_PAGE_ENTRIES = 4096


class ImageBuilder:
    """The image that ``storage`` will hold. Use ``begin``, then any number of ``pwrite`` at once, then ``finish``.

    Memory grows with the mapped blocks, 4 bytes each, in pages of 16 KiB.
    """

    def __init__(self, storage: Storage, header: Header) -> None:
        self._storage = storage
        self._header = header
        self._slot_count = header.blocks_allocated
        self._pages: dict[int, array[int]] = {}

    @classmethod
    async def begin(
        cls, storage: Storage, size: int, *, block_size: int = MiB, fixed: bool = False, comment: str = ""
    ) -> "ImageBuilder":
        """Write an empty image of ``size`` bytes into the empty ``storage``. Arguments and errors are ``create``'s."""
        await create(storage, size, block_size=block_size, fixed=fixed, comment=comment)
        return cls(storage, await read_header(storage))

    @property
    def size(self) -> int:
        """Virtual size in bytes."""
        return self._header.size

    async def pwrite(self, data: ReadableBuffer, offset: int) -> None:
        """Write all of ``data`` at ``offset`` of the disk, within its size. Raises StorageError."""
        view = as_bytes_view(data)
        assert 0 <= offset <= offset + len(view) <= self.size
        for at, length, place in list(self._places(offset, len(view))):  # every slot is taken before the first wait
            await write_full(self._storage, view[at : at + length], place)

    async def finish(self) -> None:
        """Write the map and the count: from here on the storage holds the image. Raises StorageError."""
        if self._header.image_type is ImageType.FIXED:
            return
        # The file covers every mapped slot whole: VirtualBox fails a read past the end.
        await resize(self._storage, self._header.data_offset + self._slot_count * self._header.slot_stride)
        for page, entries in sorted(self._pages.items()):
            count = min(_PAGE_ENTRIES, self._header.block_count - page * _PAGE_ENTRIES)
            place = self._header.bmap_offset + page * _PAGE_ENTRIES * bmap.ENTRY_BYTES
            await write_full(self._storage, memoryview(bmap.encode(entries[:count])), place)
        raw = bytearray(HEADER_BYTES)
        await read_full(self._storage, memoryview(raw), 0)
        await write_full(self._storage, memoryview(patch(bytes(raw), blocks_allocated=self._slot_count)), 0)

    def _places(self, offset: int, length: int) -> Iterator[tuple[int, int, int]]:
        """Start within the request, length, and place in the storage of what lies together there."""
        start = together = place = 0
        for segment in segments(offset=offset, length=length, block_size=self._header.block_size):
            here = self._header.slot_offset(self._slot(segment.block)) + segment.start
            if together and here == place + together:
                together += segment.length
                continue
            if together:
                yield start, together, place
            start, together, place = segment.at, segment.length, here
        if together:
            yield start, together, place

    def _slot(self, block: int) -> Slot:
        """The slot of ``block``, which gets the next one if it has none."""
        if self._header.image_type is ImageType.FIXED:
            return Slot(block)
        page, cell = block // _PAGE_ENTRIES, block % _PAGE_ENTRIES
        entries = self._pages.get(page)
        if entries is None:
            entries = self._pages[page] = array("I", bmap.free_bytes(_PAGE_ENTRIES * bmap.ENTRY_BYTES))
        if entries[cell] == bmap.FREE:
            entries[cell] = self._slot_count
            self._slot_count += 1
        return Slot(entries[cell])
