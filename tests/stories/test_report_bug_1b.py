"""Bug 1b of the 2011 report: a second writer acknowledged and flushed while the block's entry is in flight."""

import asyncio

import aiovdi
from tests.driver.gated import GatedStorage, turns
from tests.driver.images import BLOCK, BMAP, DATA, Naive, make_image

#  t    Q1: write to sector X                  Q4: write to sector X+1, same block
#  1    takes a slot
#  2    data write in flight
#  3                                           must wait: its data has no entry that leads to it
#  4    data written; entry in flight          still waits
#  5    entry written, published
#  6    acknowledged                           finds the block mapped, lets go of the lock, writes in place
#  7                                           acknowledged; a flush covers both


async def test_the_second_writer_of_a_fresh_block_waits_for_its_entry() -> None:
    storage = GatedStorage(make_image())
    async with aiovdi.open(storage, "r+") as disk:
        data, entry = storage.hold("write", DATA, count=1), storage.hold("write", BMAP)
        first = asyncio.create_task(disk.pwrite(b"1" * 512, 0))
        await data.caught()
        second = asyncio.create_task(disk.pwrite(b"2" * 512, 512))
        await turns()
        assert not second.done()
        data.release()
        await entry.caught()
        await turns()
        assert not first.done()
        assert not second.done()
        assert await disk.pread(1024, 0) == bytes(1024), "an entry on its way is not visible"
        entry.release()
        await asyncio.gather(first, second)
        await disk.flush()
        for image in storage.crash_images():
            assert Naive(image).disk()[:1024] == b"1" * 512 + b"2" * 512
        assert len(Naive(storage.kill()).mapped) == 1


async def test_an_acknowledged_and_flushed_write_survives_at_every_instant() -> None:
    storage = GatedStorage(make_image(), ticks=3)
    async with aiovdi.open(storage, "r+") as disk:
        promised: list[int] = []

        def judge() -> None:
            for image in storage.crash_images(count=4):
                left = Naive(image)
                assert not left.complaints()
                for sector in promised:
                    assert left.disk()[sector * 512 : sector * 512 + 512] == bytes([sector + 1]) * 512

        storage.after_effect.append(judge)

        async def write_and_flush(sector: int) -> None:
            await disk.pwrite(bytes([sector + 1]) * 512, sector * 512)
            await disk.flush()
            promised.append(sector)

        await asyncio.gather(*(write_and_flush(sector) for sector in range(8)))
        assert len(promised) == 8


#  t    A: allocates the block       B, C, D wait for it
#  1    entry written
#  2    acknowledged                 B, C and D write in place, all three at once


async def test_writers_that_waited_for_the_allocation_do_not_wait_for_each_other() -> None:
    storage = GatedStorage(make_image())
    async with aiovdi.open(storage, "r+") as disk:
        entry = storage.hold("write", BMAP)
        writers = [asyncio.create_task(disk.pwrite(bytes([n + 1]) * 512, n * 512)) for n in range(4)]
        await entry.caught()
        in_place = storage.hold("write", DATA)
        entry.release()
        await turns()
        assert writers[0].done()
        assert sorted(io.offset % BLOCK - DATA.start % BLOCK for io in in_place.ios) == [512, 1024, 1536]
        assert not len(disk._locks), "the lock is for the allocation only"
        in_place.release()
        await asyncio.gather(*writers)
        assert await disk.pread(2048, 0) == b"".join(bytes([n + 1]) * 512 for n in range(4))
