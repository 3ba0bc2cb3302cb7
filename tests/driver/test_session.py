"""The prologue and the closing steps, in their order; and a close against everything that can be under way."""

import asyncio
import struct

import pytest

import aiovdi
from tests.driver.gated import IO, GatedStorage, turns
from tests.driver.images import BLOCK, BMAP, DATA, HEADER, Naive, make_image


def name(io: IO) -> str:
    if io.op != "write":
        return io.op
    return "header" if io.offset in HEADER else "bmap" if io.offset in BMAP else "data"


def names(ios: list[IO]) -> list[str]:
    return [name(io) for io in ios]


# Prologue


async def test_the_prologue_flushes_drops_the_cache_reads_again_writes_the_header_and_flushes() -> None:
    storage = GatedStorage(make_image(entries=[0]), cold=True)
    async with aiovdi.open(storage, "r+") as disk:
        before = len(storage.trace)
        await disk.pwrite(b"x", 0)
        ios = storage.trace[before:]
        assert names(ios) == ["flush", "drop", "read", "read", "header", "flush", "read", "data"]
        assert (ios[1].offset, ios[1].length) == (0, 1024)


async def test_the_prologue_runs_once_for_all_that_come_together() -> None:
    storage = GatedStorage(make_image(entries=range(8)))
    async with aiovdi.open(storage, "r+") as disk:
        await asyncio.gather(*(disk.pwrite(b"x", n * BLOCK) for n in range(8)))
        await disk.pwrite(b"y", 0)
        assert len(storage.ended("drop")) == 1
        assert len(storage.ended("write", HEADER)) == 1


async def test_nothing_is_written_by_a_disk_that_was_only_read() -> None:
    storage = GatedStorage(make_image(entries=[0]))
    async with aiovdi.open(storage, "r+") as disk:
        await disk.pread(BLOCK, 0)
        await disk.pwrite(b"", 0)
        await disk.write_zeroes(0, 0)
        await disk.discard(0, 0)
        _ = [extent async for extent in disk.extents()]
    assert {io.op for io in storage.trace} <= {"read"}


async def test_the_prologue_gives_the_image_a_new_modification_uuid() -> None:
    storage = GatedStorage(make_image(entries=[0]))
    async with aiovdi.open(storage, "r+") as disk:
        await disk.pwrite(b"x", 0)
    before, after = make_image(entries=[0]), storage.kill()
    assert before[0x198:0x1A8] != after[0x198:0x1A8] != bytes(16)
    assert before[:0x198] == after[:0x198]
    assert before[0x1A8:512] == after[0x1A8:512]


#  t   an earlier process              this one
#  1   its flush failed: the page cache has an entry that the medium lacks
#  2                                   opens, reads the entry from the cache
#  3                                   first change: drops the cache, reads again, sees the medium's map


async def test_a_map_that_only_the_cache_had_is_forgotten_before_the_first_change() -> None:
    storage = GatedStorage(make_image(entries=[0, 1], slots={0: b"0" * BLOCK, 1: b"1" * BLOCK}))

    def medium(lying: GatedStorage) -> None:
        lying.content[512 + 4 : 512 + 8] = struct.pack("<I", 0xFFFFFFFF)

    storage.on_drop = medium
    async with aiovdi.open(storage, "r+") as disk:
        assert await disk.pread(1, BLOCK) == b"1"
        await disk.pwrite(b"x", 0)
        assert await disk.pread(1, BLOCK) == b"\0"
        await disk.pwrite(b"n", BLOCK)
        assert await disk.pread(2, BLOCK) == b"n\0"
    assert not Naive(storage.kill()).complaints()


async def test_a_count_that_only_the_cache_had_is_not_trusted() -> None:
    storage = GatedStorage(make_image(entries={0: 3}, count=8))

    def medium(lying: GatedStorage) -> None:
        struct.pack_into("<I", lying.content, 0x184, 1)

    storage.on_drop = medium
    async with aiovdi.open(storage, "r+") as disk:
        await disk.pwrite(b"x", 0)
        assert Naive(storage.durable()).count >= 4


async def test_a_header_that_only_the_cache_had_is_an_error() -> None:
    storage = GatedStorage(make_image(entries=[0]))

    def medium(lying: GatedStorage) -> None:
        struct.pack_into("<I", lying.content, 0x158, 1536)

    storage.on_drop = medium
    disk = await aiovdi.open(storage, "r+")
    with pytest.raises(aiovdi.CorruptImage, match="not the one that was read"):
        await disk.pwrite(b"x", 0)
    assert not storage.ended("write")
    await disk.close()


#  t   reader                               writer
#  1   reads a page of the map: in flight
#  2                                        prologue: forgets every page; the medium has another map
#  3   the old page comes in                must not be believed


