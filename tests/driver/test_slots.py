"""Every slot is clean, dirty, doubtful or mapped; only clean ones are handed out, the lowest first."""

import asyncio

import pytest

import aiovdi
from aiovdi.driver.disk import Disk
from aiovdi.units import Slot
from tests.driver.gated import GatedStorage, turns
from tests.driver.images import BLOCK, DATA, Naive, make_image


def states(disk: Disk) -> list[int]:
    slots = disk._slots
    mapped = [slot for slot in range(slots._end) if slot in slots.used]
    return sorted([*mapped, *slots._clean, *slots._dirty, *slots._doubtful])


async def test_slots_are_handed_out_lowest_first() -> None:
    storage = GatedStorage(make_image(blocks=64, entries={9: 3}))
    async with aiovdi.open(storage, "r+") as disk:
        for block in range(9):
            await disk.pwrite(b"x", block * BLOCK)
        assert [Naive(storage.kill()).mapped[block] for block in range(9)] == [0, 1, 2, 4, 5, 6, 7, 8, 9]


#  t   make a window
#  1   extend the file            in any order with
#  2   scrub dirty slots          each other
#  3   raise the count
#  4   flush: only now may an entry name one of them


@pytest.mark.parametrize("step", ["resize", "zero", "flush"])
async def test_no_slot_of_a_window_is_used_before_its_last_step(step: str) -> None:
    storage = GatedStorage(make_image(blocks=64, entries={9: 3}))
    disk = await aiovdi.open(storage, "r+")
    await disk.pwrite(b"x", 9 * BLOCK)
    hold = storage.hold(step, count=1)
    writers = [asyncio.create_task(disk.pwrite(b"x", block * BLOCK)) for block in range(6)]
    await hold.caught()
    await turns()
    assert not storage.ended("write", range(1024, DATA.stop))[1:]
    assert not any(writer.done() for writer in writers)
    hold.release()
    await asyncio.gather(*writers)
    await disk.close()


async def test_a_window_costs_one_barrier_for_many_allocations() -> None:
    storage = GatedStorage(make_image(blocks=1000, block_size=512))
    async with aiovdi.open(storage, "r+") as disk:
        await disk.pwrite(b"x", 0)
        before = len(storage.ended("flush"))
        for block in range(1, 25):
            await disk.pwrite(b"x", block * 512)
        assert len(storage.ended("flush")) == before


async def test_a_window_takes_only_a_share_of_the_slots_that_are_left() -> None:
    storage = GatedStorage(make_image(blocks=80))
    async with aiovdi.open(storage, "r+") as disk:
        await disk.pwrite(b"x", 0)
        assert Naive(storage.kill()).count <= 80 // 3


async def test_an_allocation_writes_the_data_and_one_sector_of_the_map() -> None:
    storage = GatedStorage(make_image(blocks=1000))
    async with aiovdi.open(storage, "r+") as disk:
        await disk.pwrite(b"x", 0)
        before = len(storage.trace)
        await disk.pwrite(b"y" * 4096, 5 * BLOCK)
        assert [(io.op, io.length) for io in storage.trace[before:]] == [("write", 4096), ("write", 512)]


async def test_one_window_is_made_at_a_time_for_all_who_wait() -> None:
    storage = GatedStorage(make_image(blocks=512), ticks=2)
    async with aiovdi.open(storage, "r+") as disk:
        most = 0

        def count() -> None:
            nonlocal most
            most = max(most, sum(io.op == "resize" for io in storage.in_flight))

        storage.after_effect.append(count)
        await asyncio.gather(*(disk.pwrite(b"x", n * BLOCK) for n in range(512)))
        assert most <= 1
        assert states(disk) == list(range(disk._slots._end))
    assert not Naive(storage.kill()).complaints()


async def test_a_window_that_nobody_waits_for_any_more_serves_the_next() -> None:
    storage = GatedStorage(make_image())
    async with aiovdi.open(storage, "r+") as disk:
        hold = storage.hold("resize")
        first = asyncio.create_task(disk.pwrite(b"x", 0))
        await hold.caught()
        first.cancel()
        await asyncio.wait([first])
        hold.release()
        await disk.pwrite(b"y", 0)
        assert await disk.pread(1, 0) == b"y"
        assert len(storage.ended("resize")) == 1


async def test_a_pinned_slot_is_not_made_clean() -> None:
    storage = GatedStorage(make_image(entries={7: 1}))
    async with aiovdi.open(storage, "r+") as disk:
        await disk.pwrite(b"x", 7 * BLOCK)  # slot 0 is dirty: nobody owns it
        disk._pin(Slot(0))
        disk._slots.spoil(Slot(0))
        disk._slots._gaps = iter(())
        await disk.pwrite(b"y", 0)
        assert Naive(storage.kill()).mapped[0] == 2
        disk._unpin(range(1))
        disk._slots._clean.clear()
        await disk.pwrite(b"z", BLOCK)
        assert Naive(storage.kill()).mapped[1] == 0


@pytest.mark.parametrize("can_grow", [True, False])
async def test_a_slot_above_the_block_count_is_kept_and_no_slot_is_made_above_it(can_grow: bool) -> None:
    image = make_image(
        blocks=4, entries={0: 6}, file_size=1024 + 8 * BLOCK, slots={6: b"six", 0: b"\xee" * BLOCK}, count=4
    )
    storage = GatedStorage(image, can_grow=can_grow)

    def judge() -> None:
        assert Naive(storage.kill()).count <= 4, "VirtualBox refuses it"

    storage.after_effect.append(judge)
    async with aiovdi.open(storage, "r+") as disk:
        for block in (1, 2, 3):
            await disk.pwrite(b"new", block * BLOCK)
            assert await disk.pread(4, block * BLOCK) == b"new\0"
        assert await disk.pread(3, 0) == b"six"
    assert Naive(storage.kill()).mapped == {0: 6, 1: 0, 2: 1, 3: 2}
    async with aiovdi.open(GatedStorage(storage.kill())) as disk:
        assert await disk.pread(3, 0) == b"six"


async def test_a_failed_window_gives_its_dirty_slots_back() -> None:
    storage = GatedStorage(make_image(entries={7: 2}))
    async with aiovdi.open(storage, "r+") as disk:
        storage.fail("zero")
        with pytest.raises(aiovdi.StorageError):
            await disk.pwrite(b"x", 0)
        assert states(disk) == [0, 1, 2]
        await disk.pwrite(b"x", 0)
        assert Naive(storage.kill()).mapped[0] == 0
