"""No space: at the data, at the window, for good or for a while. What was promised stays, and reading goes on."""

import asyncio
import errno

import pytest

import aiovdi
from tests.driver.gated import GatedStorage
from tests.driver.images import BLOCK, DATA, Naive, make_image

full = pytest.mark.parametrize("number", [errno.ENOSPC, errno.EFBIG, errno.EDQUOT])


@full
async def test_a_smaller_window_is_made_where_a_large_one_does_not_fit(number: int) -> None:
    storage = GatedStorage(make_image(blocks=500))
    async with aiovdi.open(storage, "r+") as disk:
        sizes = [storage.fail("resize", where=lambda io: io.offset > 1500 + 3000 + 5 * BLOCK, error=number, count=99)]
        for block in range(5):
            await disk.pwrite(b"x", block * BLOCK)
        assert sizes[0].ios
        with pytest.raises(aiovdi.StorageError) as caught:
            await disk.pwrite(b"x", 499 * BLOCK)
        assert caught.value.errno == number
        sizes[0].lift()
        await disk.pwrite(b"x", 499 * BLOCK)
    assert set(Naive(storage.kill()).mapped) == {0, 1, 2, 3, 4, 499}


@full
@pytest.mark.parametrize("keep", [0, 512])
async def test_no_space_for_the_data_leaves_the_block_unmapped(number: int, keep: int) -> None:
    storage = GatedStorage(make_image())
    async with aiovdi.open(storage, "r+") as disk:
        storage.fail("write", DATA, error=number, keep=keep)
        with pytest.raises(aiovdi.StorageError) as caught:
            await disk.pwrite(b"x" * 1024, 0)
        assert caught.value.errno == number
        assert await disk.pread(BLOCK, 0) == bytes(BLOCK)
        await disk.pwrite(b"y", 100)
        assert await disk.pread(BLOCK, 0) == bytes(100) + b"y" + bytes(BLOCK - 101)


async def test_space_that_ends_in_the_middle_of_a_request_fails_it_and_keeps_what_was_there() -> None:
    storage = GatedStorage(make_image(blocks=32))
    storage.size_max = 1024 + 6 * BLOCK
    async with aiovdi.open(storage, "r+") as disk:
        await disk.pwrite(b"a" * 2 * BLOCK, 0)
        with pytest.raises(aiovdi.StorageError) as caught:
            await disk.pwrite(b"b" * 8 * BLOCK, 2 * BLOCK)
        assert caught.value.errno == errno.ENOSPC
        assert await disk.pread(2 * BLOCK, 0) == b"a" * 2 * BLOCK
        assert not Naive(storage.kill()).complaints()
        storage.size_max = None
        await disk.pwrite(b"b" * 8 * BLOCK, 2 * BLOCK)
        assert await disk.pread(8 * BLOCK, 2 * BLOCK) == b"b" * 8 * BLOCK


async def test_the_end_of_a_storage_that_cannot_grow_is_enospc() -> None:
    storage = GatedStorage(make_image(blocks=32, file_size=1024 + 5 * BLOCK), can_grow=False)
    async with aiovdi.open(storage, "r+") as disk:
        for block in range(5):
            await disk.pwrite(b"x" * BLOCK, block * BLOCK)
        with pytest.raises(aiovdi.StorageError) as caught:
            await disk.pwrite(b"x", 5 * BLOCK)
        assert (caught.value.errno, caught.value.operation) == (errno.ENOSPC, "allocate")
        await disk.pwrite(b"y", 0)
    assert len(storage.content) == 1024 + 5 * BLOCK
    assert Naive(storage.kill()).count == 5


async def test_everybody_who_waits_for_a_window_that_cannot_be_made_is_told() -> None:
    storage = GatedStorage(make_image(blocks=32))
    storage.size_max = 1024 + BLOCK
    async with aiovdi.open(storage, "r+") as disk:
        results = await asyncio.gather(*(disk.pwrite(b"x", n * BLOCK) for n in range(4)), return_exceptions=True)
        errors = [result for result in results if result is not None]
        assert len(errors) == 3
        assert all(isinstance(error, aiovdi.StorageError) and error.errno == errno.ENOSPC for error in errors)
        assert len({id(error) for error in errors}) == 3


async def test_an_error_that_is_no_lack_of_space_is_not_tried_with_less() -> None:
    storage = GatedStorage(make_image())
    async with aiovdi.open(storage, "r+") as disk:
        fault = storage.fail("resize", count=99)
        with pytest.raises(aiovdi.StorageError) as caught:
            await disk.pwrite(b"x", 0)
        assert caught.value.errno == errno.EIO
        assert len(fault.ios) == 1
        fault.lift()
        await disk.pwrite(b"x", 0)


async def test_an_image_whose_blocks_share_slots_can_run_out_of_slots() -> None:
    # Three blocks, one slot owned by nobody below cBlocks: slot 7 lies above it and counts for none of them.
    storage = GatedStorage(make_image(blocks=2, entries={0: 1}, count=2))
    async with aiovdi.open(storage, "r+") as disk:
        await disk.pwrite(b"x", BLOCK)
    assert Naive(storage.kill()).mapped == {0: 1, 1: 0}
