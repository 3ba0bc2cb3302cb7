"""Pages of the map: loaded when touched, held while somebody may contradict them, bounded by a budget."""

import asyncio
import random
import struct
from collections.abc import Sequence

import pytest

import aiovdi
from aiovdi.driver.blockmap import PAGE_BYTES, BlockMap
from aiovdi.driver.opening import read_header
from aiovdi.errors import StorageError
from aiovdi.units import BlockIndex, Slot
from tests.driver.gated import GatedStorage, turns
from tests.driver.images import FREE, Naive, make_image

PER_PAGE = PAGE_BYTES // 4
offsets = pytest.mark.parametrize("bmap_offset", [512, 600, 1024, 16384 - 8, 1 << 20])


async def made(entries: Sequence[int], *, bmap_offset: int = 512, pages_max: int = 99) -> tuple[GatedStorage, BlockMap]:
    image = make_image(blocks=len(entries), block_size=512, entries=entries, bmap_offset=bmap_offset)
    storage = GatedStorage(image)
    return storage, BlockMap(storage, await read_header(storage), pages_max=pages_max)


@offsets
async def test_every_entry_is_found_wherever_the_map_lies(bmap_offset: int) -> None:
    entries = [(7 * n) % 9001 for n in range(9001)]
    _, blockmap = await made(entries, bmap_offset=bmap_offset)
    assert [await blockmap.entry(BlockIndex(n)) for n in range(9001)] == entries


@offsets
async def test_a_stretch_ends_at_its_stop_or_at_the_end_of_its_page(bmap_offset: int) -> None:
    entries = list(range(9001))
    _, blockmap = await made(entries, bmap_offset=bmap_offset)
    seen: list[int] = []
    while len(seen) < 9001:
        part = await blockmap.stretch(BlockIndex(len(seen)), BlockIndex(9001))
        assert 0 < len(part) <= PER_PAGE
        seen += part
    assert seen == entries
    assert list(await blockmap.stretch(BlockIndex(5), BlockIndex(8))) == [5, 6, 7]
    assert not blockmap.pages, "a walk keeps no pages"


@offsets
async def test_the_image_of_a_sector_is_the_file_with_the_new_entries_and_no_byte_beside_the_map(
    bmap_offset: int,
) -> None:
    storage, blockmap = await made([FREE] * 9001, bmap_offset=bmap_offset)
    before = storage.kill()
    for block in (0, 1, 4500, 9000):
        index = BlockIndex(block)
        await blockmap.entry(index)
        offset, content = blockmap.image(blockmap.sector_of(index), blockmap.sector_of(index), {index: Slot(77)})
        assert offset // 512 == (offset + len(content) - 1) // 512
        assert bmap_offset <= offset
        assert offset + len(content) <= bmap_offset + 9001 * 4
        after = bytearray(before)
        after[offset : offset + len(content)] = content
        expected = bytearray(before)
        struct.pack_into("<I", expected, bmap_offset + 4 * block, 77)
        assert after == expected
    assert await blockmap.entry(BlockIndex(0)) == FREE, "an image is not yet published"


async def test_a_published_entry_is_seen_at_once() -> None:
    _, blockmap = await made([FREE] * 10)
    assert blockmap.peek(BlockIndex(3)) is None
    await blockmap.entry(BlockIndex(3))
    blockmap.publish(BlockIndex(3), 5)
    assert blockmap.peek(BlockIndex(3)) == 5


async def test_one_read_serves_all_who_wait_for_a_page() -> None:
    storage, blockmap = await made(list(range(100)))
    storage.cold = True
    before = len(storage.trace)
    assert await asyncio.gather(*(blockmap.entry(BlockIndex(n)) for n in range(100))) == list(range(100))
    assert len(storage.trace) == before + 1


