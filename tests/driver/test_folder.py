"""The calls that give a file its name, on a real directory. Their order is tried by ``test_creating``."""

import os
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

import aiovdi
from aiovdi.driver import folder
from aiovdi.driver.folder import Folder, PathFolder
from aiovdi.storage.base import write_full


@pytest.fixture
def here(tmp_path: Path) -> Folder:
    (tmp_path / "old").write_bytes(b"old")
    return PathFolder(tmp_path)


async def test_a_new_file_is_there_with_its_content_and_no_file_is_made_twice(here: Folder, tmp_path: Path) -> None:
    storage = await here.create("new")
    await write_full(storage, memoryview(b"content"), 0)
    await storage.close()
    assert (tmp_path / "new").read_bytes() == b"content"
    with pytest.raises(FileExistsError):
        await here.create("new")


async def test_a_dangling_link_is_a_name(here: Folder, tmp_path: Path) -> None:
    (tmp_path / "dangling").symlink_to("nowhere")
    assert [await here.has(name) for name in ("old", "dangling", "nowhere")] == [True, True, False]


async def test_a_link_is_a_second_name_and_replaces_nothing(here: Folder, tmp_path: Path) -> None:
    await here.link("old", "also")
    assert (tmp_path / "also").samefile(tmp_path / "old")
    with pytest.raises(FileExistsError):
        await here.link("old", "also")


async def test_a_rename_replaces(here: Folder, tmp_path: Path) -> None:
    (tmp_path / "replaced").write_bytes(b"replaced")
    await here.replace("old", "replaced")
    assert [path.name for path in tmp_path.iterdir()] == ["replaced"]
    assert (tmp_path / "replaced").read_bytes() == b"old"


@pytest.mark.parametrize("now", [False, True])
async def test_a_name_is_taken_away_once(now: bool, here: Folder, tmp_path: Path) -> None:
    async def unlink() -> None:
        here.unlink_now("old") if now else await here.unlink("old")

    await unlink()
    assert not list(tmp_path.iterdir())
    with pytest.raises(FileNotFoundError):
        await unlink()


async def test_only_a_file_that_nobody_has_open_is_unused(here: Folder, tmp_path: Path) -> None:
    path = tmp_path / "image.vdi"
    await aiovdi.create(path, 1 << 20)
    await here.require_unused("image.vdi")
    async with aiovdi.open(path, "r+"):
        with pytest.raises(aiovdi.ImageLocked, match=r"image\.vdi"):
            await here.require_unused("image.vdi")
    await here.require_unused("image.vdi")


async def test_a_flush_is_one_of_the_directory_itself(
    here: Folder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    flushed = []

    async def fsync(fd: int) -> None:
        flushed.append(os.fstat(fd).st_ino)

    monkeypatch.setattr(folder, "_fsync", fsync)
    await here.flush()
    assert flushed == [tmp_path.stat().st_ino]


CALLS: list[Callable[[Folder], Coroutine[Any, Any, object]]] = [
    lambda folder: folder.create("x"),
    lambda folder: folder.link("old", "x"),
    lambda folder: folder.replace("old", "x"),
    lambda folder: folder.unlink("x"),
    lambda folder: folder.require_unused("x"),
    lambda folder: folder.flush(),
]


@pytest.mark.parametrize("call", CALLS)
async def test_a_directory_that_is_not_there_is_an_error_and_no_success(
    call: Callable[[Folder], Coroutine[Any, Any, object]], tmp_path: Path
) -> None:
    with pytest.raises(FileNotFoundError):
        await call(PathFolder(tmp_path / "nowhere"))