async def test_a_page_that_was_being_read_across_the_prologue_is_not_kept() -> None:
    storage = GatedStorage(make_image(entries=[0, 1], slots={1: b"1" * BLOCK}), cold=True)
    disk = await aiovdi.open(storage, "r+")
    page = storage.hold("read", BMAP, count=1)
    reader = asyncio.create_task(disk.pread(1, BLOCK))
    io = await page.caught()
    old = bytearray(storage.content)
    struct.pack_into("<I", storage.content, 512 + 4, 0xFFFFFFFF)
    writer = asyncio.create_task(disk.pwrite(b"x", 0))
    await turns()
    assert disk._session.begun
    storage.content, new = old, storage.content
    storage.complete(io)
    storage.content = new
    await writer
    assert await reader == b"\0"
    await disk.close()


@pytest.mark.parametrize("op", ["read", "write"])
async def test_a_prologue_that_failed_is_tried_again_by_the_next_change(op: str) -> None:
    storage = GatedStorage(make_image(entries=[0]), cold=True)
    async with aiovdi.open(storage, "r+") as disk:
        storage.fail(op)
        with pytest.raises(aiovdi.StorageError):
            await disk.pwrite(b"x", 0)
        await disk.pwrite(b"x", 0)
        assert await disk.pread(1, 0) == b"x"


async def test_a_cache_that_cannot_be_dropped_is_no_failure() -> None:
    storage = GatedStorage(make_image(entries=[0]))
    async with aiovdi.open(storage, "r+") as disk:
        storage.fail("drop")
        await disk.pwrite(b"x", 0)


async def test_a_request_that_waits_for_the_prologue_can_be_cancelled_alone() -> None:
    storage = GatedStorage(make_image(entries=[0]))
    async with aiovdi.open(storage, "r+") as disk:
        drop = storage.hold("drop")
        first, second = (asyncio.create_task(disk.pwrite(mark, 0)) for mark in (b"1", b"2"))
        await drop.caught()
        first.cancel()
        await asyncio.wait([first])
        assert first.cancelled()
        drop.release()
        await second
        assert await disk.pread(1, 0) == b"2"


# Close


async def test_close_flushes_cuts_the_file_writes_the_exact_count_and_flushes() -> None:
    storage = GatedStorage(make_image())
    disk = await aiovdi.open(storage, "r+")
    await disk.pwrite(b"x", 3 * BLOCK)
    before = len(storage.trace)
    await disk.close()
    ios = storage.trace[before:]
    assert names(ios) == ["flush", "resize", "header", "flush"]
    assert ios[1].offset == 1024 + BLOCK
    left = Naive(storage.durable())
    assert (left.count, left.mapped) == (1, {3: 0})
    assert storage.durable() == storage.kill()


async def test_close_rewrites_what_is_in_doubt_before_anything_else() -> None:
    storage = GatedStorage(make_image())
    disk = await aiovdi.open(storage, "r+")
    storage.fail("write", BMAP)
    with pytest.raises(aiovdi.StorageError):
        await disk.pwrite(b"x", 0)
    before = len(storage.trace)
    await disk.close()
    assert names(storage.trace[before:]) == ["bmap", "flush", "resize", "header", "flush"]
    assert Naive(storage.durable()).count == 0


@pytest.mark.parametrize("step", ["resize", "write"])
async def test_a_closing_step_that_fails_leaves_the_count_high(step: str) -> None:
    storage = GatedStorage(make_image())
    disk = await aiovdi.open(storage, "r+")
    await disk.pwrite(b"x", 0)
    storage.fail(step)
    with pytest.raises(aiovdi.StorageError):
        await disk.close()
    for image in [storage.kill(), *storage.crash_images()]:
        left = Naive(image)
        assert not left.complaints()
        assert left.count > 1
        assert left.disk()[:1] == b"x"


@pytest.mark.parametrize("nth", [0, 1])
async def test_a_closing_flush_that_fails_is_reported(nth: int) -> None:
    storage = GatedStorage(make_image())
    disk = await aiovdi.open(storage, "r+")
    await disk.pwrite(b"x", 0)
    await disk.flush()
    storage.fail("flush", skip=nth)
    with pytest.raises(aiovdi.StorageError):
        await disk.close()
    for image in storage.crash_images():
        left = Naive(image)
        assert not left.complaints()
        assert left.disk()[:1] == b"x"


async def test_close_waits_for_requests_under_way() -> None:
    storage = GatedStorage(make_image(entries=[0]))
    disk = await aiovdi.open(storage, "r+")
    await disk.pwrite(b"x", 0)
    data = storage.hold("write", DATA)
    write = asyncio.create_task(disk.pwrite(b"y" * 512, 2 * BLOCK))
    await data.caught()
    close = asyncio.create_task(disk.close())
    await turns()
    assert not close.done()
    with pytest.raises(aiovdi.ImageClosed):
        await disk.pwrite(b"z", 0)
    data.release()
    await asyncio.gather(write, close)
    left = Naive(storage.durable())
    assert left.disk()[2 * BLOCK : 2 * BLOCK + 512] == b"y" * 512
    assert left.count == 2


