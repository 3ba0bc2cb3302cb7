"""A conversion leaves the whole target or none, takes no space for zeros, and replaces nothing unasked."""

import asyncio
import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import pytest

import aiovdi
from aiovdi.errors import CorruptImage, ImageLocked, OutOfRange, StorageError
from aiovdi.jobs.check import check
from aiovdi.jobs.compare import compare
from aiovdi.jobs.convert import convert
from aiovdi.storage import FileStorage, MemoryStorage
from aiovdi.units import KiB, MiB
from tests.storage.serving import served


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    """9 MiB: a hole, data, zeros that take space, data of which each fourth sector group is zeros."""
    path = tmp_path / "source.raw"
    with path.open("wb") as file:
        file.seek(2 * MiB)
        file.write(os.urandom(3 * MiB) + bytes(MiB))
        file.write((os.urandom(12 * KiB) + bytes(4 * KiB)) * 64)
        file.truncate(9 * MiB)
    return path


def space(path: Path) -> int:
    return path.stat().st_blocks * 512


async def test_there_and_back_is_the_same_disk(raw: Path, tmp_path: Path) -> None:
    there, back = tmp_path / "there.vdi", tmp_path / "back.raw"
    await convert(raw, there)
    await convert(there, back, target_format="raw")
    assert back.read_bytes() == raw.read_bytes()


async def test_zeros_take_no_space_in_either_format(raw: Path, tmp_path: Path) -> None:
    there, back = tmp_path / "there.vdi", tmp_path / "back.raw"
    await convert(raw, there)
    await convert(there, back, target_format="raw")
    data = 3 * MiB + 64 * 12 * KiB
    assert data <= space(back) <= data + 64 * KiB
    assert data <= space(there) <= data + 64 * KiB
    assert (await check(there)).allocated_clusters == 4


async def test_a_new_vdi_is_sound_and_in_the_order_of_the_disk(raw: Path, tmp_path: Path) -> None:
    await convert(raw, tmp_path / "x.vdi", parallel=8)
    report = await check(tmp_path / "x.vdi")
    assert (report.findings, report.fragmented_clusters) == ([], 0)


@pytest.mark.parametrize("parallel", [1, 16])
@pytest.mark.parametrize("in_order", [True, False])
async def test_the_copy_is_the_same_however_it_is_made(
    parallel: int, in_order: bool, raw: Path, tmp_path: Path
) -> None:
    await convert(raw, tmp_path / "x.vdi", parallel=parallel, in_order=in_order)
    assert (await compare(raw, tmp_path / "x.vdi")).identical


async def test_a_shuffled_image_comes_out_in_order(tmp_path: Path) -> None:
    source, target = tmp_path / "source.vdi", tmp_path / "target.vdi"
    await aiovdi.create(source, 16 * MiB)
    async with aiovdi.open(source, "r+") as disk:
        for block in (9, 3, 14, 0, 7):
            await disk.pwrite(bytes([block + 1]) * 100, block * MiB)
    await convert(source, target)
    assert (await check(source)).fragmented_clusters == 4
    assert (await check(target)).fragmented_clusters == 0
    assert (await compare(source, target)).identical


async def test_the_options_of_the_target_are_kept(raw: Path, tmp_path: Path) -> None:
    with pytest.warns(aiovdi.CompatibilityWarning):
        await convert(raw, tmp_path / "x.vdi", block_size=64 * KiB, fixed=True, comment="a copy")
    async with aiovdi.open(tmp_path / "x.vdi") as disk:
        info = disk.info
    assert (info.cluster_size, info.image_type.name, info.comment) == (64 * KiB, "FIXED", "a copy")
    assert (await compare(raw, tmp_path / "x.vdi")).identical


async def test_a_raw_size_that_is_no_sector_is_rounded_up(tmp_path: Path) -> None:
    (tmp_path / "x.raw").write_bytes(b"x" * (MiB + 700))
    await convert(tmp_path / "x.raw", tmp_path / "x.vdi")
    async with aiovdi.open(tmp_path / "x.vdi") as disk:
        assert disk.size == MiB + 1024
        assert await disk.pread(1024, MiB) == b"x" * 700 + bytes(324)


