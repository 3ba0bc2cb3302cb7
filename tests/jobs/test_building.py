"""An image built front to back: valid at its end, whatever the order and size of the writes."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import aiovdi
from aiovdi.jobs.building import ImageBuilder
from aiovdi.jobs.check import check
from aiovdi.settling import settle_all
from aiovdi.storage import MemoryStorage
from aiovdi.units import KiB, MiB


async def content(storage: MemoryStorage) -> bytes:
    async with aiovdi.open(storage) as disk:
        return await disk.pread(disk.size, 0)


async def test_an_image_in_which_nothing_was_written_is_an_empty_one() -> None:
    storage = MemoryStorage()
    await (await ImageBuilder.begin(storage, 5 * MiB)).finish()
    assert (await check(storage)).findings == []
    assert storage.size == 2 * MiB
    assert await content(storage) == bytes(5 * MiB)


async def test_slots_lie_in_the_order_in_which_writes_begin() -> None:
    storage = MemoryStorage()
    builder = await ImageBuilder.begin(storage, 8 * MiB)
    await settle_all(*(builder.pwrite(b"x", block * MiB) for block in (1, 4, 5, 7)))
    await builder.finish()
    report = await check(storage)
    assert (report.allocated_clusters, report.fragmented_clusters, report.findings) == (4, 0, [])


async def test_a_second_write_to_a_block_goes_to_its_slot() -> None:
    storage = MemoryStorage()
    builder = await ImageBuilder.begin(storage, 2 * MiB)
    await builder.pwrite(b"one", MiB + 100)
    await builder.pwrite(b"two", MiB + 5000)
    await builder.finish()
    assert (await content(storage))[MiB:] == (bytes(100) + b"one" + bytes(4897) + b"two").ljust(MiB, b"\0")
    assert (await check(storage)).allocated_clusters == 1


async def test_the_file_holds_every_slot_whole() -> None:
    storage = MemoryStorage()
    builder = await ImageBuilder.begin(storage, 4 * MiB)
    await builder.pwrite(b"x", 3 * MiB)
    await builder.finish()
    assert storage.size == 2 * MiB + MiB


async def test_a_fixed_image_keeps_each_block_in_its_own_place() -> None:
    storage = MemoryStorage()
    builder = await ImageBuilder.begin(storage, 4 * MiB, fixed=True, comment="of one piece")
    await builder.pwrite(b"x" * MiB, 2 * MiB)
    await builder.finish()
    report = await check(storage)
    assert (report.allocated_clusters, report.fragmented_clusters, report.findings) == (4, 0, [])
    assert await content(storage) == bytes(2 * MiB) + b"x" * MiB + bytes(MiB)
    async with aiovdi.open(storage) as disk:
        assert disk.info.comment == "of one piece"


async def test_many_small_blocks_written_at_once_make_room_for_each_other() -> None:
    """The file is extended ahead of the slots; an extension that comes late must not cut another's data off.

    ::

        t   writer A                          writer B
        0   takes slots 0 - 299
        1   extends the file to slot 556      takes slots 300 - 599: not enough, waits for A's extension
        2   writes                            extends to slot 856, writes
    """
    storage = MemoryStorage()
    with pytest.warns(aiovdi.CompatibilityWarning):
        builder = await ImageBuilder.begin(storage, 2400 * KiB, block_size=1 * KiB)
    await settle_all(*(builder.pwrite(bytes([part]) * 300 * KiB, part * 300 * KiB) for part in range(8)))
    await builder.finish()
    assert await content(storage) == b"".join(bytes([part]) * 300 * KiB for part in range(8))
    assert (await check(storage)).findings == []


async def test_an_image_is_none_before_its_map_is_written() -> None:
    storage = MemoryStorage()
    builder = await ImageBuilder.begin(storage, 4 * MiB)
    await builder.pwrite(b"x" * MiB, 0)
    assert await content(storage) == bytes(4 * MiB)


SIZE = 40 * KiB


@settings(max_examples=50)
@given(
    st.lists(st.tuples(st.integers(0, SIZE - 1), st.integers(0, SIZE), st.integers(0, 255)), max_size=12),
    st.sampled_from([512, 4096]),
    st.booleans(),
)
async def test_any_writes_read_back_as_written(
    writes: list[tuple[int, int, int]], block_size: int, fixed: bool
) -> None:
    storage, expected = MemoryStorage(), bytearray(SIZE)
    with pytest.warns(aiovdi.CompatibilityWarning):
        builder = await ImageBuilder.begin(storage, SIZE, block_size=block_size, fixed=fixed)
    for offset, length, byte in writes:
        data = bytes([byte]) * min(length, SIZE - offset)
        await builder.pwrite(data, offset)
        expected[offset : offset + len(data)] = data
    await builder.finish()
    assert await content(storage) == expected
    assert (await check(storage)).corruptions == 0
