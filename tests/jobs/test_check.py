"""What a check reports: the numbers and the exit status, the reading of large and broken maps."""

import errno
import struct
from pathlib import Path

import pytest

import aiovdi
from aiovdi.errors import BadSignature, ImageLocked, StorageError
from aiovdi.format.bmap import ZERO
from aiovdi.format.findings import FindingKind
from aiovdi.format.header import HEADER_BYTES, Header, parse, patch
from aiovdi.jobs.check import Report, check
from aiovdi.storage import MemoryStorage
from aiovdi.units import BlockIndex, GiB, KiB, MiB, Slot
from tests.sibling import Sibling


async def image(
    entries: dict[int, int], *, size: int = 16 * MiB, slots: int = 0, count: int | None = None
) -> MemoryStorage:
    """An image with these map entries, ``slots`` slots in the file, and a count of its own if you like."""
    storage = MemoryStorage()
    await aiovdi.create(storage, size)
    header = header_of(storage)
    for block, entry in entries.items():
        await storage.pwrite_some(memoryview(struct.pack("<I", entry)), header.entry_offset(BlockIndex(block)))
    await storage.resize(header.slot_offset(Slot(slots)))
    raw = patch(storage.to_bytes()[:HEADER_BYTES], blocks_allocated=slots if count is None else count)
    await storage.pwrite_some(memoryview(raw), 0)
    return storage


def header_of(storage: MemoryStorage) -> Header:
    raw = bytearray(HEADER_BYTES)
    storage.pread_now(raw, 0)
    return parse(bytes(raw))


def kinds(report: Report) -> list[FindingKind]:
    return [finding.kind for finding in report.findings]


async def test_a_sound_image_is_counted_and_has_no_findings() -> None:
    report = await check(await image({0: 2, 1: 0, 2: ZERO, 5: 1}, slots=3))
    assert report.findings == []
    assert (report.total_clusters, report.allocated_clusters, report.zero_clusters) == (16, 3, 1)
    assert report.fragmented_clusters == 1  # slot 2, then slot 0; slot 1 follows on
    assert report.image_end_offset == 2 * MiB + 3 * MiB
    assert report.exit_status == 0


@pytest.mark.parametrize(
    ("entries", "slots", "count", "expected", "status"),
    [
        ({0: 0, 1: 0}, 1, 1, [FindingKind.DUPLICATE], 2),
        ({0: 0, 1: 100}, 1, 1, [FindingKind.OUT_OF_RANGE], 2),
        ({0: 0, 1: 1}, 2, 1, [FindingKind.COUNT_LOW], 2),
        ({0: 0}, 1, 9, [FindingKind.COUNT_HIGH], 3),
        ({0: 3}, 4, 4, [FindingKind.LEAKED], 3),
        ({0: 0, 1: 0, 2: 3}, 4, 4, [FindingKind.DUPLICATE, FindingKind.LEAKED], 2),
    ],
)
async def test_each_fault_has_its_finding_and_its_exit_status(
    entries: dict[int, int], slots: int, count: int, expected: list[FindingKind], status: int
) -> None:
    report = await check(await image(entries, slots=slots, count=count))
    assert kinds(report) == expected
    assert report.exit_status == status


async def test_each_slot_of_a_leaked_run_counts_as_a_leak() -> None:
    report = await check(await image({0: 3, 1: 6}, slots=7))
    assert kinds(report) == [FindingKind.LEAKED, FindingKind.LEAKED]
    assert (report.corruptions, report.leaks) == (0, 3 + 2)


async def test_nothing_of_the_image_is_changed() -> None:
    storage = await image({0: 0, 1: 0, 2: 100}, slots=1, count=9)
    before = storage.to_bytes()
    await check(storage)
    assert storage.to_bytes() == before


async def test_findings_that_are_not_kept_are_counted() -> None:
    report = await check(await image(dict.fromkeys(range(1500), 5), size=2 * GiB, slots=6))
    assert kinds(report).count(FindingKind.DUPLICATE) == 1000
    assert report.corruptions == 1499


async def test_an_entry_in_the_last_sector_of_a_map_of_many_chunks_is_seen() -> None:
    last = 300 * KiB - 1
    report = await check(await image({0: 0, last: 0}, size=300 * GiB, slots=1))
    assert [finding.block for finding in report.findings] == [last]


async def test_a_cold_map_is_judged_as_a_cached_one() -> None:
    storage = await image({0: 0, 7: 0}, slots=1)
    storage.cold = True
    assert kinds(await check(storage)) == [FindingKind.DUPLICATE]


async def test_the_loop_has_its_turns_during_a_long_check() -> None:
    storage = await image({}, size=4096 * GiB)  # 16 MiB of map
    async with Sibling() as sibling:
        await check(storage)
    assert sibling.turns >= 16


async def test_what_is_no_vdi_is_not_checked() -> None:
    with pytest.raises(BadSignature):
        await check(MemoryStorage(bytes(4096)))


async def test_a_map_that_cannot_be_read_is_an_error_and_no_finding() -> None:
    storage = await image({})
    storage.cold = True
    read = storage.pread_some

    async def fail(buffer: memoryview, offset: int) -> int:
        if offset >= MiB:
            raise OSError(errno.EIO, "unreadable")
        return await read(buffer, offset)

    storage.pread_some = fail  # type: ignore[method-assign]
    with pytest.raises(StorageError, match="read of 64 bytes at offset 1048576"):
        await check(storage)


async def test_an_image_that_is_written_is_checked_only_without_locks(tmp_path: Path) -> None:
    path = tmp_path / "disk.vdi"
    await aiovdi.create(path, 4 * MiB)
    async with aiovdi.open(path, "r+"):
        with pytest.raises(ImageLocked):
            await check(path)
        assert (await check(path, lock=False)).filename == str(path)
    assert (await check(path)).exit_status == 0


async def test_what_a_storage_of_fixed_size_has_behind_the_image_is_no_leak() -> None:
    whole = (await image({0: 0}, slots=1)).to_bytes() + bytes(3 * MiB)
    growing, fixed = MemoryStorage(whole), MemoryStorage(whole, can_grow=False)
    assert [finding.kind for finding in (await check(growing)).findings] == [FindingKind.TRAILING]
    report = await check(fixed)
    assert (report.findings, report.leaks, report.exit_status) == ([], 0, 0)
