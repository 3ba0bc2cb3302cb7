"""What a disk does with a request in each of its states, and how it is closed."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

import aiovdi
from aiovdi.driver.disk import Disk
from aiovdi.driver.lifecycle import TRANSITIONS, Event, Lifecycle, State
from tests.driver.gated import GatedStorage, turns
from tests.driver.images import BLOCK, make_image


async def collect(disk: Disk) -> list[aiovdi.Extent]:
    return [extent async for extent in disk.extents()]


CHANGES: list[Callable[[Disk], Any]] = [
    lambda disk: disk.pwrite(b"x", 0),
    lambda disk: disk.pwrite(b"", 0),
    lambda disk: disk.write_zeroes(1, 0),
    lambda disk: disk.write_zeroes(0, 0),
    lambda disk: disk.discard(1, 0),
]
READS: list[Callable[[Disk], Any]] = [
    lambda disk: disk.pread(1, 0),
    lambda disk: disk.pread(0, 0),
    lambda disk: disk.pread(1, BLOCK),
    lambda disk: disk.pread(BLOCK * 2, 0),
    lambda disk: disk.preadinto(bytearray(1), 0),
    collect,
]


def test_every_state_has_an_answer_to_every_event() -> None:
    assert set(TRANSITIONS) == {(state, event) for state in State for event in Event}
    assert all(TRANSITIONS[State.CLOSED, event] is State.CLOSED for event in Event), "closed is for ever"
    assert all(TRANSITIONS[state, Event.FLUSH_FAILED] is not State.OPEN for state in State)


def test_the_first_failure_is_the_one_that_is_told() -> None:
    lifecycle = Lifecycle(writable=True)
    first = OSError("first")
    lifecycle.fail(first)
    lifecycle.fail(OSError("second"))
    with pytest.raises(aiovdi.DiskFailed) as caught:
        lifecycle.admit_change()
    assert caught.value.cause is first
    lifecycle.admit_read()


def test_a_disk_that_failed_and_is_closed_says_closed() -> None:
    lifecycle = Lifecycle(writable=True)
    lifecycle.fail(OSError())
    lifecycle.begin_close()
    with pytest.raises(aiovdi.ImageClosed):
        lifecycle.admit_change()


async def test_idle_waits_for_the_last_request() -> None:
    lifecycle = Lifecycle(writable=True)
    await lifecycle.idle()
    with lifecycle:
        with lifecycle:
            waiter = asyncio.create_task(lifecycle.idle())
            await turns()
        await turns()
        assert not waiter.done()
    await waiter


@pytest.mark.parametrize("change", CHANGES)
async def test_a_disk_opened_for_reading_refuses_every_change(change: Callable[[Disk], Any]) -> None:
    storage = GatedStorage(make_image(entries=[0]))
    async with aiovdi.open(storage) as disk:
        with pytest.raises(aiovdi.ReadOnlyImage):
            await change(disk)
        await disk.flush()
    assert {io.op for io in storage.trace} <= {"read"}


@pytest.mark.parametrize("request_", [*CHANGES, *READS, lambda disk: disk.flush()])
@pytest.mark.parametrize("when", ["closed", "closing", "close failed"])
async def test_a_closed_disk_refuses_every_request(request_: Callable[[Disk], Any], when: str) -> None:
    storage = GatedStorage(make_image(entries=[0]))
    disk = await aiovdi.open(storage, "r+")
    await disk.pwrite(b"x", 0)
    assert await disk.pread(1, 0) == b"x"
    if when == "close failed":
        storage.fail("flush")
    flush = storage.hold("flush") if when == "closing" else None
    close = asyncio.create_task(disk.close())
    if flush is not None:
        await flush.caught()
    else:
        await asyncio.wait([close])
    with pytest.raises(aiovdi.ImageClosed):
        await request_(disk)
    with pytest.raises(aiovdi.ImageClosed):
        _ = disk.info
    if flush is not None:
        flush.release()
    await asyncio.wait([close])
    assert (close.exception() is not None) == (when == "close failed")


async def test_close_twice_is_close_once() -> None:
    storage = GatedStorage(make_image())
    disk = await aiovdi.open(storage, "r+")
    await disk.pwrite(b"x", 0)
    await asyncio.gather(disk.close(), disk.close())
    issued = len(storage.trace)
    await disk.close()
    assert len(storage.trace) == issued


async def test_a_close_that_failed_raises_once() -> None:
    storage = GatedStorage(make_image())
    disk = await aiovdi.open(storage, "r+")
    await disk.pwrite(b"x", 0)
    storage.fail("flush")
    with pytest.raises(aiovdi.StorageError):
        await disk.close()
    await disk.close()


async def test_a_cancelled_close_finishes_and_then_raises() -> None:
    storage = GatedStorage(make_image())
    disk = await aiovdi.open(storage, "r+")
    await disk.pwrite(b"x", 0)
    released = []

    async def release() -> None:
        released.append(len(storage.trace))

    disk.on_close.append(release)
    flush = storage.hold("flush", count=1)
    close = asyncio.create_task(disk.close())
    await flush.caught()
    for _ in range(2):
        close.cancel()
        await turns(2)
    assert not close.done()
    flush.release()
    await asyncio.wait([close])
    assert close.cancelled()
    assert released == [len(storage.trace)], "released once, after the last step"
    assert storage.trace[-1].op == "flush"
    assert not disk._blockmap.pages, "the memory of the map is given back"


@pytest.mark.parametrize("failing", [False, True])
async def test_what_was_opened_is_released_in_order_even_on_error(failing: bool) -> None:
    storage = GatedStorage(make_image())
    disk = await aiovdi.open(storage, "r+")
    await disk.pwrite(b"x", 0)
    released = []

    async def note(what: str) -> None:
        released.append(what)

    disk.on_close += [lambda: note("lock"), lambda: note("storage")]
    if failing:
        storage.fail("flush")
        with pytest.raises(aiovdi.StorageError):
            await disk.close()
    else:
        await disk.close()
    assert released == ["lock", "storage"]


async def test_an_error_in_the_body_comes_out_of_the_context() -> None:
    with pytest.raises(LookupError):
        async with aiovdi.open(GatedStorage(make_image()), "r+") as disk:
            await disk.pwrite(b"x", 0)
            raise LookupError
    with pytest.raises(aiovdi.ImageClosed):
        await disk.pread(1, 0)
