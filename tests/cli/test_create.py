"""``create``: the image that was asked for, or the reason why not."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

import aiovdi as library
from aiovdi.units import MiB

Aiovdi = Callable[..., tuple[int, str, str]]


def info(path: Path) -> library.Info:
    async def ask() -> library.Info:
        async with library.open(path) as disk:
            return disk.info

    return asyncio.run(ask())


@pytest.mark.parametrize(
    ("words", "static", "block_size", "comment"),
    [
        ([], "off", MiB, ""),
        (["-o", "static=on"], "on", MiB, ""),
        (["-o", "static=on,comment=a,,b"], "on", MiB, "a,b"),
        (["-f", "vdi", "-o", "block_size=2M", "-o", "comment=c"], "off", 2 * MiB, "c"),
    ],
)
def test_the_image_is_the_one_that_was_asked_for(
    words: list[str], static: str, *, block_size: int, comment: str, tmp_path: Path, aiovdi: Aiovdi
) -> None:
    path = tmp_path / "x.vdi"
    status, out, _ = aiovdi("create", *words, path, "4M")
    assert (status, out) == (0, f"Formatting '{path}', fmt=vdi size=4194304 static={static}\n")
    found = info(path)
    assert (found.virtual_size, found.cluster_size, found.comment) == (4 * MiB, block_size, comment)
    assert found.image_type.name == {"on": "FIXED", "off": "DYNAMIC"}[static]


def test_what_qemu_would_refuse_is_made_with_a_warning(tmp_path: Path, aiovdi: Aiovdi) -> None:
    status, _, err = aiovdi("create", "-q", "-o", "block_size=2M", tmp_path / "x.vdi", "4M")
    assert (status, err) == (0, "warning: QEMU opens only blocks of 1 MiB, and these have 2097152 bytes.\n")


def test_a_size_that_is_no_sector_is_rounded_up_and_that_is_told(tmp_path: Path, aiovdi: Aiovdi) -> None:
    path = tmp_path / "x.vdi"
    status, out, err = aiovdi("create", path, "1048577")
    assert (status, out) == (0, f"Formatting '{path}', fmt=vdi size=1049088 static=off\n")
    assert err == f"aiovdi: create: {path}: 1048577 bytes are rounded up to 1049088, a multiple of 512\n"


def test_the_size_may_stand_in_the_options(tmp_path: Path, aiovdi: Aiovdi) -> None:
    assert aiovdi("create", "-o", "size=3M", tmp_path / "x.vdi")[0] == 0
    status, _, err = aiovdi("create", tmp_path / "y.vdi")
    assert (status, err) == (1, f"aiovdi: create: {tmp_path / 'y.vdi'}: image creation needs a size\n")


def test_a_raw_image_is_a_hole(tmp_path: Path, aiovdi: Aiovdi) -> None:
    path = tmp_path / "x.raw"
    assert aiovdi("create", "-q", "-f", "raw", path, "1G") == (0, "", "")
    assert (path.stat().st_size, path.stat().st_blocks) == (1 << 30, 0)


def test_the_options_are_listed_when_asked(aiovdi: Aiovdi) -> None:
    status, out, _ = aiovdi("create", "-o", "help", "x")
    assert status == 0
    assert out.startswith("Supported vdi options:\n  size=<size>")


def test_an_existing_file_is_replaced_unless_it_cannot_be_made(vdi: Path, aiovdi: Aiovdi) -> None:
    before = vdi.read_bytes()
    status, _, err = aiovdi("create", "-q", vdi, "0")
    assert (status, vdi.read_bytes()) == (1, before)
    assert "create: size: found 0, expected a positive multiple of 512" in err
    assert aiovdi("create", "-q", vdi, "8M")[0] == 0
    assert vdi.read_bytes() != before


def test_a_folder_that_is_not_there_is_named(tmp_path: Path, aiovdi: Aiovdi) -> None:
    status, _, err = aiovdi("create", "-q", tmp_path / "nowhere" / "x.vdi", "8M")
    assert status == 1
    assert err == f"aiovdi: {tmp_path}/nowhere/x.vdi: No such file or directory\n"
    assert "Traceback" not in err
