"""A bmap write that failed: nobody knows what the storage holds, and no later success may surface its bytes."""

import asyncio

import pytest

import aiovdi
from aiovdi.driver.disk import Disk
from tests.driver.gated import GatedStorage, turns
from tests.driver.images import BLOCK, BMAP, DATA, Naive, make_image


async def with_a_doubtful_slot(keep: int | None) -> tuple[GatedStorage, Disk]:
    """A disk on which the entry of block 1 failed; ``keep`` None: it is on the storage all the same."""
    storage = GatedStorage(make_image(entries=[0]))
    disk = await aiovdi.open(storage, "r+")
    storage.fail("write", BMAP, keep=keep)
    with pytest.raises(aiovdi.StorageError):
        await disk.pwrite(b"F" * BLOCK, BLOCK)
    return storage, disk


either = pytest.mark.parametrize("keep", [0, None], ids=["not on the storage", "on the storage"])


@either
async def test_the_disk_reads_the_old_content_after_a_failed_commit(keep: int | None) -> None:
    _, disk = await with_a_doubtful_slot(keep)
    assert await disk.pread(BLOCK, BLOCK) == bytes(BLOCK)
    assert [extent.data async for extent in disk.extents(BLOCK, BLOCK)] == [False]
    await disk.close()


@either
async def test_flush_rewrites_the_sector_in_doubt_first(keep: int | None) -> None:
    storage, disk = await with_a_doubtful_slot(keep)
    await disk.flush()
    for image in storage.crash_images():
        assert Naive(image).mapped == {0: 0}
    await disk.close()


@either
async def test_flush_raises_while_the_rewrite_fails(keep: int | None) -> None:
    storage, disk = await with_a_doubtful_slot(keep)
    storage.fail("write", BMAP, count=2)
    for _ in range(2):
        with pytest.raises(aiovdi.StorageError):
            await disk.flush()
    await disk.flush()
    assert not disk._blockmap._holds, "the page is free to go again"
    assert Naive(storage.durable()).mapped == {0: 0}
    await disk.close()


@either
async def test_close_rewrites_the_sector_in_doubt_first(keep: int | None) -> None:
    storage, disk = await with_a_doubtful_slot(keep)
    await disk.close()
    left = Naive(storage.durable())
    assert left.mapped == {0: 0}
    assert left.count == 1
    assert len(left.image) == left.data_offset + BLOCK


@either
async def test_close_raises_and_leaves_the_count_high_while_the_rewrite_fails(keep: int | None) -> None:
    storage, disk = await with_a_doubtful_slot(keep)
    storage.fail("write", BMAP, count=9)
    with pytest.raises(aiovdi.StorageError):
        await disk.close()
    for image in [storage.kill(), *storage.crash_images()]:
        assert not Naive(image).complaints()


@either
@pytest.mark.parametrize("work", ["write_zeroes", "discard"])
async def test_zeroes_over_the_block_are_zeroes_after_a_kill_too(keep: int | None, work: str) -> None:
    storage, disk = await with_a_doubtful_slot(keep)
    await getattr(disk, work)(512, BLOCK)
    assert Naive(storage.kill()).disk()[BLOCK : BLOCK + 512] == bytes(512)
    await disk.close()


#  t   failed writer                    second writer, other sector of the block
#  1   entry fails; it may be there
#  2                                    new slot, new entry: the old slot is named by nobody
#  3   its bytes are gone for good


@either
async def test_a_later_success_in_the_block_does_not_surface_the_failed_bytes(keep: int | None) -> None:
    storage, disk = await with_a_doubtful_slot(keep)
    await disk.pwrite(b"S" * 512, BLOCK)
    expected = b"S" * 512 + bytes(BLOCK - 512)
    assert await disk.pread(BLOCK, BLOCK) == expected
    assert Naive(storage.kill()).disk()[BLOCK : 2 * BLOCK] == expected
    await disk.flush()
    for image in storage.crash_images():
        assert Naive(image).disk()[BLOCK : 2 * BLOCK] == expected
    await disk.close()


