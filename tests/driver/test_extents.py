"""Extents are what the map says, merged, and huge maps give the loop its turn."""

import asyncio
import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

import aiovdi
from aiovdi.driver.extents import Extent
from aiovdi.storage.memory import MemoryStorage
from aiovdi.units import MiB, TiB
from tests.driver.gated import GatedStorage, turns
from tests.driver.images import BLOCK, FREE, ZERO, make_image
from tests.sibling import Sibling


async def listed(image: bytes, length: int | None = None, offset: int = 0) -> list[Extent]:
    async with aiovdi.open(GatedStorage(image)) as disk:
        return [extent async for extent in disk.extents(length, offset)]


@given(st.permutations(range(8)), st.sets(st.integers(0, 7)), st.data())
def test_extents_tile_the_range_and_tell_where_each_byte_lies(
    slots: list[int], unmapped: set[int], data: st.DataObject
) -> None:
    entries = [FREE if n in unmapped else slot for n, slot in enumerate(slots)]
    size = 8 * 512
    offset = data.draw(st.integers(0, size))
    length = data.draw(st.integers(0, size - offset))
    image = make_image(block_size=512, entries=entries)
    extents = asyncio.run(listed(image, length, offset))
    at = offset
    for extent in extents:
        assert extent.start == at
        assert extent.length > 0
        for byte in range(extent.start, extent.start + extent.length):
            entry = entries[byte // 512]
            where = None if entry == FREE else 1024 + entry * 512 + byte % 512
            assert (extent.data, extent.present, extent.zero) == (where is not None, True, where is None)
            assert where == (None if extent.offset is None else extent.offset + byte - extent.start)
        at += extent.length
    assert at == offset + length
    for left, right in itertools.pairwise(extents):
        follows = None if left.offset is None else left.offset + left.length
        assert (left.data, follows) != (right.data, right.offset), "neighbours of one kind are merged"


async def test_free_and_zero_entries_are_one_run() -> None:
    extents = await listed(make_image(entries=[FREE, ZERO, FREE, 0]))
    assert [(extent.start, extent.length, extent.zero) for extent in extents] == [
        (0, 3 * BLOCK, True),
        (3 * BLOCK, BLOCK, False),
        (4 * BLOCK, 4 * BLOCK, True),
    ]


async def test_slots_with_extra_bytes_between_them_are_not_neighbours() -> None:
    extents = await listed(make_image(blocks=2, entries=[0, 1], block_extra=512))
    assert [extent.offset for extent in extents] == [1024 + 512, 1024 + 512 + BLOCK + 512]


async def test_a_stray_entry_is_an_error_and_no_extent() -> None:
    with pytest.raises(aiovdi.CorruptImage):
        await listed(make_image(entries={3: 5000}))
    assert len(await listed(make_image(entries={3: 5000}), 3 * BLOCK)) == 1


async def test_a_range_outside_the_disk_is_refused() -> None:
    for length, offset in ((1, 8 * BLOCK), (-1, 0), (1, -1), (None, 8 * BLOCK + 1)):
        with pytest.raises(aiovdi.OutOfRange):
            await listed(make_image(), length, offset)
    assert await listed(make_image(), 0, 8 * BLOCK) == []


#  t   walker                          closer
#  1   takes one extent
#  2   does something else             close: must not wait for the walker
#  3   asks for the next: ImageClosed


async def test_a_walk_left_in_the_middle_does_not_hold_up_a_close() -> None:
    disk = await aiovdi.open(GatedStorage(make_image(entries=[0])), "r+")
    walk = disk.extents()
    await anext(walk)
    close = asyncio.create_task(disk.close())
    await turns()
    closed = close.done()
    if closed:
        with pytest.raises(aiovdi.ImageClosed):
            await anext(walk)
    await walk.aclose()
    await close
    assert closed


async def test_writes_go_on_while_somebody_walks() -> None:
    storage = GatedStorage(make_image(entries=[0]))
    async with aiovdi.open(storage, "r+") as disk:
        kinds = []
        async for extent in disk.extents():
            kinds.append(extent.data)
            await disk.pwrite(b"x", 7 * BLOCK)
        assert kinds[0]


async def test_the_walk_of_an_empty_huge_disk_is_short_and_gives_the_loop_its_turn() -> None:
    storage = MemoryStorage()
    with pytest.warns(aiovdi.CompatibilityWarning):
        await aiovdi.create(storage, 1 * TiB, block_size=64 * 1024)  # a map of 64 MiB
    async with aiovdi.open(storage) as disk, Sibling() as sibling:
        assert [extent async for extent in disk.extents()] == [
            Extent(0, 1 * TiB, 0, present=True, zero=True, data=False, offset=None)
        ]
        assert len(disk._blockmap.pages) * 16 * 1024 < 1 * MiB
    assert sibling.turns > 16
