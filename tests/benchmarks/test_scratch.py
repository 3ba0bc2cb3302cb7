"""Files that sides share are made once, only where there is space, and are gone afterwards."""

import asyncio
from pathlib import Path

import pytest

from benchmarks.scratch import Scratch, Unavailable, scratch_in


async def test_a_file_that_two_sides_ask_for_is_made_once(tmp_path: Path) -> None:
    made: list[Path] = []

    async def make(path: Path) -> None:
        await asyncio.sleep(0)
        made.append(path)

    scratch = Scratch(tmp_path)
    paths = await asyncio.gather(scratch.once("image", make), scratch.once("image", make))
    assert paths == [tmp_path / "image"] * 2
    assert made == [tmp_path / "image"]


async def test_a_file_that_does_not_fit_is_not_begun(tmp_path: Path) -> None:
    async def make(path: Path) -> None:
        raise AssertionError(f"{path} was begun")

    with pytest.raises(Unavailable, match="MiB are free"):
        await Scratch(tmp_path).once("image", make, space=1 << 60)


def test_no_path_is_given_twice(tmp_path: Path) -> None:
    scratch = Scratch(tmp_path)
    assert scratch.fresh(".vdi") != scratch.fresh(".vdi")


def test_a_removed_file_is_gone_at_once(tmp_path: Path) -> None:
    scratch = Scratch(tmp_path)
    path = scratch.fresh(".vdi")
    path.write_bytes(b"done with")
    scratch.remove(path)
    assert not list(tmp_path.iterdir())


def test_the_folder_is_gone_afterwards(tmp_path: Path) -> None:
    with scratch_in(tmp_path) as scratch:
        scratch.fresh(".vdi").write_bytes(b"left behind")
        assert scratch.folder.parent == tmp_path
    assert not list(tmp_path.iterdir())
