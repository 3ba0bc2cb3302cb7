"""What a reader gets: the right bytes, in any buffer, and nothing outside the range."""

import asyncio
import mmap
from array import array
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import aiovdi
from aiovdi.driver.disk import Disk
from aiovdi.storage.memory import MemoryStorage
from aiovdi.units import MiB
from tests.driver.gated import GatedStorage
from tests.driver.images import BLOCK, Naive, make_image, permuted_image

# Content

layouts = pytest.mark.parametrize(
    "layout",
    [
        {},
        {"block_size": 512},
        {"block_size": 1 << 20},
        {"block_extra": 512},
        {"block_extra": 4096, "block_size": 512},
        {"bmap_offset": 600},
        {"bmap_offset": 1 << 20, "data_offset": 2 << 20},
        {"bmap_offset": 512, "data_offset": 4096 + 512},
        {"disk_size": 8 * BLOCK - 1536},
        {"disk_size": 8 * BLOCK - 1000},
        {"version": 0x00010000},
    ],
    ids=str,
)


@layouts
@pytest.mark.parametrize("cold", [False, True])
async def test_a_permuted_map_is_read_right_in_one_request_across_many_blocks(
    layout: dict[str, int], cold: bool
) -> None:
    image = permuted_image(**layout)
    expected = Naive(image).disk()
    async with aiovdi.open(GatedStorage(image, cold=cold)) as disk:
        whole = await disk.pread(disk.size, 0)
        assert whole[: len(expected)] == expected
        assert not any(whole[len(expected) :])
        assert len(whole) % 512 == 0
        buffer = bytearray(b"\xff" * disk.size)
        assert await disk.preadinto(buffer, 0) == disk.size
        assert buffer == whole


@given(st.data())
def test_any_range_of_a_permuted_map_is_what_the_naive_reader_reads(data: st.DataObject) -> None:
    size = 8 * BLOCK
    offset = data.draw(st.integers(0, size))
    length = data.draw(st.integers(0, size - offset))
    image = permuted_image()
    expected = Naive(image).disk()[offset : offset + length]

    async def read() -> None:
        async with aiovdi.open(GatedStorage(image, cold=data.draw(st.booleans()))) as disk:
            for _ in range(2):  # the second time the page is in memory
                assert await disk.pread(length, offset) == expected
            buffer = bytearray(b"\xff" * length)
            await disk.preadinto(buffer, offset)
            assert buffer == expected

    asyncio.run(read())


async def test_large_blocks_of_128_mib_are_read_where_they_lie() -> None:
    storage = MemoryStorage(make_image(blocks=3, block_size=128 * MiB, entries=[]), size=1024 + 3 * 128 * MiB)
    async with aiovdi.open(storage, "r+") as disk:
        await disk.pwrite(b"end", 2 * 128 * MiB - 1)
        assert await disk.pread(5, 2 * 128 * MiB - 2) == b"\0end\0"


@pytest.mark.parametrize("cold", [False, True])
@pytest.mark.parametrize("there", [0, 1, 700, BLOCK - 1])
async def test_a_slot_that_the_file_cuts_short_reads_as_zeros_beyond(cold: bool, there: int) -> None:
    image = make_image(entries=[0, 1], slots={0: b"0" * BLOCK, 1: b"1" * BLOCK}, file_size=1024 + 2 * BLOCK)
    async with aiovdi.open(GatedStorage(image[: 1024 + BLOCK + there], cold=cold)) as disk:
        expected = b"0" * BLOCK + b"1" * there + bytes(BLOCK - there)
        for _ in range(2):
            assert await disk.pread(2 * BLOCK, 0) == expected
            assert await disk.pread(BLOCK, BLOCK) == expected[BLOCK:]
            buffer = bytearray(b"\xff" * 2 * BLOCK)
            await disk.preadinto(buffer, 0)
            assert buffer == expected


