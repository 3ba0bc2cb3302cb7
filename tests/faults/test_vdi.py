"""aiovdi as a target: its blank image is one, its regions are the format's, its errors are told apart."""

import asyncio
import struct

import pytest

import aiovdi
from aiovdi.format.header import parse
from aiovdi.storage.memory import MemoryStorage
from aiovdi.units import SECTOR, KiB
from faults.judges.reader import audit
from faults.simulation.device import Device
from faults.simulation.image import LARGE, Image
from faults.simulation.tape import ExploringTape, ReplayTape
from faults.vdi import MAP_OF_SPLIT, VDI


@pytest.mark.parametrize(("blocks", "block_size"), [(1, 512), (12, 4096), (300, 4096), (4, 1 << 20)])
def test_a_blank_image_opens_and_reads_as_zeros(blocks: int, block_size: int) -> None:
    async def use() -> bytes:
        disk = await target.open(MemoryStorage(target.blank()))
        content = await disk.pread(target.size, 0)
        assert target.leaks(disk) == []
        await disk.close()
        return bytes(content)

    target = VDI(blocks=blocks, block_size=block_size)
    assert asyncio.run(use()) == bytes(target.size) == target.read_image(target.blank())


def test_what_aiovdi_wrote_is_found_by_the_second_reader() -> None:
    storage = MemoryStorage(VDI().blank())

    async def use() -> None:
        disk = await VDI().open(storage)
        await disk.pwrite(b"hello", 5000)
        await disk.close()

    asyncio.run(use())
    content = bytes(storage.size)
    buffer = bytearray(content)
    storage.pread_now(buffer, 0)
    assert VDI().read_image(bytes(buffer))[4990:5010] == b"\0" * 10 + b"hello" + b"\0" * 5


def test_a_large_image_is_read_and_audited_as_its_bytes_are() -> None:
    target = VDI(blocks=4, block_size=LARGE)
    dense = bytearray(target.blank() + b"A" * LARGE + bytes(LARGE // 2) + b"B" * (LARGE // 2))
    dense[512:528] = struct.pack("<4I", 1, 0xFFFFFFFF, 0, 0xFFFFFFFE)
    dense[0x184:0x188] = struct.pack("<I", 2)
    image = Device.holding(bytes(dense)).stable()
    assert isinstance(image, Image)
    assert target.read_image(image) == target.read_image(bytes(dense))
    dense[516:520] = dense[512:516]
    with pytest.raises(ValueError, match="blocks 0 and 1 share slot 1"):
        target.read_image(Device.holding(bytes(dense)).stable())


@pytest.mark.parametrize("target", [VDI(past=True), VDI(grows=False), VDI(blocks=160, block_size=512, past=True)])
def test_an_image_with_a_past_reads_as_zeros_too(target: VDI) -> None:
    assert target.read_image(target.blank()) == bytes(target.size)
    assert b"\xee" * 512 in target.blank()


def test_a_run_chooses_among_shapes_and_the_benign_choice_is_the_target_itself() -> None:
    target = VDI()
    shapes = {target.shaped(ExploringTape(seed)) for seed in range(60)}
    assert target.shaped(ReplayTape([])) is target
    assert {(shape.block_size, shape.grows) for shape in shapes} == {
        (4096, True),
        (512, True),
        (4096, False),
        (2048, True),
    }
    assert {shape.extends_with_zeros for shape in shapes} == {True, False}
    assert {shape.writes_through for shape in shapes} == {True, False}
    assert VDI(shapes=False).shaped(ExploringTape(3)).block_size == 4096


def test_every_offset_lies_in_a_region() -> None:
    target = VDI()
    header = parse(target.blank()[:512], file_size=len(target.blank()))
    assert (header.bmap_offset, header.data_offset) == (512, len(target.blank()))
    regions = [target.region(offset) for offset in (0, 511, 512, 512 + 4 * 12 - 1, len(target.blank()), 1 << 30)]
    assert regions == ["header", "header", "bmap", "bmap", "data", "data"]


def test_only_errors_of_the_storage_are_expected_and_only_a_stopped_disk_stops() -> None:
    failed = aiovdi.DiskFailed(OSError("a flush failed"))
    assert VDI().is_expected(failed)
    assert VDI().stops(failed)
    for error in (ValueError(), OSError(), KeyError(), asyncio.CancelledError()):
        assert not VDI().is_expected(error)
        assert not VDI().stops(error)


def test_a_request_under_way_is_no_leak_only_once_it_has_ended() -> None:
    async def use() -> None:
        disk = await VDI().open(MemoryStorage(VDI().blank()))
        write = asyncio.create_task(disk.pwrite(b"x" * 512, 0))
        await asyncio.sleep(0)
        assert VDI().leaks(disk)
        await write
        assert VDI().leaks(disk) == []
        await disk.close()

    asyncio.run(use())


@pytest.mark.parametrize("state", ["_clean", "_dirty"])
def test_a_slot_that_is_in_no_state_or_in_two_is_told(state: str) -> None:
    async def use() -> None:
        disk = await VDI(window=3).open(MemoryStorage(VDI().blank()))
        await disk.pwrite(b"x" * 512, 0)
        disk._slots.spoil(disk._slots._clean.pop())
        assert VDI().leaks(disk) == []
        slot = getattr(disk._slots, state).pop()
        assert VDI().leaks(disk) == [f"slots without one state: {slot}"]
        disk._slots._dirty += [slot, slot]
        assert VDI().leaks(disk) == [f"slots without one state: {slot}"]

    asyncio.run(use())


def test_a_disk_that_is_squeezed_forgets_what_it_may_and_reads_on() -> None:
    async def use() -> None:
        disk = await VDI().open(MemoryStorage(VDI().blank()))
        await disk.pwrite(b"hello", 0)
        assert 0 in disk._blockmap.pages
        VDI().squeeze(disk)
        assert 0 not in disk._blockmap.pages
        assert await disk.pread(5, 0) == b"hello"
        disk._blockmap.hold(0)
        VDI().squeeze(disk)
        assert 0 in disk._blockmap.pages
        disk._blockmap.release(0)
        await disk.close()

    asyncio.run(use())


def test_a_map_that_is_split_has_entries_of_a_few_blocks_in_two_sectors_and_two_pages() -> None:
    target = VDI(splits=True)
    found = audit(target.blank())
    assert found.starts == [None] * 12
    first, last = MAP_OF_SPLIT, MAP_OF_SPLIT + 4 * 11
    assert (first // SECTOR, last // SECTOR) == (31, 32)
    assert (first // (16 * KiB), last // (16 * KiB)) == (0, 1)
    assert {target.region(first - 1), target.region(first), target.region(last)} == {"header", "bmap"}
