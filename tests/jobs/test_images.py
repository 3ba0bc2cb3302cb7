"""Which format an image has, and what opening it locks, closes and says."""

import asyncio
from pathlib import Path

import pytest

import aiovdi
from aiovdi.errors import BadSignature, ImageLocked
from aiovdi.jobs.images import image_of, open_image, open_storage, probe
from aiovdi.jobs.raw import RawDisk
from aiovdi.storage import MemoryStorage
from aiovdi.units import MiB


@pytest.fixture
async def vdi(tmp_path: Path) -> Path:
    path = tmp_path / "disk.vdi"
    await aiovdi.create(path, 4 * MiB)
    return path


@pytest.mark.parametrize("content", [b"", b"\x7f\x10\xda\xbe", bytes(64) + b"\x7f\x10\xda", b"<<< Oracle" * 20])
async def test_what_has_no_signature_at_64_is_raw(content: bytes) -> None:
    assert await probe(MemoryStorage(content)) == "raw"


async def test_the_signature_alone_makes_a_vdi() -> None:
    assert await probe(MemoryStorage(bytes(64) + b"\x7f\x10\xda\xbe")) == "vdi"


async def test_an_image_is_opened_as_what_it_is(vdi: Path, tmp_path: Path) -> None:
    raw = tmp_path / "disk.raw"
    raw.write_bytes(bytes(1024))
    async with open_image(vdi) as a, open_image(raw) as b:
        assert isinstance(a, aiovdi.Disk)
        assert isinstance(b, RawDisk)
        assert (a.size, b.size) == (4 * MiB, 1024)


async def test_the_callers_word_goes_before_the_signature(vdi: Path) -> None:
    async with open_image(vdi, format="raw") as image:
        assert isinstance(image, RawDisk)
        assert image.size >= 64


async def test_an_error_in_the_header_notes_the_path(tmp_path: Path) -> None:
    raw = tmp_path / "disk.raw"
    raw.write_bytes(bytes(1024))
    with pytest.raises(BadSignature) as caught:
        async with open_image(raw, format="vdi"):
            pass
    assert caught.value.__notes__ == [f"image: {raw}"]
    assert image_of(caught.value) == str(raw)
    assert image_of(ValueError()) is None


async def test_a_writer_excludes_others_until_it_is_closed(vdi: Path) -> None:
    async with open_image(vdi, "r+"):
        with pytest.raises(ImageLocked):
            async with open_image(vdi):
                pass
        async with open_image(vdi, lock=False):
            pass
    async with open_image(vdi, "r+"):
        pass


async def test_a_raw_image_is_locked_too(tmp_path: Path) -> None:
    raw = tmp_path / "disk.raw"
    raw.write_bytes(bytes(1024))
    async with open_image(raw, "r+"):
        with pytest.raises(ImageLocked):
            async with open_image(raw, "r+"):
                pass


async def test_a_storage_stays_its_callers(vdi: Path) -> None:
    storage = MemoryStorage(vdi.read_bytes())
    async with open_image(storage) as image:
        assert image.size == 4 * MiB
    async with open_storage(storage) as same:
        assert same is storage
    assert await probe(storage) == "vdi"  # not closed


async def test_a_cancelled_user_leaves_the_image_unlocked(vdi: Path) -> None:
    opened = asyncio.Event()

    async def use() -> None:
        async with open_image(vdi, "r+"):
            opened.set()
            await asyncio.Event().wait()

    user = asyncio.create_task(use())
    await opened.wait()
    user.cancel()
    with pytest.raises(asyncio.CancelledError):
        await user
    async with open_image(vdi, "r+"):
        pass
