"""A raw image as a disk: its size, its holes, its range."""

import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from aiovdi.driver.extents import Extent
from aiovdi.errors import OutOfRange, ReadOnlyImage
from aiovdi.jobs.raw import RawDisk
from aiovdi.storage import MemoryStorage, Storage, open_file
from aiovdi.units import MiB


@pytest.fixture
async def holey(tmp_path: Path) -> AsyncIterator[Storage]:
    """Data in the second MiB of four."""
    path = tmp_path / "disk.raw"
    path.write_bytes(b"")
    os.truncate(path, 4 * MiB)
    storage = await open_file(path, writable=True, aio="threads")
    await storage.pwrite_some(memoryview(b"\1" * MiB), 1 * MiB)
    yield storage
    await storage.close()


async def extents(disk: RawDisk, length: int | None = None, offset: int = 0) -> list[Extent]:
    return [extent async for extent in disk.extents(length, offset)]


async def test_a_size_that_is_no_sector_is_rounded_up_and_the_rest_reads_zeros() -> None:
    disk = RawDisk(MemoryStorage(b"\1" * 700), writable=False)
    buffer = bytearray(b"?" * 1024)
    assert disk.size == 1024
    assert await disk.preadinto(buffer, 0) == 1024
    assert buffer == b"\1" * 700 + bytes(324)


async def test_a_read_that_the_cache_cannot_serve_is_the_same(tmp_path: Path) -> None:
    storage = MemoryStorage(bytes(range(256)) * 8)
    storage.cold = True
    buffer = bytearray(1024)
    await RawDisk(storage, writable=False).preadinto(buffer, 512)
    assert buffer == bytes(range(256)) * 4


async def test_holes_are_unmapped_and_data_lies_where_it_lies(holey: Storage) -> None:
    found = await extents(RawDisk(holey, writable=False))
    assert [(each.start, each.length, each.data, each.zero) for each in found] == [
        (0, MiB, False, True),
        (MiB, MiB, True, False),
        (2 * MiB, 2 * MiB, False, True),
    ]
    assert all(each.offset == each.start and each.present for each in found)


async def test_extents_of_a_part_end_where_it_ends(holey: Storage) -> None:
    found = await extents(RawDisk(holey, writable=False), MiB, MiB // 2)
    assert [(each.start, each.length, each.data) for each in found] == [
        (MiB // 2, MiB // 2, False),
        (MiB, MiB // 2, True),
    ]


async def test_a_storage_that_cannot_tell_its_holes_is_all_data() -> None:
    disk = RawDisk(MemoryStorage(size=3 * MiB), writable=False)
    assert [(each.start, each.length, each.data) for each in await extents(disk)] == [(0, 3 * MiB, True)]


async def test_an_empty_image_has_no_extents() -> None:
    assert await extents(RawDisk(MemoryStorage(), writable=False)) == []


async def test_more_extents_than_are_looked_for_at_once_are_all_found(tmp_path: Path) -> None:
    path = tmp_path / "comb.raw"
    with path.open("wb") as file:
        for tooth in range(1500):
            file.seek(tooth * 16384)
            file.write(b"\1" * 4096)
        file.truncate(1500 * 16384)
    storage = await open_file(path, writable=False, aio="threads")
    found = await extents(RawDisk(storage, writable=False))
    await storage.close()
    assert sum(each.length for each in found) == 1500 * 16384
    assert [each.start for each in found if each.data] == [tooth * 16384 for tooth in range(1500)]


async def test_what_was_written_is_read_and_zeroed_again(holey: Storage) -> None:
    disk = RawDisk(holey, writable=True)
    await disk.pwrite(b"hello", 3 * MiB)
    await disk.write_zeroes(MiB - 1, MiB)
    await disk.flush()
    buffer = bytearray(2 * MiB + 5)
    await disk.preadinto(buffer, MiB)
    assert buffer == bytes(MiB - 1) + b"\1" + bytes(MiB) + b"hello"


@pytest.mark.parametrize(("length", "offset"), [(1, 4 * MiB), (513, 4 * MiB - 512), (1, -1)])
async def test_nothing_is_done_outside_the_disk(holey: Storage, length: int, offset: int) -> None:
    disk = RawDisk(holey, writable=True)
    with pytest.raises(OutOfRange):
        await disk.pwrite(bytes(length), offset)
    with pytest.raises(OutOfRange):
        await disk.preadinto(bytearray(length), offset)
    with pytest.raises(OutOfRange):
        await disk.write_zeroes(length, offset)
    assert holey.size == 4 * MiB


async def test_a_disk_opened_to_read_refuses_changes(holey: Storage) -> None:
    disk = RawDisk(holey, writable=False)
    with pytest.raises(ReadOnlyImage):
        await disk.pwrite(b"x", 0)
    with pytest.raises(ReadOnlyImage):
        await disk.write_zeroes(512, 0)
