"""Writes that are begun, and whose end is told: which they are, and that they are writes like any other."""

import asyncio
import errno
from collections.abc import Callable

import pytest

import aiovdi
from aiovdi.driver.disk import Disk
from aiovdi.errors import DiskFailed
from aiovdi.units import Slot
from tests.driver.gated import GatedStorage, turns
from tests.driver.images import BLOCK, FREE, ZERO, Naive, make_image

ENTRIES = [1, FREE, 0, ZERO, 2, 2, 8]
"""Blocks 4 and 5 share a slot, and block 6 has one that there cannot be."""


FILE = 1024 + 9 * BLOCK
"""The file has room for all of them."""


async def opened(**traits: object) -> tuple[Disk, GatedStorage]:
    """A disk on which a session has begun."""
    slots = {slot: bytes([65 + slot]) * BLOCK for slot in range(3)}
    storage = GatedStorage(make_image(entries=ENTRIES, slots=slots, file_size=FILE), begins=True, **traits)  # type: ignore[arg-type]
    disk = await aiovdi.open(storage, "r+")
    await disk.pwrite(b"!", 0)
    return disk, storage


async def test_a_write_into_a_mapped_block_is_begun_and_told_when_it_has_ended(
    no_leftovers: Callable[[Disk], None],
) -> None:
    disk, storage = await opened()
    told: list[bool] = []
    held = storage.hold("write")
    assert disk.begin_pwrite(memoryview(b"news"), 2 * BLOCK + 10, told.append)
    await turns()
    assert not told
    held.release()
    await turns()
    assert told == [True]
    no_leftovers(disk)
    assert await disk.pread(6, 2 * BLOCK + 9) == b"AnewsA"
    await disk.close()
    assert Naive(storage.kill()).disk()[2 * BLOCK + 10 :][:4] == b"news"


@pytest.mark.parametrize(
    ("data", "offset"),
    [
        (b"x", BLOCK),  # no slot
        (b"x", 3 * BLOCK),  # reads as zeros
        (b"x", 4 * BLOCK),  # shares its slot
        (b"x", 6 * BLOCK),  # its slot lies past the last one
        (b"xx", 3 * BLOCK - 1),  # two blocks
        (b"", 0),
        (b"x", 8 * BLOCK),  # past the end
        (b"xx", 8 * BLOCK - 1),
        (b"x", -1),
        (b"x", -1 << 40),
    ],
)
async def test_what_is_not_plain_is_left_to_pwrite(data: bytes, offset: int) -> None:
    disk, storage = await opened()
    before = len(storage.trace)
    assert not disk.begin_pwrite(memoryview(data), offset, pytest.fail)
    await turns()
    assert len(storage.trace) == before
    await disk.close()


async def test_nothing_is_begun_past_the_end_within_the_last_block() -> None:
    storage = GatedStorage(make_image(entries=ENTRIES[:3], blocks=3, disk_size=3 * BLOCK - 1024), begins=True)
    async with aiovdi.open(storage, "r+") as disk:
        await disk.pwrite(b"!", 0)
        assert not disk.begin_pwrite(memoryview(b"xx"), disk.size - 1, pytest.fail)
        assert disk.begin_pwrite(memoryview(b"xx"), disk.size - 2, lambda _: None)


async def test_nothing_is_begun_before_the_session_or_after_its_end() -> None:
    storage = GatedStorage(make_image(entries=ENTRIES[:4]), begins=True)
    disk = await aiovdi.open(storage, "r+")
    await disk.pread(1, 0)
    assert not disk.begin_pwrite(memoryview(b"x"), 0, pytest.fail)
    await disk.pwrite(b"!", 0)
    await disk.close()
    assert not disk.begin_pwrite(memoryview(b"x"), 0, pytest.fail)


async def test_nothing_is_begun_where_every_write_has_to_be_durable() -> None:
    storage = GatedStorage(make_image(entries=ENTRIES[:4]), begins=True)
    async with aiovdi.open(storage, "r+", cache="writethrough") as disk:
        await disk.pwrite(b"!", 0)
        assert not disk.begin_pwrite(memoryview(b"x"), 0, pytest.fail)
        assert storage.trace[-1].fua


async def test_close_waits_for_what_was_begun() -> None:
    disk, storage = await opened()
    told: list[bool] = []
    held = storage.hold("write")
    assert disk.begin_pwrite(memoryview(b"news"), 0, told.append)
    closing = asyncio.create_task(disk.close())
    await turns()
    assert not closing.done()
    held.release()
    await closing
    assert told == [True]


