"""Bug 3 of the 2011 report: what a cancelled request leaves behind. Cancelled at each step of the loop in turn."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

import aiovdi
from aiovdi.driver.disk import Disk
from tests.driver.gated import GatedStorage, turns
from tests.driver.images import BLOCK, Naive, make_image

OLD, NEW = b"O" * BLOCK, b"N" * (3 * BLOCK)


async def collect(disk: Disk) -> list[aiovdi.Extent]:
    return [extent async for extent in disk.extents()]


REQUESTS: dict[str, Callable[[Disk], Any]] = {
    "first allocating write": lambda disk: disk.pwrite(NEW[:512], BLOCK),
    "write across four blocks": lambda disk: disk.pwrite(NEW, 2048),
    "write with FUA": lambda disk: disk.pwrite(NEW[:512], BLOCK, fua=True),
    "FUA in place": lambda disk: disk.pwrite(NEW[:512], 0, fua=True),
    "zeroes": lambda disk: disk.write_zeroes(2 * BLOCK, 0, fua=True),
    "flush": lambda disk: disk.flush(),
    "read": lambda disk: disk.pread(3 * BLOCK, 0),
    "extents": collect,
}


#  t   the request                       the canceller
#  0   starts
#  k   wherever it is after k steps      cancel(), once or twice
#      waits until its I/O has settled, cleans up, raises CancelledError
#  end nothing of it is left, nothing of it lands, the next request does not notice


@pytest.mark.parametrize("name", REQUESTS)
@pytest.mark.parametrize("again", [False, True])
@pytest.mark.parametrize("begun", [False, True])
async def test_a_request_cancelled_at_any_step_leaves_nothing(
    name: str, again: bool, begun: bool, no_leftovers: Callable[[Disk], None]
) -> None:
    step = 0
    while await was_cancelled_at(step, name, again, begun, no_leftovers):
        step += 1
    assert step >= 1


async def was_cancelled_at(
    step: int, name: str, again: bool, begun: bool, no_leftovers: Callable[[Disk], None]
) -> bool:
    storage = GatedStorage(make_image(entries=[0], slots={0: OLD}), cold=True, ticks=2)
    disk = await aiovdi.open(storage, "r+")
    if begun:
        await disk.pwrite(OLD, 7 * BLOCK)
        await disk._slots.drain()
    ours = asyncio.all_tasks()
    request = asyncio.create_task(REQUESTS[name](disk))
    await turns(step)
    if request.done():
        await request
        await disk.close()
        return False
    request.cancel()
    if again:
        await turns(1)
        request.cancel()
    await asyncio.wait([request])
    ended = len(storage.trace)
    assert request.cancelled(), request
    no_leftovers(disk)
    mine = {io.number for io in storage.in_flight if (io.op == "write" and io.offset >= 512) or io.op == "zero"}
    assert not mine, "a write is still in flight after its request has raised"
    await disk._slots.drain()
    if disk._session._beginning is not None:
        await asyncio.wait([disk._session._beginning])
    await turns()
    assert asyncio.all_tasks() == ours, "a task is left"
    assert not [io for io in storage.trace[ended:] if io.op == "write" and io.offset >= 512], "something landed late"
    every_slot_has_a_place(disk)
    await the_next_request_is_unaffected(disk, storage)
    return True


def every_slot_has_a_place(disk: Disk) -> None:
    slots = disk._slots
    mapped = [slot for slot in range(slots._end) if slot in slots.used]
    places = sorted([*mapped, *slots._clean, *slots._dirty, *slots._doubtful])
    assert places == list(range(slots._end)), "a slot was lost, or is in two places"


async def the_next_request_is_unaffected(disk: Disk, storage: GatedStorage) -> None:
    before = await disk.pread(4 * BLOCK, 0)
    for sector in range(0, 4 * BLOCK, 512):
        assert set(before[sector : sector + 512]) in ({0}, {ord("N")}, {ord("O")})
    await disk.pwrite(b"next" * 128, BLOCK)
    await disk.pwrite(b"last" * 128, 6 * BLOCK)
    assert await disk.pread(512, BLOCK) == b"next" * 128
    await disk.close()
    left = Naive(storage.kill())
    assert not left.complaints()
    assert left.count == max(left.mapped.values()) + 1
    assert left.disk()[BLOCK : BLOCK + 512] == b"next" * 128
    assert left.disk()[BLOCK + 512 : 4 * BLOCK] == before[BLOCK + 512 :], "the neighbours changed"


async def test_a_cancelled_request_counts_its_cancels() -> None:
    storage = GatedStorage(make_image())
    async with aiovdi.open(storage, "r+") as disk:
        hold = storage.hold("write", range(1024, 9999))
        request = asyncio.create_task(disk.pwrite(b"x", 0))
        await hold.caught()
        request.cancel()
        await turns(2)
        request.cancel()
        await turns(2)
        assert request.cancelling() == 2
        assert not request.done()
        hold.release()
        await asyncio.wait([request])
        assert request.cancelled()


async def test_a_timeout_around_a_write_raises_timeout_error_once_the_io_has_settled() -> None:
    storage = GatedStorage(make_image())
    async with aiovdi.open(storage, "r+") as disk:
        hold = storage.hold("write", range(1024, 9999))
        asyncio.get_running_loop().call_later(0.02, hold.release)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.001):
                await disk.pwrite(b"x", 0)
        task = asyncio.current_task()
        assert task is not None
        assert not task.cancelling()
        assert not storage.in_flight


async def test_a_task_group_that_aborts_waits_for_the_write_and_reports_the_cause() -> None:
    storage = GatedStorage(make_image())
    async with aiovdi.open(storage, "r+") as disk:
        hold = storage.hold("write", range(1024, 9999))

        async def fail() -> None:
            await hold.caught()
            asyncio.get_running_loop().call_soon(asyncio.get_running_loop().call_soon, hold.release)
            raise LookupError

        with pytest.raises(ExceptionGroup) as caught:
            async with asyncio.TaskGroup() as group:
                write = group.create_task(disk.pwrite(b"x", 0))
                group.create_task(fail())
        assert [type(error) for error in caught.value.exceptions] == [LookupError]
        assert write.cancelled()
        await disk.pwrite(b"y", 0)
        assert await disk.pread(1, 0) == b"y"
