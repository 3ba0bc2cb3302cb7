"""From a path or a storage to a disk: what is read, what is refused, what is released when it is refused."""

import asyncio
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

import aiovdi
from aiovdi.storage.memory import MemoryStorage
from aiovdi.units import MiB, TiB
from tests.driver.gated import GatedStorage, turns
from tests.driver.images import BLOCK, make_image


def open_descriptors() -> set[str]:
    """What the descriptors of this process lead to."""
    leads = set()
    for link in Path("/proc/self/fd").iterdir():
        with suppress(FileNotFoundError):  # the one that lists the folder
            leads.add(str(link.readlink()))
    return leads


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "disk.vdi"
    path.write_bytes(make_image(entries=[0], slots={0: b"here"}))
    return path


async def test_a_disk_can_be_awaited_or_entered(path: Path) -> None:
    disk = await aiovdi.open(path)
    assert await disk.pread(4, 0) == b"here"
    await disk.close()
    async with aiovdi.open(str(path)) as disk:
        assert await disk.pread(4, 0) == b"here"
    with pytest.raises(aiovdi.ImageClosed):
        await disk.pread(4, 0)


async def test_an_awaited_disk_is_a_context_too(path: Path) -> None:
    async with await aiovdi.open(path, "r+") as disk:
        await disk.pwrite(b"x", 0)
    with pytest.raises(aiovdi.ImageClosed):
        await disk.pread(1, 0)


async def test_a_storage_stays_its_owners() -> None:
    storage = GatedStorage(make_image())
    async with aiovdi.open(storage, "r+") as disk:
        await disk.pwrite(b"x", 0)
    assert not storage.closed
    async with aiovdi.open(storage) as disk:
        assert await disk.pread(1, 0) == b"x"


async def test_only_the_header_is_read_whatever_the_size() -> None:
    read: list[int] = []

    class Watched(MemoryStorage):
        def pread_now(self, buffer: bytearray | memoryview, offset: int) -> int:
            read.append(offset + len(buffer))
            return super().pread_now(buffer, offset)

        async def pread_some(self, buffer: memoryview, offset: int) -> int:
            read.append(offset + len(buffer))
            return await super().pread_some(buffer, offset)

    storage = Watched()
    with pytest.warns(aiovdi.CompatibilityWarning):
        await aiovdi.create(storage, 500 * TiB, block_size=16 * MiB)  # a map of 125 MiB
    async with aiovdi.open(storage, "r+") as disk:
        assert disk.size == 500 * TiB
        assert max(read) <= 512
        assert await disk.pread(10, 499 * TiB) == bytes(10)
        assert len(read) <= 4


@pytest.mark.parametrize("mode", ["w", "rw", "", "r+b"])
def test_an_unknown_mode_is_a_value_error_at_once(mode: Any) -> None:
    with pytest.raises(ValueError, match="mode"):
        aiovdi.open("nowhere.vdi", mode)


def test_an_unknown_cache_is_a_value_error_that_lists_the_known_ones() -> None:
    with pytest.raises(ValueError, match=r"writeback.*unsafe"):
        aiovdi.open("nowhere.vdi", cache="always")  # type: ignore[arg-type]


BAD = {
    "empty": (b"", "r", aiovdi.FormatError),
    "short": (make_image()[:200], "r", aiovdi.FormatError),
    "signature": (make_image()[:64] + b"QFI\xfb" + make_image()[68:], "r", aiovdi.BadSignature),
    "version": (make_image(version=0x00020000), "r", aiovdi.UnsupportedVersion),
    "map cut off": (make_image(blocks=1000)[:1024], "r", aiovdi.FormatError),
    "map in the header": (make_image(bmap_offset=472, data_offset=1024), "r+", aiovdi.UnsupportedFeature),
    "unaligned data": (make_image(data_offset=1100), "r+", aiovdi.UnsupportedFeature),
    "unaligned map": (make_image(bmap_offset=602, data_offset=1024), "r+", aiovdi.UnsupportedFeature),
    "unaligned extra": (make_image(block_extra=4), "r+", aiovdi.UnsupportedFeature),
}


