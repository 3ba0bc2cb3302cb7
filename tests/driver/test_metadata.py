"""The one writer of metadata: group commit, one write of a sector at a time, withdrawal, doubt."""

import asyncio
import itertools

import pytest

import aiovdi
from tests.driver.gated import GatedStorage, turns
from tests.driver.images import BMAP, DATA, HEADER, Naive, make_image

BLOCK = 512
WIDE = range(512, 512 + 4 * 1000)  # the map of 1000 blocks: eight sectors


def wide_image() -> bytes:
    return make_image(blocks=1000, block_size=BLOCK)


#  t   A            B … Z, same sector of the bmap
#  1   entry in flight
#  2                all arrive: they wait for the next round
#  3   ended
#  4                one write for all of them


async def test_writers_of_fresh_blocks_share_bmap_writes() -> None:
    storage = GatedStorage(wide_image())
    async with aiovdi.open(storage, "r+") as disk:
        await disk.pwrite(b"x", 0)
        before = len(storage.ended("write", WIDE))
        await asyncio.gather(*(disk.pwrite(b"y", n * BLOCK) for n in range(1, 60)))
        assert len(storage.ended("write", WIDE)) - before <= 3
    assert len(Naive(storage.kill()).mapped) == 60


async def test_a_sector_is_never_written_twice_at_once() -> None:
    storage = GatedStorage(wide_image(), ticks=3)
    async with aiovdi.open(storage, "r+") as disk:

        def judge() -> None:
            writes = [io for io in storage.in_flight if io.op == "write" and io.offset in WIDE]
            for one, other in itertools.combinations(writes, 2):
                assert one.end <= other.offset or other.end <= one.offset

        storage.after_effect.append(judge)
        await asyncio.gather(*(disk.pwrite(b"y", n * 7 % 1000 * BLOCK) for n in range(200)))
    assert len(Naive(storage.kill()).mapped) == 200


async def test_neighbouring_sectors_go_out_in_one_write_and_others_at_the_same_time() -> None:
    storage = GatedStorage(wide_image())
    async with aiovdi.open(storage, "r+") as disk:
        await disk.pwrite(b"x" * 20 * BLOCK, 0)
        gate = storage.hold("write", DATA, where=lambda io: io.offset >= 4608)
        blocks = [127, 128, 500]  # sectors 0 and 1 of the map, and 3
        writers = [asyncio.create_task(disk.pwrite(b"y", block * BLOCK)) for block in blocks]
        await turns()
        entries = storage.hold("write", WIDE)
        for io in gate.ios[:]:
            storage.complete(io)
        gate.lift()
        await turns()
        assert sorted((io.offset, io.length) for io in entries.ios) == [(512, 1024), (512 + 3 * 512, 512)]
        entries.release()
        await asyncio.gather(*writers)


async def test_only_whole_sectors_of_the_map_are_written() -> None:
    storage = GatedStorage(make_image(blocks=1000, block_size=BLOCK, bmap_offset=600))
    before = storage.kill()
    async with aiovdi.open(storage, "r+") as disk:
        for block in (0, 105, 106, 999):
            await disk.pwrite(b"x", block * BLOCK)
    after = storage.kill()
    assert after[512:600] == before[512:600]
    assert sorted(Naive(after).mapped) == [0, 105, 106, 999]


async def test_readers_see_an_entry_only_when_the_storage_has_it() -> None:
    storage = GatedStorage(make_image())
    async with aiovdi.open(storage, "r+") as disk:
        entry = storage.hold("write", BMAP)
        writer = asyncio.create_task(disk.pwrite(b"new", 0))
        await entry.caught()
        assert await disk.pread(3, 0) == bytes(3)
        entry.release()
        await writer
        assert await disk.pread(3, 0) == b"new"


async def test_a_failure_in_one_place_of_the_map_spares_the_entries_of_another() -> None:
    storage = GatedStorage(wide_image())
    async with aiovdi.open(storage, "r+") as disk:
        await disk.pwrite(b"x", 1 * BLOCK)
        storage.fail("write", range(512, 1024))
        results = await asyncio.gather(
            disk.pwrite(b"a", 2 * BLOCK), disk.pwrite(b"b", 500 * BLOCK), return_exceptions=True
        )
        assert isinstance(results[0], aiovdi.StorageError)
        assert results[1] is None
        assert set(Naive(storage.kill()).mapped) >= {1, 500}
        await disk.flush()
    assert set(Naive(storage.kill()).mapped) == {1, 500}


#  t   A                             B, same sector
#  1   entry in flight               waits for the next round
#  2   the storage raises something that is no OSError
#  3   told                          its round comes all the same


async def test_an_error_of_any_kind_in_a_bmap_write_leaves_nobody_waiting() -> None:
    storage = GatedStorage(make_image())
    disk = await aiovdi.open(storage, "r+")
    await disk.pwrite(b"0", 0)
    entry = storage.hold("write", BMAP, count=1)
    first = asyncio.create_task(disk.pwrite(b"1", 4096))
    io = await entry.caught()
    second = asyncio.create_task(disk.pwrite(b"2", 2 * 4096))
    await turns()
    io.error = RuntimeError("a bug in somebody's storage")
    entry.release()
    await turns()
    assert first.done()
    assert second.done()
    assert isinstance(first.exception(), aiovdi.StorageError)
    assert second.exception() is None
    await disk.close()
    assert set(Naive(storage.kill()).mapped) == {0, 2}


async def test_settling_asks_for_no_write_where_nothing_is_in_doubt() -> None:
    storage = GatedStorage(make_image())
    async with aiovdi.open(storage, "r+") as disk:
        await disk.pwrite(b"0", 0)
        before = len(storage.ended("write"))
        await disk._metadata.settle()
        assert len(storage.ended("write")) == before


async def test_several_who_settle_share_the_rewrite_and_each_is_told() -> None:
    storage = GatedStorage(make_image())
    disk = await aiovdi.open(storage, "r+")
    fault = storage.fail("write", BMAP, count=2)
    with pytest.raises(aiovdi.StorageError):
        await disk.pwrite(b"0", 0)
    results = await asyncio.gather(*(disk._metadata.settle() for _ in range(3)), return_exceptions=True)
    assert all(isinstance(result, aiovdi.StorageError) for result in results)
    assert len(fault.ios) == 2
    await disk.close()


async def test_the_header_keeps_every_byte_but_its_count_and_uuid() -> None:
    image = bytearray(make_image())
    image[0x54:0x60] = b"a comment..."
    image[0x1D8:0x200] = bytes(range(40))  # beyond cbHeader
    storage = GatedStorage(bytes(image))
    async with aiovdi.open(storage, "r+") as disk:
        await disk.pwrite(b"x", 0)
    after = storage.kill()
    changed = {at for at in HEADER if image[at] != after[at]}
    assert changed <= {*range(0x184, 0x188), *range(0x198, 0x1A8)}
