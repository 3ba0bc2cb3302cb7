"""How QEMU's VDI driver of February 2011 wrote: the entry in memory first, the data next, the entry on the disk last.

Re-created from Chunqiang Tang's mail to qemu-devel of 19 February 2011, "Bugs in the VDI Block Device
Driver", bug 1: facts, not code. It is here to lose data in a demonstration, and for nothing else.
"""

from aiovdi.driver.opening import read_header
from aiovdi.format import bmap
from aiovdi.format.header import Header, pack, patch
from aiovdi.storage.base import Storage, read_full, write_full
from aiovdi.units import BlockIndex, Segment, Slot, segments

__all__ = ["Driver2011"]


class Driver2011:
    """A disk that follows an entry before the storage has it. Offsets and lengths in bytes."""

    def __init__(self, storage: Storage, header: Header, entries: list[int]) -> None:
        self._storage = storage
        self._header = header
        self._entries = entries
        self._allocated = header.blocks_allocated

    @classmethod
    async def open(cls, storage: Storage) -> "Driver2011":
        """The image on ``storage``. Raises VDIError."""
        header = await read_header(storage)
        raw = bytearray(header.block_count * bmap.ENTRY_BYTES)
        await read_full(storage, memoryview(raw), header.bmap_offset)
        return cls(storage, header, list(bmap.decode(raw)))

    def is_mapped(self, block: BlockIndex) -> bool:
        """Whether memory has an entry for ``block``."""
        return self._entries[block] != bmap.FREE

    async def pwrite(self, data: bytes, offset: int) -> None:
        """Write ``data`` at ``offset``. Raises StorageError; what it set in memory before stays."""
        for segment in segments(offset=offset, length=len(data), block_size=self._header.block_size):
            part = memoryview(data)[segment.at : segment.at + segment.length]
            if self.is_mapped(BlockIndex(segment.block)):
                await write_full(self._storage, part, self._place(segment))  # P2: the entry is taken to be on the disk
            else:
                await self._write_new(segment, part)

    async def flush(self) -> None:
        """Raises OSError."""
        await self._storage.flush()

    async def close(self) -> None:
        """There was nothing to do: each write that succeeded had written its entry. Raises OSError."""
        await self._storage.flush()

    async def _write_new(self, segment: Segment, part: memoryview) -> None:
        self._entries[segment.block] = self._allocated  # O2
        self._allocated += 1
        whole = bytearray(self._header.block_size)
        whole[segment.start : segment.start + segment.length] = part
        await write_full(self._storage, memoryview(whole), self._place(segment) - segment.start)  # O3; O4 leaves here
        header = patch(pack(self._header), blocks_allocated=self._allocated)
        await write_full(self._storage, memoryview(header), 0)
        entry = bmap.encode([self._entries[segment.block]])
        await write_full(self._storage, memoryview(entry), self._header.entry_offset(BlockIndex(segment.block)))

    def _place(self, segment: Segment) -> int:
        return self._header.slot_offset(Slot(self._entries[segment.block])) + segment.start