@pytest.mark.parametrize("name", BAD)
async def test_what_cannot_be_opened_is_refused_and_everything_released(name: str, tmp_path: Path) -> None:
    content, mode, error = BAD[name]
    path = tmp_path / "bad.vdi"
    path.write_bytes(content)
    for _ in range(2):  # the second time finds no lock of the first
        with pytest.raises(error):
            await aiovdi.open(path, mode)  # type: ignore[arg-type]
    assert str(path) not in open_descriptors()
    assert path.read_bytes() == content


async def test_what_only_writing_refuses_can_be_read() -> None:
    for name in ("map in the header", "unaligned data", "unaligned extra"):
        async with aiovdi.open(GatedStorage(BAD[name][0])) as disk:
            assert await disk.pread(8 * BLOCK, 0) == bytes(8 * BLOCK)


async def test_a_map_at_an_odd_offset_is_read_right_or_refused() -> None:
    image = make_image(
        bmap_offset=602, data_offset=1024, entries=[0, 1, 2], slots={n: bytes([n + 1]) for n in range(3)}
    )
    try:
        async with aiovdi.open(GatedStorage(image)) as disk:
            assert [(await disk.pread(1, n * BLOCK))[0] for n in range(4)] == [1, 2, 3, 0]
    except aiovdi.FormatError as error:
        assert "offBlocks" in str(error)


async def test_a_second_writer_is_refused_and_the_file_is_free_after_close(path: Path) -> None:
    async with aiovdi.open(path, "r+"):
        with pytest.raises(aiovdi.ImageLocked):
            await aiovdi.open(path, "r+")
        async with aiovdi.open(path, "r", lock=False) as reader:
            assert await reader.pread(4, 0) == b"here"
    async with aiovdi.open(path, "r+") as disk:
        await disk.pwrite(b"x", 0)
    assert str(path) not in open_descriptors()


async def test_the_file_is_free_after_a_close_that_failed(path: Path) -> None:
    disk = await aiovdi.open(path, "r+")
    await disk.pwrite(b"x", 0)
    disk._lifecycle.fail(OSError("as a flush would"))
    with pytest.raises(aiovdi.DiskFailed):
        await disk.close()
    assert str(path) not in open_descriptors()
    async with aiovdi.open(path, "r+") as again:
        assert await again.pread(1, 0) == b"x"


async def test_a_file_that_is_not_there_is_a_file_not_found_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        await aiovdi.open(tmp_path / "none.vdi")


@pytest.mark.parametrize("cache", ["writeback", "none", "writethrough", "directsync", "unsafe"])
async def test_each_cache_mode_reads_back_what_it_wrote(path: Path, cache: Any) -> None:
    try:
        async with aiovdi.open(path, "r+", cache=cache) as disk:
            await disk.pwrite(b"unaligned", 5 * BLOCK - 3)
            await disk.flush()
            assert await disk.pread(9, 5 * BLOCK - 3) == b"unaligned"
    except aiovdi.StorageError as error:
        assert cache in {"none", "directsync"}, error
        assert "O_DIRECT" in str(error.__cause__ or error)
        pytest.skip("the filesystem of the temporary folder has no O_DIRECT")
    async with aiovdi.open(path) as disk:
        assert await disk.pread(9, 5 * BLOCK - 3) == b"unaligned"


#  t   opener                       canceller
#  k   wherever it is               cancel
#  end no descriptor, no lock is left


async def test_an_opening_cancelled_at_any_step_leaves_nothing(path: Path) -> None:
    step = 0
    while True:
        opening = asyncio.create_task(aiovdi.open(path, "r+")._open())
        await turns(step)
        opening.cancel()
        await asyncio.wait([opening])
        if not opening.cancelled():
            await opening.result().close()
            break
        assert str(path) not in open_descriptors()
        step = step * 2 + 1
        if step > 1 << 14:
            break
    async with aiovdi.open(path, "r+") as disk:
        assert await disk.pread(4, 0) == b"here"
