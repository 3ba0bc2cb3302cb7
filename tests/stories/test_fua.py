"""FUA covers the way to the data: the bmap entry is on stable storage too when ``pwrite(fua=True)`` returns."""

import asyncio

import pytest

import aiovdi
from tests.driver.gated import GatedStorage, turns
from tests.driver.images import BLOCK, BMAP, DATA, Naive, make_image


def judge(storage: GatedStorage, offset: int, data: bytes) -> None:
    for image in storage.crash_images():
        left = Naive(image)
        assert left.disk()[offset : offset + len(data)] == data
        assert not left.complaints()


@pytest.mark.parametrize("way", ["fua", "writethrough"])
@pytest.mark.parametrize("block", ["new", "mapped, entry not flushed", "mapped and flushed", "mapped at open"])
async def test_the_data_survives_the_power_cut_right_after_the_return(way: str, block: str) -> None:
    storage = GatedStorage(make_image(entries={7: 0}))
    cache = "writethrough" if way == "writethrough" else "writeback"
    disk = await aiovdi.open(storage, "r+", cache=cache)
    at = 7 * BLOCK if block == "mapped at open" else 2 * BLOCK
    if block.startswith("mapped, "):
        disk._write_through = False
        await disk.pwrite(b"old", at)
        disk._write_through = way == "writethrough"
    if block == "mapped and flushed":
        await disk.pwrite(b"old", at)
        await disk.flush()
    await disk.pwrite(b"kept" * 256, at, fua=way == "fua")
    judge(storage, at, b"kept" * 256)
    await disk.close()


async def test_a_write_across_blocks_is_durable_only_when_the_way_to_each_of_them_is() -> None:
    storage = GatedStorage(make_image(blocks=100, entries=[0]))
    async with aiovdi.open(storage, "r+") as disk:
        await disk.pwrite(b"old", 0)
        await disk.flush()
        await disk.pwrite(b"old", BLOCK)  # its entry is in the page cache only
        await disk.pwrite(b"kept" * 2, BLOCK - 4, fua=True)
        judge(storage, BLOCK - 4, b"kept" * 2)
        before = len(storage.trace)
        await disk.pwrite(b"held" * 2, BLOCK - 4, fua=True)
        assert [(io.op, io.fua) for io in storage.trace[before:]] in ([("write", True)], [("write", True)] * 2)
        judge(storage, BLOCK - 4, b"held" * 2)


async def test_a_durable_block_costs_one_fua_write_and_no_flush() -> None:
    storage = GatedStorage(make_image(entries=[0]))
    async with aiovdi.open(storage, "r+") as disk:
        await disk.pwrite(b"x", 0)
        await disk.flush()
        before = len(storage.trace)
        await disk.pwrite(b"y", 0, fua=True)
        assert [(io.op, io.fua) for io in storage.trace[before:]] == [("write", True)]


async def test_an_allocating_fua_write_costs_one_flush() -> None:
    storage = GatedStorage(make_image(blocks=100))
    async with aiovdi.open(storage, "r+") as disk:
        await disk.pwrite(b"x", 0)
        before = len(storage.trace)
        await disk.pwrite(b"y" * 2 * BLOCK, BLOCK, fua=True)
        assert sorted(io.op for io in storage.trace[before:]) == ["flush", "write", "write", "write"]


#  t   A: new block 1                B: FUA to block 2, mapped and flushed long ago
#  1   entry in flight, same sector of the bmap as block 2's
#  2                                 B's own entry is the same before and after: no flush is needed


async def test_an_entry_of_another_block_on_its_way_does_not_make_this_one_less_durable() -> None:
    storage = GatedStorage(make_image(entries={2: 0}))
    async with aiovdi.open(storage, "r+") as disk:
        await disk.pwrite(b"x", 2 * BLOCK)
        entry = storage.hold("write", BMAP)
        other = asyncio.create_task(disk.pwrite(b"a", BLOCK))
        await entry.caught()
        await disk.pwrite(b"kept", 2 * BLOCK, fua=True)
        judge(storage, 2 * BLOCK, b"kept")
        entry.release()
        await other


#  t   writer (not FUA)             FUA writer of another sector of the same fresh block
#  1   allocates
#  2   acknowledged                 finds the block mapped; its entry is in the page cache only
#  3                                writes in place, then must flush


async def test_a_fua_writer_that_waited_for_the_allocation_makes_its_entry_durable() -> None:
    storage = GatedStorage(make_image())
    async with aiovdi.open(storage, "r+") as disk:
        data = storage.hold("write", DATA, count=1)
        first = asyncio.create_task(disk.pwrite(b"1" * 512, 0))
        await data.caught()
        second = asyncio.create_task(disk.pwrite(b"2" * 512, 512, fua=True))
        await turns()
        data.release()
        await asyncio.gather(first, second)
        judge(storage, 512, b"2" * 512)


async def test_fua_on_zeroes_covers_them() -> None:
    storage = GatedStorage(make_image(entries=[0], slots={0: b"old" * 100}))
    async with aiovdi.open(storage, "r+") as disk:
        await disk.write_zeroes(2 * BLOCK, 0, fua=True)
        judge(storage, 0, bytes(2 * BLOCK))


async def test_a_flush_covers_what_was_acknowledged_before_it_began_and_joins_none_that_began_earlier() -> None:
    storage = GatedStorage(make_image(entries=[0]))
    async with aiovdi.open(storage, "r+") as disk:
        await disk.pwrite(b"1" * 512, 0)
        flush = storage.hold("flush", count=1)
        early = asyncio.create_task(disk.flush())
        await flush.caught()
        await disk.pwrite(b"2" * 512, 512)  # after the flush began: it does not cover this
        late = [asyncio.create_task(disk.flush()) for _ in range(5)]
        await turns()
        assert not any(task.done() for task in late)
        before = len(storage.ended("flush"))
        flush.release()
        await asyncio.gather(early, *late)
        assert len(storage.ended("flush")) == before + 2, "five late ones share one"
        judge(storage, 512, b"2" * 512)


#  t   flush                     writer, then FUA writer of the same block
#  1   begins, in flight
#  2                             entry written, acknowledged: the running flush does not cover it
#  3   succeeds
#  4                             FUA: the entry is still not on stable storage, so a flush is needed


async def test_a_flush_that_began_before_an_entry_was_written_does_not_make_it_durable() -> None:
    storage = GatedStorage(make_image(blocks=100))
    async with aiovdi.open(storage, "r+") as disk:
        await disk.pwrite(b"x", 0)
        flush = storage.hold("flush", count=1)
        flusher = asyncio.create_task(disk.flush())
        await flush.caught()
        await disk.pwrite(b"old!", BLOCK)  # a clean slot is at hand: no window, no flush
        flush.release()
        await flusher
        await disk.pwrite(b"kept", BLOCK, fua=True)
        judge(storage, BLOCK, b"kept")
