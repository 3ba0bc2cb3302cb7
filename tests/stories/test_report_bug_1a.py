"""Bug 1a of the 2011 report: an entry that only memory has, left behind by a write that failed."""

import asyncio
import errno

import pytest

import aiovdi
from tests.driver.gated import GatedStorage, turns
from tests.driver.images import BMAP, DATA, Naive, make_image

#  t   O: write to sector X                      P: write to sector X+1, same block
#  1   takes a slot
#  2   its data write fails
#  3   reports the error
#  4                                             finds the block unmapped: takes a clean slot
#  5                                             data, entry, acknowledge
#  6   the process ends; the image is opened again: P's sector must be there


@pytest.mark.parametrize("keep", [0, 512, None])
async def test_a_write_after_a_failed_one_in_its_block_survives_reopening(keep: int | None) -> None:
    storage = GatedStorage(make_image())
    disk = await aiovdi.open(storage, "r+")
    storage.fail("write", DATA, keep=keep)
    with pytest.raises(aiovdi.StorageError) as caught:
        await disk.pwrite(b"X" * 1024, 0)
    assert caught.value.errno == errno.EIO
    assert not Naive(storage.kill()).mapped
    await disk.pwrite(b"P" * 512, 1024)
    survivor = Naive(storage.kill())
    assert survivor.disk()[:1536] == bytes(1024) + b"P" * 512
    assert not survivor.complaints()
    await disk.close()
    async with aiovdi.open(GatedStorage(storage.kill())) as again:
        assert await again.pread(1536, 0) == bytes(1024) + b"P" * 512


async def test_a_write_that_was_waiting_behind_the_failed_one_allocates_anew() -> None:
    storage = GatedStorage(make_image())
    async with aiovdi.open(storage, "r+") as disk:
        hold = storage.hold("write", DATA, count=1)
        first = asyncio.create_task(disk.pwrite(b"X" * 512, 0))
        io = await hold.caught()
        second = asyncio.create_task(disk.pwrite(b"P" * 512, 512))
        await turns()
        assert not second.done()
        io.error = OSError(errno.EIO, "no")
        hold.release()
        with pytest.raises(aiovdi.StorageError):
            await first
        await second
        assert Naive(storage.kill()).disk()[512:1024] == b"P" * 512
        assert await disk.pread(1024, 0) in {b"X" * 512 + b"P" * 512, bytes(512) + b"P" * 512}


async def test_the_entry_of_a_failed_write_never_reaches_the_storage() -> None:
    storage = GatedStorage(make_image())
    async with aiovdi.open(storage, "r+") as disk:
        storage.fail("write", DATA)
        with pytest.raises(aiovdi.StorageError):
            await disk.pwrite(b"X", 0)
        assert not storage.ended("write", BMAP)
        assert await disk.pread(512, 0) == bytes(512)
