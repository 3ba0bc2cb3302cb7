"""A sparse copy has the same bytes and no more space."""

import os
from pathlib import Path

import pytest

from aiovdi.demo.copying import copy_sparse
from aiovdi.units import MiB


@pytest.fixture
def sparse(tmp_path: Path) -> Path:
    path = tmp_path / "sparse"
    with path.open("wb") as file:
        for at, data in ((0, b"start"), (5 * MiB, os.urandom(3 * MiB)), (90 * MiB, b"middle")):
            file.seek(at)
            file.write(data)
        file.truncate(100 * MiB)
    return path


def test_a_copy_has_the_same_bytes_and_the_same_holes(sparse: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    copy_sparse(sparse, copy)
    assert copy.read_bytes() == sparse.read_bytes()
    assert copy.stat().st_blocks <= sparse.stat().st_blocks + 64


def test_a_copy_needs_no_help_of_the_kernel(sparse: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> int:
        raise OSError(18, "EXDEV")

    monkeypatch.setattr(os, "copy_file_range", refuse)
    copy = tmp_path / "copy"
    copy_sparse(sparse, copy)
    assert copy.read_bytes() == sparse.read_bytes()


def test_an_empty_file_and_one_of_holes_are_copied(tmp_path: Path) -> None:
    for size in (0, MiB):
        path = tmp_path / f"{size}"
        path.touch()
        os.truncate(path, size)
        copy_sparse(path, tmp_path / f"copy-{size}")
        assert (tmp_path / f"copy-{size}").stat().st_size == size


def test_an_existing_file_is_not_replaced(sparse: Path, tmp_path: Path) -> None:
    place = tmp_path / "there"
    place.write_bytes(b"mine")
    with pytest.raises(FileExistsError):
        copy_sparse(sparse, place)
    assert place.read_bytes() == b"mine"
