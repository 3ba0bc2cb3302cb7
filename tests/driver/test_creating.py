"""A new image comes into being whole or not at all."""

import asyncio
import errno
import itertools
import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import aiovdi
from aiovdi.driver import creating
from aiovdi.driver.creating import new_file
from aiovdi.storage.memory import MemoryStorage
from aiovdi.units import MiB
from tests.driver.gated import GatedStorage
from tests.driver.images import Naive
from tests.storage.serving import served

kinds = pytest.mark.parametrize("fixed", [False, True], ids=["dynamic", "fixed"])


@kinds
async def test_a_new_image_reads_zeros_and_can_be_written(fixed: bool, tmp_path: Path) -> None:
    path = tmp_path / "new.vdi"
    await aiovdi.create(path, 3 * MiB + 512, fixed=fixed, comment="Grüße")
    async with aiovdi.open(path, "r+") as disk:
        assert disk.size == 3 * MiB + 512
        assert disk.header.comment == "Grüße"
        assert await disk.pread(disk.size, 0) == bytes(disk.size)
        await disk.pwrite(b"end", disk.size - 3)
    left = Naive(path.read_bytes())
    assert not left.complaints()
    assert left.disk()[-3:] == b"end"
    assert left.count == (4 if fixed else 1)
    assert [entry.name for entry in tmp_path.iterdir()] == ["new.vdi"]


@kinds
async def test_qemu_finds_nothing_wrong_with_a_new_image(
    fixed: bool, tmp_path: Path, peer: Callable[[str], str]
) -> None:
    path = tmp_path / "new.vdi"
    await aiovdi.create(path, 5 * MiB, fixed=fixed)
    subprocess.run([peer("qemu-img"), "check", str(path)], check=True, capture_output=True)
    info = subprocess.run([peer("qemu-img"), "info", "--output=json", str(path)], check=True, capture_output=True)
    assert json.loads(info.stdout)["virtual-size"] == 5 * MiB


async def test_an_existing_file_is_refused_and_kept(tmp_path: Path) -> None:
    path = tmp_path / "there.vdi"
    path.write_bytes(b"precious")
    with pytest.raises(FileExistsError):
        await aiovdi.create(path, 1 * MiB)
    assert path.read_bytes() == b"precious"
    await aiovdi.create(path, 1 * MiB, overwrite=True)
    assert Naive(path.read_bytes()).disk_size == 1 * MiB
    assert [entry.name for entry in tmp_path.iterdir()] == ["there.vdi"]


#  t   A: create                    B: create, same name
#  1   writes beside the place      writes beside the place
#  2   takes the name
#  3                                the name is taken: FileExistsError


async def test_two_who_create_one_name_do_not_replace_each_other(tmp_path: Path) -> None:
    path = tmp_path / "new.vdi"
    sizes = [n * MiB for n in range(1, 6)]
    results = await asyncio.gather(*(aiovdi.create(path, size) for size in sizes), return_exceptions=True)
    winners = [size for size, result in zip(sizes, results, strict=True) if result is None]
    assert len(winners) == 1
    assert all(result is None or isinstance(result, FileExistsError) for result in results)
    assert Naive(path.read_bytes()).disk_size == winners[0]
    assert [entry.name for entry in tmp_path.iterdir()] == ["new.vdi"]


async def test_an_image_that_is_in_use_is_not_replaced(tmp_path: Path) -> None:
    path = tmp_path / "used.vdi"
    await aiovdi.create(path, 1 * MiB)
    for mode in ("r", "r+"):
        async with aiovdi.open(path, mode):  # type: ignore[arg-type]
            with pytest.raises(aiovdi.ImageLocked):
                await aiovdi.create(path, 2 * MiB, overwrite=True)
    assert Naive(path.read_bytes()).disk_size == 1 * MiB


@pytest.mark.parametrize("fault", [asyncio.CancelledError, OSError, KeyboardInterrupt])
async def test_nothing_is_left_when_it_is_interrupted(tmp_path: Path, fault: type[BaseException]) -> None:
    with pytest.raises(fault):
        async with new_file(tmp_path / "new.vdi", overwrite=False) as storage:
            await storage.resize(1 * MiB)
            raise fault
    assert not list(tmp_path.iterdir())