async def test_a_slot_that_is_being_written_is_pinned() -> None:
    disk, storage = await opened()
    held = storage.hold("write")
    for _ in range(2):
        assert disk.begin_pwrite(memoryview(b"news"), 0, lambda _: None)
    assert disk._pins == {1: 2}
    held.release()
    await turns()
    assert not disk._pins
    await disk.close()


@pytest.mark.parametrize("trouble", ["error", "short"])
async def test_of_what_did_not_end_well_nothing_is_known_and_pwrite_mends_or_tells_it(trouble: str) -> None:
    disk, storage = await opened()
    told: list[bool] = []
    if trouble == "error":
        storage.fail("write", error=errno.EINTR)
    else:
        storage.step_bytes = 512
    assert disk.begin_pwrite(memoryview(b"n" * 1024), 0, told.append)
    await turns()
    assert told == [False]
    await disk.pwrite(b"n" * 1024, 0)
    assert await disk.pread(1025, 0) == b"n" * 1024 + b"B"
    await disk.close()


async def test_a_write_is_not_vouched_for_if_a_flush_has_failed_before_its_end() -> None:
    #  t   begun write        flush
    #  0   issued, held
    #  1                      fails: what it covered may be gone
    #  2   ends               the disk has stopped
    disk, storage = await opened()
    told: list[bool] = []
    held = storage.hold("write")
    assert disk.begin_pwrite(memoryview(b"news"), 0, told.append)
    storage.fail("flush")
    with pytest.raises(aiovdi.StorageError):
        await disk.flush()
    held.release()
    await turns()
    assert told == [False]
    with pytest.raises(DiskFailed):
        await disk.pwrite(b"news", 0)
    assert not disk.begin_pwrite(memoryview(b"news"), 0, pytest.fail)
    with pytest.raises(DiskFailed):
        await disk.close()


async def test_pwrite_itself_takes_the_quick_way_and_resumes_what_was_short() -> None:
    disk, storage = await opened()
    storage.step_bytes = 512
    storage.trace.clear()
    await disk.pwrite(b"n" * 1024, 0)
    assert await disk.pread(1025, 0) == b"n" * 1024 + b"B"
    assert [io.op for io in storage.trace] == ["write"] * 3  # the quick one, then both halves
    await disk.close()


async def test_a_cancelled_pwrite_ends_when_its_io_does(no_leftovers: Callable[[Disk], None]) -> None:
    disk, storage = await opened()
    held = storage.hold("write")
    task = asyncio.create_task(disk.pwrite(b"news", 0))
    await turns()
    task.cancel()
    await turns()
    assert not task.done()
    held.release()
    with pytest.raises(asyncio.CancelledError):
        await task
    no_leftovers(disk)
    assert await disk.pread(4, 0) == b"news"
    await disk.close()


async def test_a_pwrite_whose_quick_write_met_a_failed_flush_writes_nothing_more() -> None:
    disk, storage = await opened()
    held = storage.hold("write")
    task = asyncio.create_task(disk.pwrite(b"news", 0))
    await turns()
    storage.fail("flush")
    with pytest.raises(aiovdi.StorageError):
        await disk.flush()
    storage.trace.clear()
    held.release()
    with pytest.raises(DiskFailed):
        await task
    assert not storage.trace
    with pytest.raises(DiskFailed):
        await disk.close()


async def test_a_pwrite_is_not_acknowledged_when_a_flush_has_failed_between_its_end_and_its_next_step() -> None:
    #  t   pwrite                     flush
    #  0   issued
    #  1   its I/O ends: told True
    #  2                              fails: the page may be as it was
    #  3   goes on: must not return
    disk, _ = await opened()
    task = asyncio.create_task(disk.pwrite(b"news", 0))
    took = disk._in_place_ended

    def ended(slot: Slot, length: int, done: Callable[[bool], object], result: int | Exception) -> None:
        took(slot, length, done, result)
        disk._lifecycle.fail(OSError(errno.EIO, "as the test wants it"))

    disk._in_place_ended = ended  # type: ignore[method-assign]
    with pytest.raises(DiskFailed):
        await task
    with pytest.raises(DiskFailed):
        await disk.close()


async def test_who_raises_when_told_does_not_keep_the_disk_open() -> None:
    disk, storage = await opened()
    complaints: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(context["exception"]))

    def fail(_: bool) -> None:
        raise ValueError("as the test wants it")

    assert disk.begin_pwrite(memoryview(b"news"), 0, fail)
    await disk.close()
    assert [type(each) for each in complaints] == [ValueError]
    assert not storage.in_flight
