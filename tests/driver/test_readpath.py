"""The read path: many reads at once, a loop that is never starved, and what can be had without waiting."""

import asyncio
import mmap
from collections.abc import Awaitable, Callable

import pytest

import aiovdi
from aiovdi.driver.disk import Disk
from aiovdi.driver.readpath import in_parallel
from aiovdi.storage.memory import MemoryStorage
from aiovdi.units import GiB, MiB
from tests.driver.gated import GatedStorage, turns
from tests.driver.images import BLOCK, make_image, permuted_image
from tests.sibling import Sibling

# Concurrency


async def test_a_hundred_reads_are_in_flight_together() -> None:
    image = make_image(blocks=100, entries=range(100), slots={n: bytes([n]) * BLOCK for n in range(100)})
    storage = GatedStorage(image, cold=True)
    async with aiovdi.open(storage) as disk:
        await disk.pread(1, 0)
        hold = storage.hold("read")
        reads = [asyncio.create_task(disk.pread(512, n * BLOCK)) for n in range(100)]
        await turns()
        assert len(storage.in_flight) == 100
        for io in reversed(hold.ios):
            storage.complete(io)
        assert await asyncio.gather(*reads) == [bytes([n]) * 512 for n in range(100)]


async def test_the_parts_of_one_read_are_in_flight_together_and_neighbours_are_one() -> None:
    storage = GatedStorage(make_image(entries=[4, 0, 1, 2, 7, 6, 5, 3]), cold=True)
    async with aiovdi.open(storage) as disk:
        await disk.pread(1, 0)
        hold = storage.hold("read")
        read = asyncio.create_task(disk.pread(8 * BLOCK, 0))
        await turns()
        assert sorted(io.length for io in hold.ios) == [BLOCK] * 5 + [3 * BLOCK]
        hold.release()
        await read


async def test_a_part_that_fails_lets_its_siblings_settle_and_is_reported(no_leftovers: Callable[[Disk], None]) -> None:
    storage = GatedStorage(make_image(entries=[4, 2, 0]), cold=True)
    async with aiovdi.open(storage) as disk:
        await disk.pread(1, 0)
        fault = storage.fail("read", range(1024 + 4 * BLOCK, 1024 + 5 * BLOCK))
        slow = storage.hold("read", range(1024, 1024 + BLOCK))
        read = asyncio.create_task(disk.pread(3 * BLOCK, 0))
        await slow.caught()
        await turns()
        assert fault.ios[0].ended
        assert not read.done()
        slow.release()
        with pytest.raises(aiovdi.StorageError) as caught:
            await read
        assert (caught.value.operation, caught.value.offset) == ("read", 1024 + 4 * BLOCK)
        no_leftovers(disk)


async def test_parts_beyond_a_failed_batch_are_not_begun() -> None:
    begun = []

    async def part(number: int) -> None:
        begun.append(number)
        if number == 3:
            raise OSError("no")

    with pytest.raises(OSError, match="no"):
        await in_parallel([lambda n=n: part(n) for n in range(100)])  # type: ignore[misc]
    assert set(range(4)) <= set(begun)
    assert len(begun) < 100


# The loop's turn


async def requests_until_the_loop_had_a_turn(request: Callable[[], Awaitable[object]]) -> int:
    """How many requests are served before a task that is ready to run gets its turn."""
    ran = asyncio.Event()
    asyncio.get_running_loop().call_soon(ran.set)
    count = 0
    while not ran.is_set() and count < 3000:
        await request()
        count += 1
    return count


@pytest.mark.parametrize("length", [0, 1, 512, BLOCK])
@pytest.mark.parametrize("block", [0, 1], ids=["mapped", "free"])
@pytest.mark.parametrize("into", [False, True])
async def test_reads_served_without_waiting_yield_once_in_a_while(length: int, block: int, into: bool) -> None:
    async with aiovdi.open(GatedStorage(permuted_image())) as disk:
        await disk.pread(1, 0)
        buffer = bytearray(length)

        def request() -> Awaitable[object]:
            return disk.preadinto(buffer, block * BLOCK) if into else disk.pread(length, block * BLOCK)

        for _ in range(3):
            assert await requests_until_the_loop_had_a_turn(request) <= 66