async def test_a_creation_cancelled_at_any_moment_leaves_a_whole_image_or_none(tmp_path: Path) -> None:
    path = tmp_path / "new.vdi"
    steps = 0
    while True:
        task = asyncio.create_task(aiovdi.create(path, 2 * MiB))
        for _ in range(steps):
            if task.done():
                break
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])
        names = [entry.name for entry in tmp_path.iterdir()]
        assert names in ([], ["new.vdi"])
        if path.exists():
            assert Naive(path.read_bytes()).disk_size == 2 * MiB
            path.unlink()
        if not task.cancelled():
            assert task.exception() is None
            return
        steps = steps * 3 // 2 + 1


@pytest.mark.parametrize(
    "asked",
    [{"size": 0}, {"size": -512}, {"size": 1000}, {"block_size": 1000}, {"block_size": 256}, {"comment": "x" * 256}],
    ids=str,
)
async def test_what_the_format_cannot_hold_is_refused_before_anything_is_made(
    asked: dict[str, Any], tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match="expected"):
        await aiovdi.create(tmp_path / "new.vdi", **{"size": 1 * MiB, **asked})
    assert not list(tmp_path.iterdir())


async def test_a_block_size_that_qemu_does_not_open_is_made_with_a_warning() -> None:
    with pytest.warns(aiovdi.CompatibilityWarning, match="QEMU"):
        await aiovdi.create(MemoryStorage(), 1 * MiB, block_size=512 * 1024)


# On a storage

backings = pytest.mark.parametrize(
    "traits", [{"can_grow": False}, {"extends_with_zeros": False}, {}], ids=["device", "stale file", "file"]
)


@kinds
@backings
async def test_no_stale_byte_of_the_storage_becomes_content(fixed: bool, traits: dict[str, bool]) -> None:
    stale = b"\xee" * (6 * MiB) if traits.get("can_grow") is False else b""
    storage = GatedStorage(stale, **traits)
    await aiovdi.create(storage, 2 * MiB, fixed=fixed)
    assert not any(Naive(storage.durable()).disk())
    async with aiovdi.open(storage, "r+") as disk:
        await disk.pwrite(b"x", 1 * MiB + 5)
        assert await disk.pread(2 * MiB, 0) == bytes(1 * MiB + 5) + b"x" + bytes(1 * MiB - 6)


async def test_a_storage_that_is_too_small_for_a_fixed_image_is_enospc() -> None:
    storage = MemoryStorage(size=3 * MiB, can_grow=False)
    with pytest.raises(aiovdi.StorageError) as caught:
        await aiovdi.create(storage, 4 * MiB, fixed=True)
    assert caught.value.errno == errno.ENOSPC
    assert storage.to_bytes() == bytes(3 * MiB)


async def test_a_storage_that_holds_something_is_refused_unless_asked() -> None:
    storage = MemoryStorage(b"precious")
    with pytest.raises(FileExistsError):
        await aiovdi.create(storage, 1 * MiB)
    assert storage.to_bytes() == b"precious"
    await aiovdi.create(storage, 1 * MiB, overwrite=True)
    async with aiovdi.open(storage) as disk:
        assert disk.size == 1 * MiB


@kinds
async def test_the_header_comes_last_so_that_a_power_cut_leaves_a_whole_image_or_none(fixed: bool) -> None:
    storage = GatedStorage()

    def judge() -> None:
        for image in itertools.islice(storage.crash_images(), 12):
            if image[64:68] == bytes.fromhex("7f10dabe"):
                left = Naive(image)
                assert not any(left.disk())
                assert not left.complaints()

    storage.after_effect.append(judge)
    with pytest.warns(aiovdi.CompatibilityWarning):
        await aiovdi.create(storage, 64 * 512, block_size=4096, fixed=fixed)
    assert Naive(storage.durable()).disk_size == 64 * 512
    assert storage.durable() == storage.kill()


#  t   storage of fixed size, with an older image          what a power cut leaves
#  1   zeros over the old header, flush                    the old image, or none
#  2   the new map, flush                                  none
#  3   the new header, flush                               none, or the new image
#  Without 1 the old header would stand above the new map.