#  t   request                        close
#  1   starts the prologue
#  2   cancelled: leaves at once      nothing is under way
#  3                                  must wait all the same: the prologue writes the header


async def test_close_waits_for_a_prologue_that_nobody_waits_for() -> None:
    storage = GatedStorage(make_image())
    disk = await aiovdi.open(storage, "r+")
    drop = storage.hold("drop")
    request = asyncio.create_task(disk.pwrite(b"x", 0))
    await drop.caught()
    request.cancel()
    await asyncio.wait([request])
    close = asyncio.create_task(disk.close())
    await turns()
    assert not close.done()
    drop.release()
    await close
    issued = len(storage.trace)
    await turns()
    assert len(storage.trace) == issued, "something was written after close had returned"


async def test_close_waits_for_a_window_that_nobody_waits_for() -> None:
    storage = GatedStorage(make_image())
    disk = await aiovdi.open(storage, "r+")
    grow = storage.hold("resize", count=1)
    request = asyncio.create_task(disk.pwrite(b"x", 0))
    await grow.caught()
    request.cancel()
    await asyncio.wait([request])
    close = asyncio.create_task(disk.close())
    await turns()
    assert not close.done()
    grow.release()
    await close
    assert len(storage.content) == 1024
    assert Naive(storage.durable()).count == 0
    assert not storage.in_flight


async def test_close_of_a_disk_that_has_stopped_waits_for_a_window_too() -> None:
    #  t   window      flush       close
    #  0   resize
    #  1               fails
    #  2                           waits
    #  3   ends                    raises
    storage = GatedStorage(make_image())
    disk = await aiovdi.open(storage, "r+")
    grow = storage.hold("resize", count=1)
    request = asyncio.create_task(disk.pwrite(b"x", 0))
    await grow.caught()
    disk._lifecycle.fail(OSError(5, "as the test wants it"))
    request.cancel()
    close = asyncio.create_task(disk.close())
    await turns()
    assert not close.done()
    grow.release()
    with pytest.raises(aiovdi.DiskFailed):
        await close
    await asyncio.wait([request])
    assert not storage.in_flight


async def test_a_fixed_image_keeps_its_length_and_its_count() -> None:
    image = make_image(blocks=4, image_type=2, entries=range(4), slots={3: b"3" * BLOCK})
    storage = GatedStorage(image)
    async with aiovdi.open(storage, "r+") as disk:
        await disk.pwrite(b"new", BLOCK)
        await disk.write_zeroes(3 * BLOCK, BLOCK)
    left = Naive(storage.durable())
    assert (left.count, len(left.image)) == (4, len(image))
    assert left.disk() == bytes(4 * BLOCK)
    assert not storage.ended("resize")


async def test_a_fixed_image_keeps_the_space_of_blocks_that_its_map_lacks() -> None:
    image = make_image(blocks=4, image_type=2, entries=[0, 1], count=4, file_size=1024 + 4 * BLOCK)
    storage = GatedStorage(image)
    async with aiovdi.open(storage, "r+") as disk:
        await disk.pwrite(b"new", BLOCK)
    left = Naive(storage.durable())
    assert (left.count, len(left.image)) == (4, len(image))


async def test_a_storage_that_cannot_grow_keeps_its_length_and_gets_an_exact_count() -> None:
    storage = GatedStorage(make_image(file_size=1024 + 8 * BLOCK), can_grow=False)
    async with aiovdi.open(storage, "r+") as disk:
        await disk.pwrite(b"x", 5 * BLOCK)
    assert len(storage.content) == 1024 + 8 * BLOCK
    assert Naive(storage.durable()).count == 1


async def test_slots_leaked_by_an_unclean_end_are_given_back_by_the_next_clean_close() -> None:
    storage = GatedStorage(make_image(blocks=1000))
    disk = await aiovdi.open(storage, "r+")
    await disk.pwrite(b"x", 0)
    leaked = GatedStorage(storage.kill())
    await disk.close()
    assert Naive(leaked.kill()).count == 64
    async with aiovdi.open(leaked, "r+") as disk:
        await disk.pwrite(b"y", 0)
    left = Naive(leaked.durable())
    assert (left.count, len(left.image)) == (1, left.data_offset + BLOCK)


async def test_a_file_that_is_too_short_for_its_last_slot_is_completed() -> None:
    storage = GatedStorage(make_image(entries=[0, 1], file_size=1024 + BLOCK + 512))
    async with aiovdi.open(storage, "r+") as disk:
        await disk.pwrite(b"x", 0)
    assert len(storage.content) == 1024 + 2 * BLOCK
    assert not Naive(storage.durable()).complaints()
