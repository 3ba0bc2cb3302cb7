"""The map as a stream: who owns which slot, in bounded memory, giving the loop its turn."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

import aiovdi
from aiovdi.driver.opening import read_header
from aiovdi.driver.scan import CHUNK_BYTES, Scan, scan_map
from aiovdi.errors import StorageError
from tests.driver.gated import GatedStorage
from tests.driver.images import BLOCK, FREE, ZERO, Naive, make_image
from tests.sibling import Sibling

PER_CHUNK = CHUNK_BYTES // 4


async def scanned(storage: GatedStorage) -> Scan:
    return await scan_map(storage, await read_header(storage))


@given(st.lists(st.one_of(st.integers(0, 12), st.sampled_from([FREE, ZERO, 500])), min_size=1, max_size=20))
def test_owners_are_counted_as_a_plain_loop_would(entries: list[int]) -> None:
    file_size = 1024 + 10 * 512  # slots 0-9 lie in the file
    image = make_image(blocks=len(entries), block_size=512, entries=entries, file_size=file_size, count=0)
    image = image.ljust(file_size, b"\0")
    scan = asyncio.run(scanned(GatedStorage(image)))
    owned = [entry for entry in entries if entry < ZERO and (entry < len(entries) or entry < 10)]
    assert {slot for slot in range(600) if slot in scan.used} == set(owned)
    assert {slot for slot in range(600) if slot in scan.shared} == {slot for slot in owned if owned.count(slot) > 1}
    assert scan.end == max(owned, default=-1) + 1


@pytest.mark.parametrize("blocks", [PER_CHUNK - 1, PER_CHUNK, PER_CHUNK + 1, 3 * PER_CHUNK + 7])
async def test_no_entry_at_a_border_of_the_chunks_is_missed(blocks: int) -> None:
    places = sorted({0, PER_CHUNK - 1, min(PER_CHUNK, blocks - 1), blocks - 1} & set(range(blocks)))
    entries = {block: slot for slot, block in enumerate(places)}
    scan = await scanned(GatedStorage(make_image(blocks=blocks, block_size=512, entries=entries), cold=True))
    assert len(scan.used) == len(places)
    assert not len(scan.shared)


async def test_the_loop_gets_its_turn_during_a_long_scan() -> None:
    storage = GatedStorage(make_image(blocks=PER_CHUNK * 64, block_size=512))
    async with Sibling() as sibling:
        await scanned(storage)
    assert sibling.turns >= 4


async def test_a_map_that_cannot_be_read_is_an_error() -> None:
    storage = GatedStorage(make_image(), cold=True)
    header = await read_header(storage)
    storage.fail("read")
    with pytest.raises(StorageError):
        await scan_map(storage, header)


async def test_a_block_that_shares_its_slot_refuses_writes_and_reads_fine() -> None:
    storage = GatedStorage(make_image(entries=[0, 1, 0], slots={0: b"shared" * 600, 1: b"alone"}))
    async with aiovdi.open(storage, "r+") as disk:
        for block in (0, 2):
            assert await disk.pread(6, block * BLOCK) == b"shared"
            for request in (
                disk.pwrite(b"x", block * BLOCK),
                disk.pwrite(b"x" * 2 * BLOCK, block * BLOCK),
                disk.write_zeroes(1, block * BLOCK),
                disk.discard(1, block * BLOCK),
            ):
                with pytest.raises(aiovdi.CorruptImage, match=f"block {block} .*found slot 0.*another block"):
                    await request
        await disk.pwrite(b"fine", BLOCK)
        await disk.pwrite(b"new", 5 * BLOCK)
    left = Naive(storage.kill())
    assert left.disk()[:6] == left.disk()[2 * BLOCK : 2 * BLOCK + 6] == b"shared"
    assert left.mapped[5] == 2


async def test_a_stray_entry_is_an_error_where_it_is_touched_and_nowhere_else() -> None:
    storage = GatedStorage(make_image(entries={0: 0, 3: 5000}, slots={0: b"fine"}))
    async with aiovdi.open(storage, "r+") as disk:
        assert await disk.pread(4, 0) == b"fine"
        await disk.pwrite(b"x", BLOCK)
        for request in (
            disk.pread(1, 3 * BLOCK),
            disk.pread(8 * BLOCK, 0),
            disk.pwrite(b"x", 3 * BLOCK),
            disk.write_zeroes(1, 3 * BLOCK),
        ):
            with pytest.raises(aiovdi.CorruptImage, match=r"block 3 at offset 524: found slot 5000, expected"):
                await request
        assert not disk._pins
    assert Naive(storage.kill()).bmap[3] == 5000, "nobody asked for a repair"
    assert Naive(storage.kill()).count == 2


async def test_a_map_that_ends_early_has_no_owners_beyond() -> None:
    whole = make_image(blocks=2 * PER_CHUNK, block_size=512, entries={0: 0, PER_CHUNK + 9: 1})
    header = await read_header(GatedStorage(whole))
    scan = await scan_map(GatedStorage(whole[: 512 + CHUNK_BYTES]), header)
    assert (len(scan.used), len(scan.shared)) == (1, 0)