async def test_in_a_storage_of_fixed_size_a_power_cut_leaves_the_old_image_or_the_new_one_or_none() -> None:
    before = GatedStorage()
    with pytest.warns(aiovdi.CompatibilityWarning):
        await aiovdi.create(before, 8 * 512, block_size=512, fixed=True)
    old = before.durable() + bytes(8 * MiB)
    storage = GatedStorage(old, can_grow=False)
    seen = set()

    def judge() -> None:
        for image in itertools.islice(storage.crash_images(), 12):
            if image[64:68] == bytes.fromhex("7f10dabe"):
                left = Naive(image)
                seen.add(left.disk_size)
                assert not left.complaints() or image[:MiB] == old[:MiB]

    storage.after_effect.append(judge)
    with pytest.warns(aiovdi.CompatibilityWarning):
        await aiovdi.create(storage, 64 * 512, block_size=4096)
    judge()
    assert seen == {8 * 512, 64 * 512}


@kinds
async def test_an_export_gets_an_image_in_place_if_it_has_the_room(fixed: bool, tmp_path: Path) -> None:
    memory = MemoryStorage(b"\xa5" * (8 * MiB), can_grow=False)
    async with served(memory, tmp_path / "s") as uri:
        with pytest.raises(FileExistsError):
            await aiovdi.create(uri, 3 * MiB, fixed=fixed)
        assert memory.to_bytes() == b"\xa5" * (8 * MiB)
        await aiovdi.create(uri, 3 * MiB, fixed=fixed, overwrite=True)
        async with aiovdi.open(uri, "r+") as disk:
            await disk.pwrite(b"x", MiB)
            assert await disk.pread(3 * MiB, 0) == bytes(MiB) + b"x" + bytes(2 * MiB - 1)
    assert len(memory.to_bytes()) == 8 * MiB


async def test_an_export_without_the_room_keeps_its_content_and_the_error_names_both_sizes(tmp_path: Path) -> None:
    memory = MemoryStorage(b"\xa5" * (2 * MiB), can_grow=False)
    async with served(memory, tmp_path / "s") as uri:
        with pytest.raises(aiovdi.StorageError, match=f"{5 * MiB} bytes needed, {2 * MiB} there") as caught:
            await aiovdi.create(uri, 3 * MiB, fixed=True, overwrite=True)
    assert caught.value.errno == errno.ENOSPC
    assert memory.to_bytes() == b"\xa5" * (2 * MiB)


async def test_a_disk_that_outgrows_its_export_is_out_of_space_and_goes_on(tmp_path: Path) -> None:
    memory = MemoryStorage(bytes(4 * MiB), can_grow=False)  # two slots, for a disk of four blocks
    async with served(memory, tmp_path / "s") as uri:
        await aiovdi.create(uri, 4 * MiB, overwrite=True)
        async with aiovdi.open(uri, "r+") as disk:
            for block in (0, 3):
                await disk.pwrite(b"in", block * MiB)
            with pytest.raises(aiovdi.StorageError) as caught:
                await disk.pwrite(b"out", MiB)
            assert caught.value.errno == errno.ENOSPC
            await disk.pwrite(b"on", 3 * MiB)
            await disk.flush()
        async with aiovdi.open(uri) as disk:
            assert [await disk.pread(2, block * MiB) for block in range(4)] == [b"in", bytes(2), bytes(2), b"on"]


async def test_an_error_names_what_was_asked_for(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError) as caught:
        await aiovdi.create(tmp_path / "missing" / "new.vdi", MiB)
    assert caught.value.filename == str(tmp_path / "missing" / "new.vdi")


async def test_a_failure_on_the_way_is_a_storage_error() -> None:
    for number in range(6):
        storage = GatedStorage()
        fault = storage.fail("any", skip=number, error=errno.ENOSPC)
        if number < 5:
            with pytest.raises(aiovdi.StorageError):
                await aiovdi.create(storage, 1 * MiB)
            assert fault.ios


def test_the_modules_face_is_what_it_says() -> None:
    assert set(creating.__all__) == {"CompatibilityWarning", "create", "new_file"}