@either
async def test_a_doubtful_slot_waits_for_the_rewrite_and_for_a_later_flush(keep: int | None) -> None:
    storage = GatedStorage(make_image(blocks=4, entries=[0]))
    disk = await aiovdi.open(storage, "r+")
    storage.fail("write", BMAP, keep=keep)
    with pytest.raises(aiovdi.StorageError):
        await disk.pwrite(b"F" * BLOCK, BLOCK)
    (doubtful,) = disk._slots._doubtful
    await disk.pwrite(b"2", 2 * BLOCK)  # the same sector of the bmap: this is a rewrite
    assert not disk._metadata.is_unsettled
    assert list(disk._slots._doubtful) == [doubtful], "a flush must still cover the rewrite"
    for image in storage.crash_images():
        assert not Naive(image).complaints()
    await disk.flush()
    assert not disk._slots.has_doubtful
    assert disk._slots._dirty == [doubtful]
    await disk.close()


#  t   flush                   rewrite of the sector
#  1   begins                  in flight: this flush proves nothing about it
#  2                           ends
#  3   succeeds                the slot stays doubtful until the next one


async def test_a_flush_that_began_before_the_rewrite_ended_does_not_free_the_slot() -> None:
    storage, disk = await with_a_doubtful_slot(None)
    rewrite = storage.hold("write", BMAP)
    writer = asyncio.create_task(disk.pwrite(b"2", 2 * BLOCK))
    await rewrite.caught()
    flush = storage.hold("flush")
    flusher = asyncio.create_task(disk._flusher.flush())
    await flush.caught()
    rewrite.release()
    await writer
    flush.release()
    await flusher
    assert disk._slots.has_doubtful
    await disk.flush()
    assert not disk._slots.has_doubtful
    await disk.close()


async def test_the_last_slots_of_an_image_are_won_back_from_doubt() -> None:
    storage = GatedStorage(make_image(blocks=2))
    disk = await aiovdi.open(storage, "r+")
    storage.fail("write", BMAP, count=2, keep=None)
    for block in range(2):
        with pytest.raises(aiovdi.StorageError):
            await disk.pwrite(b"F" * BLOCK, block * BLOCK)
    await disk.pwrite(b"0", 0)
    await disk.pwrite(b"1", BLOCK)
    assert await disk.pread(2, BLOCK) == b"1\0"
    await disk.close()
    left = Naive(storage.kill())
    assert left.disk() == b"0" + bytes(BLOCK - 1) + b"1" + bytes(BLOCK - 1)
    assert not left.complaints()


async def test_a_failed_commit_is_told_to_each_waiter_with_an_error_of_its_own() -> None:
    storage = GatedStorage(make_image(blocks=100))
    disk = await aiovdi.open(storage, "r+")
    await disk.pwrite(b"0", 0)
    storage.fail("write", BMAP)
    results = await asyncio.gather(*(disk.pwrite(b"x", n * BLOCK) for n in range(1, 5)), return_exceptions=True)
    assert all(isinstance(error, aiovdi.StorageError) for error in results)
    assert len({id(error) for error in results}) == 4
    await disk.flush()
    assert Naive(storage.durable()).mapped == {0: 0}
    await disk.close()


#  t   A, block 1                          B, block 2, same sector of the bmap
#  1   entry in flight
#  2   cancelled: cannot be recalled       its entry waits for the next round
#  3   the write fails: doubtful
#  4   CancelledError                      B's round writes the sector without A's entry


@either
async def test_a_cancelled_commit_that_fails_is_doubtful_and_harms_nobody(keep: int | None) -> None:
    storage = GatedStorage(make_image(entries=[0]))
    disk = await aiovdi.open(storage, "r+")
    await disk.pwrite(b"0", 0)
    entry = storage.hold("write", BMAP, count=1)
    first = asyncio.create_task(disk.pwrite(b"A" * 512, BLOCK))
    io = await entry.caught()
    second = asyncio.create_task(disk.pwrite(b"B" * 512, 2 * BLOCK))
    first.cancel()
    await turns()
    assert not first.done()
    storage.complete(io, OSError(5, "no"), keep)
    await asyncio.wait([first, second])
    assert first.cancelled()
    await second
    left = Naive(storage.kill())
    assert set(left.mapped) == {0, 2}
    assert left.disk()[BLOCK : 3 * BLOCK] == bytes(BLOCK) + b"B" * 512 + bytes(BLOCK - 512)
    await disk.close()