async def test_a_reader_that_fails_or_is_cancelled_does_not_stop_those_who_wait_behind_it() -> None:
    storage, blockmap = await made(list(range(100)))
    storage.cold = True
    storage.fail("read")
    first, second = (asyncio.create_task(blockmap.entry(BlockIndex(n))) for n in (1, 2))
    with pytest.raises(StorageError):
        await first
    assert await second == 2
    blockmap.forget()
    hold = storage.hold("read", count=1)
    first, second = (asyncio.create_task(blockmap.entry(BlockIndex(n))) for n in (1, 2))
    await hold.caught()
    first.cancel()
    second_gone = asyncio.create_task(blockmap.entry(BlockIndex(3)))
    await turns()
    second_gone.cancel()
    hold.release()
    assert await second == 2
    assert first.cancelled()
    assert second_gone.cancelled()


async def test_pages_stay_within_the_budget_and_the_map_is_read_again() -> None:
    entries = list(range(PER_PAGE * 6))
    _, blockmap = await made(entries, pages_max=2)
    for _ in range(2):
        for block in range(0, PER_PAGE * 6, PER_PAGE // 2):
            assert await blockmap.entry(BlockIndex(block)) == block
            assert len(blockmap.pages) <= 2


async def test_held_pages_stay_and_after_a_burst_the_budget_holds_again() -> None:
    _, blockmap = await made([FREE] * PER_PAGE * 6, pages_max=2)
    blocks = [BlockIndex(n * PER_PAGE) for n in range(5)]
    for block in blocks:
        await blockmap.entry(block)
        blockmap.hold(blockmap.sector_of(block))
        blockmap.publish(block, 7)
    assert [blockmap.peek(block) for block in blocks] == [7] * 5
    for block in blocks:
        blockmap.release(blockmap.sector_of(block))
    await blockmap.entry(BlockIndex(PER_PAGE * 5))
    assert len(blockmap.pages) <= 2


async def test_holds_of_one_page_nest() -> None:
    _, blockmap = await made([FREE] * PER_PAGE * 4, pages_max=1)
    await blockmap.entry(BlockIndex(0))
    sector = blockmap.sector_of(BlockIndex(0))
    blockmap.hold(sector)
    blockmap.hold(sector)
    blockmap.release(sector)
    await blockmap.entry(BlockIndex(PER_PAGE * 2))
    assert blockmap.peek(BlockIndex(0)) == FREE
    blockmap.release(sector)
    await blockmap.entry(BlockIndex(PER_PAGE * 3))
    assert blockmap.peek(BlockIndex(0)) is None


async def test_forgotten_pages_are_read_again() -> None:
    storage, blockmap = await made([1, 2, 3])
    assert await blockmap.entry(BlockIndex(0)) == 1
    struct.pack_into("<I", storage.content, 512, 9)
    assert await blockmap.entry(BlockIndex(0)) == 1
    blockmap.forget()
    assert await blockmap.entry(BlockIndex(0)) == 9


@pytest.mark.parametrize("cold", [False, True])
async def test_eviction_under_load_loses_no_entry(cold: bool) -> None:
    pages, writes = 8, 200
    storage = GatedStorage(make_image(blocks=PER_PAGE * (pages + 2), block_size=512), cold=cold, ticks=2)
    dice = random.Random(1)
    blocks = dice.sample(range(PER_PAGE * pages), writes)
    async with aiovdi.open(storage, "r+") as disk:
        disk._blockmap._pages_max = 2
        storage.fail("write", range(512, 512 + PER_PAGE * 4 * pages), skip=20, count=3, keep=None)
        results = await asyncio.gather(
            *(disk.pwrite(bytes([n % 255 + 1]), block * 512) for n, block in enumerate(blocks)), return_exceptions=True
        )
        written = {block: bytes([n % 255 + 1]) for n, block in enumerate(blocks) if results[n] is None}
        assert 0 < len(written) < writes, "some commits failed"
        for block in blocks:
            assert await disk.pread(2, block * 512) == written.get(block, b"\0") + b"\0"
        await disk.flush()
        await disk.pread(1, PER_PAGE * (pages + 1) * 512)  # a page that is not in memory: the budget holds again
        assert len(disk._blockmap.pages) <= 2
    left = Naive(storage.kill())
    assert set(left.mapped) == set(written)
    assert not left.complaints()
