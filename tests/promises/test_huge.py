"""Opening an image costs what is touched, not what the image claims."""

import tracemalloc
from typing import Any

import pytest

import aiovdi
from aiovdi.format.header import HEADER_BYTES, pack
from aiovdi.format.layout import new_header
from aiovdi.storage.memory import MemoryStorage
from tests.sibling import Sibling

TiB = 1 << 40
MiB = 1 << 20


class EmptyImage(MemoryStorage):
    """An image without a mapped block, as large as wanted: the map is made up as it is read, and counted."""

    def __init__(self, size: int) -> None:
        self.header = new_header(size)
        super().__init__(pack(self.header), size=self.header.bmap_end)
        self.bytes_read = 0

    def pread_now(self, buffer: bytearray | memoryview, offset: int) -> int:
        self.bytes_read += len(buffer)
        if offset < HEADER_BYTES:
            return super().pread_now(buffer, offset)
        memoryview(buffer)[:] = b"\xff" * len(buffer)
        return len(buffer)

    async def pread_some(self, buffer: memoryview, offset: int) -> int:
        return self.pread_now(buffer, offset)


async def cost_of(size: int, use: Any) -> tuple[int, int]:
    """Bytes read, and peak of memory, to open an empty image of ``size`` and ``use`` the disk."""
    storage = EmptyImage(size)
    tracemalloc.start()
    try:
        async with aiovdi.open(storage) as disk:
            await use(disk)
        return storage.bytes_read, tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


async def look(disk: aiovdi.Disk) -> None:
    assert disk.info.virtual_size == disk.size


async def read_a_little(disk: aiovdi.Disk) -> None:
    for offset in (0, disk.size // 2, disk.size - 4096):
        assert await disk.pread(4096, offset) == bytes(4096)


@pytest.mark.parametrize("use", [look, read_a_little])
async def test_the_cost_of_opening_does_not_grow_with_the_disk(use: Any) -> None:
    await cost_of(1 << 30, use)  # once for what is only imported or cached the first time
    small_read, small_memory = await cost_of(1 << 30, use)
    huge_read, huge_memory = await cost_of(500 * TiB, use)
    assert huge_read <= small_read + 3 * 16384, "more than the pages that were touched"
    assert huge_memory <= small_memory + 512 * 1024


async def test_a_walk_over_500_tib_is_bounded_in_memory_and_gives_others_their_turn() -> None:
    storage = EmptyImage(500 * TiB)
    tracemalloc.start()
    async with aiovdi.open(storage) as disk, Sibling() as sibling:
        extents = [extent async for extent in disk.extents(length=8 * TiB)]
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert extents == [aiovdi.Extent(0, 8 * TiB, 0, present=True, zero=True, data=False, offset=None)]
    assert peak < 4 * MiB
    assert sibling.turns > 10