async def test_a_cancelled_commit_that_succeeds_is_published() -> None:
    storage = GatedStorage(make_image())
    disk = await aiovdi.open(storage, "r+")
    entry = storage.hold("write", BMAP)
    writer = asyncio.create_task(disk.pwrite(b"A" * 512, BLOCK))
    await entry.caught()
    writer.cancel()
    await turns()
    entry.release()
    await asyncio.wait([writer])
    assert writer.cancelled()
    assert await disk.pread(512, BLOCK) == b"A" * 512, "the storage has the entry, so readers follow it"
    await disk.close()
    assert Naive(storage.kill()).disk()[BLOCK : BLOCK + 512] == b"A" * 512


async def test_a_commit_cancelled_before_it_is_issued_is_withdrawn() -> None:
    storage = GatedStorage(make_image())
    disk = await aiovdi.open(storage, "r+")
    entry = storage.hold("write", BMAP, count=1)
    first = asyncio.create_task(disk.pwrite(b"A", 0))
    await entry.caught()
    second = asyncio.create_task(disk.pwrite(b"B", BLOCK))
    await turns()
    assert len(disk._metadata._pending) == 1
    second.cancel()
    await asyncio.wait([second])
    entry.release()
    await first
    assert len(storage.ended("write", BMAP)) == 1
    assert len(disk._slots._dirty) == 1, "its data was written, so its slot is dirty"
    assert set(Naive(storage.kill()).mapped) == {0}
    await disk.close()


async def test_a_dirty_slot_is_scrubbed_and_flushed_before_it_is_handed_out() -> None:
    storage = GatedStorage(make_image(blocks=16))
    disk = await aiovdi.open(storage, "r+")
    storage.fail("write", DATA, keep=None, count=2)
    results = await asyncio.gather(*(disk.pwrite(b"F" * BLOCK, n * BLOCK) for n in range(2)), return_exceptions=True)
    assert all(isinstance(error, aiovdi.StorageError) for error in results)
    assert sorted(disk._slots._dirty) == [0, 1]
    before = len(storage.trace)
    disk._slots._clean.clear()
    await disk.pwrite(b"n", 5)
    order = [io.op for io in storage.trace[before:] if io.op in {"zero", "flush"} or io.offset >= DATA.start]
    assert order.index("zero") < order.index("flush") < order.index("write")
    (scrub,) = storage.ended("zero")
    assert (scrub.offset, scrub.length) == (DATA.start, 2 * BLOCK)
    assert await disk.pread(BLOCK, 0) == bytes(5) + b"n" + bytes(BLOCK - 6)
    await disk.close()


async def test_the_rewrite_of_one_sector_frees_no_slot_that_another_sector_may_name() -> None:
    storage = GatedStorage(make_image(blocks=300, block_size=512))
    map_of_300 = range(512, 512 + 1200)
    disk = await aiovdi.open(storage, "r+")
    storage.fail("write", map_of_300, count=2, keep=None)
    for block in (0, 200):  # two sectors of the map
        with pytest.raises(aiovdi.StorageError):
            await disk.pwrite(b"F", block * 512)
    doubtful = set(disk._slots._doubtful)
    assert len(doubtful) == 2
    await disk.pwrite(b"1", 512, fua=True)  # rewrites the first sector, and flushes
    (left,) = disk._slots._doubtful
    assert Naive(storage.kill()).mapped[200] == left
    await disk.flush()
    assert not disk._slots.has_doubtful
    await disk.close()
    assert set(Naive(storage.durable()).mapped) == {1}