async def test_a_storage_may_be_the_source(tmp_path: Path) -> None:
    await convert(MemoryStorage(b"x" * 2 * MiB), tmp_path / "x.vdi")
    async with aiovdi.open(tmp_path / "x.vdi") as disk:
        assert await disk.pread(2 * MiB, 0) == b"x" * 2 * MiB


# What exists


async def test_nothing_is_replaced_unasked(raw: Path, tmp_path: Path) -> None:
    target = tmp_path / "x.vdi"
    target.write_bytes(b"precious")
    with pytest.raises(FileExistsError):
        await convert(raw, target)
    assert target.read_bytes() == b"precious"
    await convert(raw, target, overwrite=True)
    assert (await compare(raw, target)).identical


async def test_an_image_in_use_is_not_replaced(raw: Path, tmp_path: Path) -> None:
    target = tmp_path / "x.vdi"
    await aiovdi.create(target, 4 * MiB)
    async with aiovdi.open(target):
        with pytest.raises(ImageLocked):
            await convert(raw, target, overwrite=True)


async def test_a_link_is_followed_and_stays(raw: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    link = tmp_path / "link.vdi"
    link.symlink_to(tmp_path / "elsewhere" / "disk.vdi")
    await convert(raw, link)
    assert link.is_symlink()
    assert (await compare(raw, tmp_path / "elsewhere" / "disk.vdi")).identical


async def test_a_device_is_never_replaced_by_a_file(raw: Path) -> None:
    with pytest.raises(ValueError, match="/dev/null is not a regular file"):
        await convert(raw, "/dev/null", overwrite=True)


async def test_into_an_existing_image_the_whole_disk_is_written(raw: Path, tmp_path: Path) -> None:
    target = tmp_path / "x.vdi"
    await aiovdi.create(target, 10 * MiB)
    async with aiovdi.open(target, "r+") as disk:
        await disk.pwrite(b"?" * 10 * MiB, 0)
    await convert(raw, target, existing=True)
    async with aiovdi.open(target) as disk:
        assert await disk.pread(10 * MiB, 0) == raw.read_bytes() + b"?" * MiB


async def test_an_existing_image_that_is_too_small_is_left_alone(raw: Path, tmp_path: Path) -> None:
    target = tmp_path / "x.raw"
    target.write_bytes(b"?" * MiB)
    with pytest.raises(OutOfRange):
        await convert(raw, target, target_format="raw", existing=True)
    assert target.read_bytes() == b"?" * MiB


# A part


async def test_a_part_of_the_disk_is_a_disk(raw: Path, tmp_path: Path) -> None:
    await convert(raw, tmp_path / "x.vdi", offset=2 * MiB + 512, length=5 * MiB)
    async with aiovdi.open(tmp_path / "x.vdi") as disk:
        assert await disk.pread(disk.size, 0) == raw.read_bytes()[2 * MiB + 512 : 7 * MiB + 512]


@pytest.mark.parametrize(("offset", "length"), [(-512, None), (0, 10 * MiB), (9 * MiB, 512), (10 * MiB, None)])
async def test_a_part_that_the_disk_has_not_is_refused(
    offset: int, length: int | None, raw: Path, tmp_path: Path
) -> None:
    with pytest.raises(OutOfRange):
        await convert(raw, tmp_path / "x.vdi", offset=offset, length=length)
    assert list(tmp_path.iterdir()) == [raw]


@pytest.mark.parametrize("option", ["offset", "length", "sparse"])
async def test_what_must_be_sectors_is_named_if_it_is_not(option: str, raw: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=f"{option}: found 100, expected a multiple of 512"):
        await convert(raw, tmp_path / "x.vdi", **{option: 100})  # type: ignore[arg-type]


# A whole target or none

AtWrite = Callable[[int, Callable[[], object]], None]


@pytest.fixture
def at_write(monkeypatch: pytest.MonkeyPatch) -> AtWrite:
    """``at_write(5, act)``: ``act`` is called in the place of the fifth large write to any file."""

    def arrange(number: int, act: Callable[[], object]) -> None:
        write, count = FileStorage.pwrite_some, 0

        async def counted(self: FileStorage, data: memoryview, offset: int, *, fua: bool = False) -> int:
            nonlocal count
            count += len(data) >= 64 * KiB
            if count == number:
                count += 1
                act()
            return await write(self, data, offset, fua=fua)

        monkeypatch.setattr(FileStorage, "pwrite_some", counted)

    return arrange


@pytest.mark.parametrize("target_format", ["vdi", "raw"])
async def test_a_full_disk_leaves_nothing(target_format: str, raw: Path, tmp_path: Path, at_write: AtWrite) -> None:
    def fail() -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    at_write(2, fail)
    with pytest.raises(StorageError) as caught:
        await convert(raw, tmp_path / "x", target_format=target_format)  # type: ignore[arg-type]
    assert caught.value.errno == errno.ENOSPC
    assert list(tmp_path.iterdir()) == [raw]


@pytest.mark.parametrize("target_format", ["vdi", "raw"])
async def test_a_cancelled_conversion_leaves_nothing(
    target_format: str, raw: Path, tmp_path: Path, at_write: AtWrite
) -> None:
    task = asyncio.create_task(convert(raw, tmp_path / "x", target_format=target_format))  # type: ignore[arg-type]
    at_write(3, task.cancel)
    with pytest.raises(asyncio.CancelledError):
        await task
    assert list(tmp_path.iterdir()) == [raw]


async def test_a_cancelled_conversion_leaves_what_it_would_have_replaced(
    raw: Path, tmp_path: Path, at_write: AtWrite
) -> None:
    target = tmp_path / "x.vdi"
    target.write_bytes(b"precious")
    task = asyncio.create_task(convert(raw, target, overwrite=True))
    at_write(3, task.cancel)
    with pytest.raises(asyncio.CancelledError):
        await task
    assert target.read_bytes() == b"precious"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["source.raw", "x.vdi"]


async def test_a_source_that_is_corrupt_leaves_nothing(tmp_path: Path) -> None:
    source = tmp_path / "source.vdi"
    await aiovdi.create(source, 4 * MiB)
    with source.open("r+b") as file:
        file.seek(MiB + 4)
        file.write((100).to_bytes(4, "little"))
    with pytest.raises(CorruptImage, match="block 1"):
        await convert(source, tmp_path / "x.raw", target_format="raw")
    assert list(tmp_path.iterdir()) == [source]


async def test_a_source_is_closed_though_its_walk_was_left(tmp_path: Path, at_write: AtWrite) -> None:
    """The error leaves the walk over the source's extents in the middle."""
    source = tmp_path / "source.vdi"
    await aiovdi.create(source, 40 * MiB)
    async with aiovdi.open(source, "r+") as disk:
        for block in range(0, 40, 2):
            await disk.pwrite(b"x" * MiB, block * MiB)

    def fail() -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    at_write(3, fail)
    with pytest.raises(StorageError):
        await convert(source, tmp_path / "x.raw", target_format="raw")
    async with aiovdi.open(source, "r+"):
        pass
    assert list(tmp_path.iterdir()) == [source]


@pytest.mark.parametrize("target_format", ["vdi", "raw"])
async def test_an_export_is_written_into_and_nothing_of_its_old_content_shows(
    target_format: Literal["vdi", "raw"], raw: Path, tmp_path: Path
) -> None:
    stale = MemoryStorage(b"\xa5" * (9 * MiB), can_grow=False)
    async with served(stale, tmp_path / "s") as uri:
        with pytest.raises(FileExistsError):
            await convert(raw, uri, target_format=target_format)
        assert stale.to_bytes() == b"\xa5" * (9 * MiB)
        await convert(raw, uri, target_format=target_format, overwrite=True)
        assert (await compare(raw, uri)).identical
        if target_format == "vdi":
            assert (await check(uri)).exit_status == 0


async def test_an_export_that_is_too_small_says_how_large_it_would_have_to_be(raw: Path, tmp_path: Path) -> None:
    small = MemoryStorage(bytes(4 * MiB), can_grow=False)
    async with served(small, tmp_path / "s") as uri:
        with pytest.raises(StorageError, match=f"{5 * MiB} bytes needed, {4 * MiB} there") as caught:
            await convert(raw, uri, overwrite=True)
        assert caught.value.errno == errno.ENOSPC
        with pytest.raises(OutOfRange, match=f"{9 * MiB} bytes at offset 0 .* the disk of {4 * MiB} bytes"):
            await convert(raw, uri, target_format="raw", overwrite=True)
