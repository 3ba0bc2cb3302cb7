"""Steps of a write: what is resumed, what is under way together, what a failed part leaves, what zeroing costs."""

import asyncio
from collections.abc import Callable

import pytest

import aiovdi
from aiovdi.driver.disk import Disk
from tests.driver.gated import GatedStorage, turns
from tests.driver.images import BLOCK, BMAP, DATA, Naive, make_image, permuted_image

SIZE = 8 * BLOCK


@pytest.mark.parametrize("step", [1, 100, 512, 700])
async def test_short_writes_are_resumed(step: int) -> None:
    storage = GatedStorage(make_image(entries=[0], slots={0: b"old" * 1000}))
    storage.step_bytes = step
    async with aiovdi.open(storage, "r+") as disk:
        await disk.pwrite(b"n" * 3000, 2000)
        assert await disk.pread(3000, 2000) == b"n" * 3000
        await disk.pwrite(b"f" * 1500, 100, fua=True)
    left = Naive(storage.durable())
    assert left.disk()[100:5000] == b"f" * 1500 + b"old"[1600 % 3 :] + (b"old" * 1000)[1600 - 1600 % 3 + 3 : 2000] + (
        b"n" * 3000
    )
    assert not left.complaints()


async def test_zeroes_and_discards_of_unmapped_blocks_cost_nothing() -> None:
    storage = GatedStorage(make_image(entries={7: 0}))
    async with aiovdi.open(storage, "r+") as disk:
        await disk.pwrite(b"x", 7 * BLOCK)
        before = len(storage.trace)
        await disk.write_zeroes(6 * BLOCK, 100)
        await disk.discard(6 * BLOCK, 100)
        assert len(storage.trace) == before


async def test_mapped_blocks_are_zeroed_in_place_and_never_by_discard() -> None:
    storage = GatedStorage(permuted_image())
    async with aiovdi.open(storage, "r+") as disk:
        await disk.discard(SIZE - 200, 100)
        await disk.write_zeroes(SIZE - 200, 100)
        assert not storage.ended("discard")
        assert not storage.ended("write", BMAP)
    truth = Naive(permuted_image()).disk()
    assert Naive(storage.kill()).disk() == truth[:100] + bytes(SIZE - 200) + truth[-100:]


async def test_the_parts_of_one_write_are_in_flight_together() -> None:
    storage = GatedStorage(permuted_image())
    async with aiovdi.open(storage, "r+") as disk:
        await disk.pwrite(b"x", 0)
        hold = storage.hold("write", DATA)
        write = asyncio.create_task(disk.pwrite(b"w" * SIZE, 0))
        await turns()
        assert len(hold.ios) >= 5
        hold.release()
        await write
        assert await disk.pread(SIZE, 0) == b"w" * SIZE


async def test_a_part_that_fails_lets_its_siblings_settle_and_is_reported(no_leftovers: Callable[[Disk], None]) -> None:
    storage = GatedStorage(make_image(entries={0: 0, 2: 1}))
    async with aiovdi.open(storage, "r+") as disk:
        await disk.pwrite(b"x", 0)
        storage.fail("write", range(1024, 1024 + BLOCK))
        entry = storage.hold("write", BMAP)
        write = asyncio.create_task(disk.pwrite(b"w" * 3 * BLOCK, 0))
        await entry.caught()
        await turns()
        assert not write.done()
        entry.release()
        with pytest.raises(aiovdi.StorageError) as caught:
            await write
        assert caught.value.offset == 1024
        no_leftovers(disk)
        assert await disk.pread(2 * BLOCK, BLOCK) == b"w" * 2 * BLOCK
    assert set(Naive(storage.kill()).mapped) == {0, 1, 2}


async def test_a_retry_after_a_failure_is_safe() -> None:
    storage = GatedStorage(make_image(entries={0: 0, 2: 1}))
    async with aiovdi.open(storage, "r+") as disk:
        await disk.pwrite(b"x", 0)
        for kind in ("write", "write"):
            storage.fail(kind, skip=1, keep=512)
            with pytest.raises(aiovdi.StorageError):
                await disk.pwrite(b"w" * 3 * BLOCK, 100)
        await disk.pwrite(b"w" * 3 * BLOCK, 100)
        assert await disk.pread(3 * BLOCK, 100) == b"w" * 3 * BLOCK


async def test_unaligned_writes_side_by_side_in_one_sector_keep_each_other() -> None:
    storage = GatedStorage(make_image())
    async with aiovdi.open(storage, "r+") as disk:
        await asyncio.gather(*(disk.pwrite(bytes([n + 1]), n) for n in range(100)))
        assert await disk.pread(101, 0) == bytes(range(1, 101)) + b"\0"
