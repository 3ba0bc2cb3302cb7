"""Writes, zeroes and discards: right bytes, untouched neighbours, every layout and every kind of storage."""

import asyncio
import mmap
from array import array
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import aiovdi
from tests.driver.gated import GatedStorage
from tests.driver.images import BLOCK, DATA, Naive, make_image, permuted_image

SIZE = 8 * BLOCK

storages = pytest.mark.parametrize(
    "traits",
    [{}, {"can_grow": False}, {"extends_with_zeros": False}, {"can_grow": False, "extends_with_zeros": False}],
    ids=["file", "device", "stale file", "stale device"],
)
layouts = pytest.mark.parametrize(
    "layout",
    [
        {},
        {"block_size": 512},
        {"block_size": 1 << 20},
        {"block_extra": 512},
        {"bmap_offset": 600},
        {"bmap_offset": 1 << 20, "data_offset": 2 << 20},
        {"disk_size": SIZE - 1536},
        {"image_type": 2},
    ],
    ids=str,
)


@layouts
@storages
async def test_what_was_written_is_read_back_and_nothing_else_has_changed(
    layout: dict[str, Any], traits: dict[str, bool]
) -> None:
    image = permuted_image(**layout)
    if not traits.get("can_grow", True):
        image = image.ljust(len(image) + 8 * Naive(image).stride, b"\xee")
    truth = bytearray(Naive(image).disk())
    storage = GatedStorage(image, **traits)
    async with aiovdi.open(storage, "r+") as disk:
        step = disk.block_size
        last = disk.size - 700
        for number, offset in enumerate([100, step - 1, step * 2 - 300, step * 4 + 7, step * 6, last]):
            data = bytes([97 + number]) * (600 if step > 512 else 1500)
            data = data[: disk.size - offset]
            truth[offset : offset + len(data)] = data
            await disk.pwrite(data, offset)
            assert await disk.pread(disk.size, 0) == truth
        zeroed = step * 2 + 50
        truth[zeroed : zeroed + step * 2] = bytes(step * 2)
        await disk.write_zeroes(step * 2, zeroed)
        assert await disk.pread(disk.size, 0) == truth
    left = Naive(storage.kill())
    assert left.disk() == truth
    assert not left.complaints()
    async with aiovdi.open(GatedStorage(storage.durable())) as again:
        assert await again.pread(len(truth), 0) == truth


@given(
    st.lists(
        st.tuples(st.sampled_from(["write", "zero", "discard"]), st.integers(0, SIZE), st.integers(0, 3 * BLOCK)),
        max_size=12,
    )
)
def test_a_disk_is_an_array_of_bytes(program: list[tuple[str, int, int]]) -> None:
    async def run() -> None:
        storage = GatedStorage(permuted_image())
        truth = bytearray(Naive(storage.kill()).disk())
        async with aiovdi.open(storage, "r+") as disk:
            for number, (name, offset, wanted) in enumerate(program):
                length = min(wanted, SIZE - offset)
                data = bytes([33 + number]) * length if name == "write" else bytes(length)
                truth[offset : offset + length] = data
                if name == "write":
                    await disk.pwrite(data, offset)
                elif name == "zero":
                    await disk.write_zeroes(length, offset)
                else:
                    await disk.discard(length, offset)
            assert await disk.pread(SIZE, 0) == truth
        assert Naive(storage.kill()).disk() == truth
        assert not Naive(storage.kill()).complaints()

    asyncio.run(run())


BUFFERS: list[Callable[[], Any]] = [
    lambda: b"0123456789abcdef",
    lambda: bytearray(b"0123456789abcdef"),
    lambda: memoryview(b"--0123456789abcdef")[2:],
    lambda: array("I", b"0123456789abcdef"),
    lambda: memoryview(b"0123456789abcdef").cast("H", (2, 4)),
]


@pytest.mark.parametrize("made", BUFFERS)
@pytest.mark.parametrize("offset", [3, BLOCK + 3, BLOCK - 8])
async def test_data_can_be_any_contiguous_buffer(made: Callable[[], Any], offset: int) -> None:
    storage = GatedStorage(make_image(entries=[0]))
    async with aiovdi.open(storage, "r+") as disk:
        await disk.pwrite(made(), offset)
        assert await disk.pread(16, offset) == b"0123456789abcdef"


async def test_data_can_be_a_memory_map() -> None:
    async with aiovdi.open(GatedStorage(make_image()), "r+") as disk:
        with mmap.mmap(-1, 8192) as pages:
            pages[:3] = b"map"
            await disk.pwrite(pages, 1)
        assert await disk.pread(4, 1) == b"map\0"


@pytest.mark.parametrize("data", [memoryview(b"abcdef")[::2], "text", 7, None])
async def test_what_is_no_contiguous_buffer_is_a_type_error_with_nothing_done(data: Any) -> None:
    storage = GatedStorage(make_image())
    async with aiovdi.open(storage, "r+") as disk:
        with pytest.raises(TypeError):
            await disk.pwrite(data, 0)
    assert {io.op for io in storage.trace} <= {"read"}


#  t   block 0 (mapped)        block 1 (fresh)         block 2 (mapped)
#  1   fails                   data in flight          in flight
#  2                           entry                   done
#  3   the request raises when all three have settled; what succeeded is accounted for


async def test_a_change_that_ended_is_not_vouched_for_once_a_flush_has_failed() -> None:
    storage = GatedStorage(make_image(entries=[0]))
    disk = await aiovdi.open(storage, "r+")
    await disk.pwrite(b"x", 0)
    data = storage.hold("write", DATA)
    write = asyncio.create_task(disk.pwrite(b"y", 0))
    await data.caught()
    storage.fail("flush")
    with pytest.raises(aiovdi.StorageError):
        await disk.flush()
    data.release()
    with pytest.raises(aiovdi.DiskFailed):
        await write
    with pytest.raises(aiovdi.DiskFailed):
        await disk.close()


async def test_size_and_block_size_are_those_of_the_header() -> None:
    async with aiovdi.open(GatedStorage(make_image(disk_size=8 * BLOCK - 1000))) as disk:
        assert (disk.size, disk.block_size) == (8 * BLOCK - 512, BLOCK)
        assert disk.header.disk_size == 8 * BLOCK - 1000