async def test_an_image_that_old_qemu_rounded_down_is_salvaged_with_a_tail_of_zeros() -> None:
    image = make_image(blocks=2, entries=[0, 1], disk_size=2 * BLOCK + 1024, slots={0: b"0" * BLOCK, 1: b"1" * BLOCK})
    async with aiovdi.open(GatedStorage(image)) as disk:
        assert disk.size == 2 * BLOCK + 1024
        assert await disk.pread(disk.size, 0) == b"0" * BLOCK + b"1" * BLOCK + bytes(1024)
        assert [extent.data async for extent in disk.extents()] == [True, False]
    with pytest.raises(aiovdi.UnsupportedFeature):
        await aiovdi.open(GatedStorage(image), "r+")


@pytest.mark.parametrize("step", [1, 511, 512, 1000])
async def test_short_reads_are_resumed(step: int) -> None:
    storage = GatedStorage(permuted_image(), cold=True)
    storage.step_bytes = step
    async with aiovdi.open(storage) as disk:
        assert await disk.pread(3000, 3000) == Naive(permuted_image()).disk()[3000:6000]


async def test_a_read_that_the_page_cache_has_in_part_is_completed_below() -> None:
    class Partial(MemoryStorage):
        def pread_now(self, buffer: bytearray | memoryview, offset: int) -> int:
            return super().pread_now(memoryview(buffer)[: len(buffer) // 2], offset)

    async with aiovdi.open(Partial(permuted_image())) as disk:
        for _ in range(2):
            assert await disk.pread(6000, 100) == Naive(permuted_image()).disk()[100:6100]
            assert await disk.pread(100, 100) == Naive(permuted_image()).disk()[100:200]


# Buffers, bounds

BUFFERS: list[Callable[[], Any]] = [
    lambda: bytearray(16),
    lambda: memoryview(bytearray(16)),
    lambda: array("I", bytes(16)),
    lambda: mmap.mmap(-1, 16),
]


@pytest.mark.parametrize("made", BUFFERS)
@pytest.mark.parametrize("offset", [0, BLOCK])
async def test_preadinto_fills_any_writable_buffer(made: Callable[[], Any], offset: int) -> None:
    buffer = made()
    async with aiovdi.open(GatedStorage(permuted_image())) as disk:
        assert await disk.preadinto(buffer, offset) == 16
        with memoryview(buffer) as view:
            assert view.tobytes() == (b"F" if offset == 0 else b"\0") * 16


@pytest.mark.parametrize("cold", [False, True])
@pytest.mark.parametrize("buffer", [bytes(16), memoryview(bytes(16)), memoryview(bytearray(32))[::2], "text"])
async def test_a_buffer_that_cannot_be_filled_is_a_type_error(
    buffer: Any, cold: bool, no_leftovers: Callable[[Disk], None]
) -> None:
    async with aiovdi.open(GatedStorage(permuted_image(), cold=cold)) as disk:
        for offset in (0, BLOCK):
            for _ in range(2):
                with pytest.raises(TypeError):
                    await disk.preadinto(buffer, offset)
        no_leftovers(disk)


@pytest.mark.parametrize(
    ("length", "offset"),
    [(1, 8 * BLOCK), (2, 8 * BLOCK - 1), (1, -1), (-1, 0), (512, -512), (0, -1), (0, 8 * BLOCK + 1)],
)
async def test_a_range_outside_the_disk_is_refused_with_nothing_done(length: int, offset: int) -> None:
    storage = GatedStorage(permuted_image(), cold=True)
    async with aiovdi.open(storage, "r+") as disk:
        before = len(storage.trace)
        requests = [disk.pread(length, offset), disk.write_zeroes(length, offset), disk.discard(length, offset)]
        if length >= 0:
            requests += [disk.pwrite(bytes(length), offset), disk.preadinto(bytearray(length), offset)]
        for request in requests:
            with pytest.raises(aiovdi.OutOfRange) as caught:
                await request
            assert (caught.value.offset, caught.value.length, caught.value.size) == (offset, length, 8 * BLOCK)
        assert len(storage.trace) == before


async def test_length_zero_is_fine_up_to_the_end_of_the_disk() -> None:
    async with aiovdi.open(GatedStorage(permuted_image())) as disk:
        for offset in (0, 100, 8 * BLOCK):
            assert await disk.pread(0, offset) == b""
            assert await disk.preadinto(bytearray(), offset) == 0