async def test_a_gib_of_zeros_is_read_in_many_turns() -> None:
    storage = MemoryStorage()
    await aiovdi.create(storage, 1 * GiB)
    with mmap.mmap(-1, 1 * GiB) as buffer:
        async with aiovdi.open(storage) as disk, Sibling() as sibling:
            await disk.preadinto(buffer, 0)
        assert sibling.turns >= 1 * GiB // MiB


async def test_many_mib_of_cached_data_are_read_in_many_turns() -> None:
    size = 32 * MiB
    storage = MemoryStorage(make_image(blocks=32, block_size=MiB, entries=range(32), file_size=1024 + size))
    with mmap.mmap(-1, size) as buffer:
        async with aiovdi.open(storage) as disk, Sibling() as sibling:
            await disk.preadinto(buffer, 0)
            assert sibling.turns >= 31
            sibling.turns = 0
            await disk.pread(size, 0)
            assert sibling.turns >= 31
            sibling.turns = 0
            for _ in range(32):
                await disk.pread(MiB, 0)
                await disk.preadinto(memoryview(buffer)[:MiB], 0)
            assert sibling.turns >= 62


@pytest.mark.parametrize("into", [False, True])
async def test_a_request_over_many_small_blocks_is_planned_in_many_turns(into: bool) -> None:
    blocks = 16384
    storage = GatedStorage(make_image(blocks=blocks, block_size=512, entries=range(blocks)))
    async with aiovdi.open(storage, "r+") as disk, Sibling() as sibling:
        if into:
            await disk.preadinto(bytearray(blocks * 512), 0)
        else:
            await disk.pwrite(bytes(blocks * 512), 0)
        assert sibling.turns >= 10


async def test_a_timeout_around_a_scan_fires() -> None:
    async with aiovdi.open(GatedStorage(permuted_image())) as disk:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.01):
                while True:
                    await disk.pread(512, 0)


# Without waiting


async def test_a_read_at_once_fills_the_buffer_with_what_the_page_cache_has() -> None:
    image = permuted_image()
    async with aiovdi.open(GatedStorage(image)) as disk:
        expected = await disk.pread(BLOCK, 3 * BLOCK)
        buffer = memoryview(bytearray(BLOCK))
        assert disk.pread_now(buffer, 3 * BLOCK)
        assert buffer == expected


@pytest.mark.parametrize(
    ("length", "offset"),
    [(1, BLOCK), (2, BLOCK - 1), (0, 0), (1, 8 * BLOCK), (1, -1), (BLOCK + 1, 2 * BLOCK)],
    ids=["zeros", "two blocks", "nothing", "past the end", "before the start", "more than a block"],
)
async def test_a_read_at_once_says_no_to_what_it_does_not_do_and_changes_nothing(length: int, offset: int) -> None:
    async with aiovdi.open(GatedStorage(permuted_image())) as disk:
        await disk.pread(1, 0)
        buffer = memoryview(bytearray(b"\xff" * length))
        assert not disk.pread_now(buffer, offset)
        assert bytes(buffer) == b"\xff" * length


async def test_a_read_at_once_says_no_where_the_map_or_the_data_is_not_in_memory() -> None:
    async with aiovdi.open(GatedStorage(permuted_image(), cold=True)) as disk:
        assert not disk.pread_now(memoryview(bytearray(1)), 0)
        await disk.pread(1, 0)  # now the map is
        assert not disk.pread_now(memoryview(bytearray(1)), 0)


async def test_a_read_at_once_says_no_on_a_closed_disk() -> None:
    async with aiovdi.open(GatedStorage(permuted_image())) as disk:
        await disk.pread(1, 0)
        assert disk.pread_now(memoryview(bytearray(1)), 0)
    assert not disk.pread_now(memoryview(bytearray(1)), 0)
