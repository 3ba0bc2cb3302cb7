"""A failed flush is reported once and never tried again: the kernel may have marked the lost pages clean."""

import asyncio
import errno
from collections.abc import Callable
from typing import Any

import pytest

import aiovdi
from aiovdi.driver.disk import Disk
from tests.driver.gated import GatedStorage, turns
from tests.driver.images import BLOCK, DATA, Naive, make_image


async def opened() -> tuple[GatedStorage, Disk]:
    storage = GatedStorage(make_image(entries=[0], slots={0: b"old" * 1000}))
    disk = await aiovdi.open(storage, "r+")
    await disk.pwrite(b"new", 0)
    return storage, disk


CHANGES: list[Callable[[Disk], Any]] = [
    lambda disk: disk.pwrite(b"x", 0),
    lambda disk: disk.pwrite(b"x", 5 * BLOCK),
    lambda disk: disk.write_zeroes(10, 0),
    lambda disk: disk.discard(10, 0),
    lambda disk: disk.flush(),
]


async def test_a_failed_flush_stops_the_disk_for_changes_while_reads_go_on() -> None:
    storage, disk = await opened()
    storage.fail("flush", error=errno.ENOSPC)
    with pytest.raises(aiovdi.StorageError) as caught:
        await disk.flush()
    assert (caught.value.errno, caught.value.operation) == (errno.ENOSPC, "flush")
    issued = len(storage.trace)
    for change in CHANGES:
        with pytest.raises(aiovdi.DiskFailed) as stopped:
            await change(disk)
        assert isinstance(stopped.value.cause, aiovdi.StorageError)
    assert await disk.pread(6, 0) == b"newold"[:3] + b"old"
    assert [extent.data async for extent in disk.extents()] == [True, False]
    with pytest.raises(aiovdi.DiskFailed):
        await disk.close()
    assert len(storage.trace) == issued, "a stopped disk touches the storage no more"


async def test_the_disk_reads_what_the_storage_holds_once_it_is_opened_again() -> None:
    storage, disk = await opened()
    storage.fail("flush")
    with pytest.raises(aiovdi.StorageError):
        await disk.flush()
    with pytest.raises(aiovdi.DiskFailed):
        await disk.close()
    for image in (storage.kill(), storage.durable()):
        async with aiovdi.open(GatedStorage(image), "r+") as again:
            assert await again.pread(BLOCK, 0) == Naive(image).disk()[:BLOCK]
            await again.pwrite(b"goes on", 3 * BLOCK)


@pytest.mark.parametrize("nth", range(2))
async def test_a_flush_of_the_prologue_that_fails_stops_the_disk(nth: int) -> None:
    storage = GatedStorage(make_image(entries=[0]))
    disk = await aiovdi.open(storage, "r+")
    storage.fail("flush", skip=nth)
    with pytest.raises(aiovdi.StorageError):
        await disk.pwrite(b"x", 0)
    with pytest.raises(aiovdi.DiskFailed):
        await disk.pwrite(b"x", 0)
    assert not storage.ended("write", DATA)
    with pytest.raises(aiovdi.DiskFailed):
        await disk.close()


@pytest.mark.parametrize("number", [errno.EIO, errno.ENOSPC, errno.EDQUOT])
async def test_a_flush_of_the_window_that_fails_stops_the_disk(number: int) -> None:
    storage = GatedStorage(make_image())
    disk = await aiovdi.open(storage, "r+")
    storage.fail("flush", skip=2, error=number)
    with pytest.raises(aiovdi.StorageError) as caught:
        await disk.pwrite(b"x", 0)
    assert caught.value.errno == number
    issued = len(storage.trace)
    with pytest.raises(aiovdi.DiskFailed):
        await disk.pwrite(b"x", 0)
    with pytest.raises(aiovdi.DiskFailed):
        await disk.close()
    assert len(storage.trace) == issued


async def test_everybody_who_waits_for_the_failed_flush_is_told() -> None:
    storage, disk = await opened()
    flush = storage.hold("flush")
    first = asyncio.create_task(disk.flush())
    io = await flush.caught()
    second = asyncio.create_task(disk.flush())
    await turns()
    io.error = OSError(errno.EIO, "no")
    flush.release()
    results = await asyncio.gather(first, second, return_exceptions=True)
    assert all(isinstance(result, aiovdi.StorageError | aiovdi.DiskFailed) for result in results)
    assert isinstance(results[0], aiovdi.StorageError)
    with pytest.raises(aiovdi.DiskFailed):
        await disk.close()


#  t   request                   storage
#  1   flush or FUA in flight
#  2   cancelled                 fails: this is reported once
#  3   CancelledError            the disk has stopped all the same


@pytest.mark.parametrize("fua", [False, True], ids=["flush", "fua"])
async def test_the_failure_stops_the_disk_even_if_the_request_was_cancelled(fua: bool) -> None:
    storage, disk = await opened()
    await disk.flush()
    held = storage.hold("write", DATA) if fua else storage.hold("flush")
    request = asyncio.create_task(disk.pwrite(b"f", 0, fua=True) if fua else disk.flush())
    io = await held.caught()
    assert io.fua == fua
    request.cancel()
    await turns()
    assert not request.done()
    io.error = OSError(errno.EIO, "no")
    held.release()
    await asyncio.wait([request])
    assert request.cancelled()
    with pytest.raises(aiovdi.DiskFailed):
        await disk.pwrite(b"x", 0)
    with pytest.raises(aiovdi.DiskFailed):
        await disk.close()


async def test_a_failed_fua_write_stops_the_disk() -> None:
    storage, disk = await opened()
    await disk.flush()
    storage.fail("write", DATA)
    with pytest.raises(aiovdi.StorageError):
        await disk.pwrite(b"f", 0, fua=True)
    with pytest.raises(aiovdi.DiskFailed):
        await disk.flush()
    with pytest.raises(aiovdi.DiskFailed):
        await disk.close()


async def test_a_failed_write_that_was_no_barrier_stops_nothing() -> None:
    storage, disk = await opened()
    storage.fail("write", DATA)
    with pytest.raises(aiovdi.StorageError):
        await disk.pwrite(b"f", 0)
    await disk.pwrite(b"g", 0)
    await disk.flush()
    await disk.close()


async def test_an_entry_that_was_waiting_is_withdrawn_when_the_disk_stops() -> None:
    storage, disk = await opened()
    await disk.pwrite(b"1", BLOCK)
    entry = storage.hold("write", range(512, 1024), count=1)
    first = asyncio.create_task(disk.pwrite(b"2", 2 * BLOCK))
    await entry.caught()
    second = asyncio.create_task(disk.pwrite(b"3", 3 * BLOCK))
    await turns()
    storage.fail("flush")
    with pytest.raises(aiovdi.StorageError):
        await disk.flush()
    entry.release()
    results = await asyncio.gather(first, second, return_exceptions=True)
    assert isinstance(results[1], aiovdi.DiskFailed)
    assert 3 not in Naive(storage.kill()).mapped
    assert len(disk._slots._dirty) == 1, "its slot is accounted for"
    with pytest.raises(aiovdi.DiskFailed):
        await disk.close()
