"""``convert``: flags reach the job, and mistakes are told before anything is made."""

from collections.abc import Callable
from pathlib import Path

import pytest

from aiovdi.units import KiB, MiB

Aiovdi = Callable[..., tuple[int, str, str]]


@pytest.mark.parametrize("words", [[], ["-m", "1"], ["-m", "16", "-W"], ["-S", "64k"], ["-T", "none"], ["-f", "raw"]])
def test_there_and_back_is_the_same_disk(words: list[str], raw: Path, tmp_path: Path, aiovdi: Aiovdi) -> None:
    there, back = tmp_path / "there.vdi", tmp_path / "back.raw"
    assert aiovdi("convert", *words, "-O", "vdi", raw, there) == (0, "", "")
    assert aiovdi("convert", there, back) == (0, "", "")
    assert back.read_bytes() == raw.read_bytes()
    assert back.stat().st_blocks * 512 <= 128 * KiB


def test_a_sparse_size_of_zero_allocates_everything(raw: Path, tmp_path: Path, aiovdi: Aiovdi) -> None:
    assert aiovdi("convert", "-S", "0", raw, tmp_path / "x.raw")[0] == 0
    assert (tmp_path / "x.raw").stat().st_blocks * 512 >= 4 * MiB


def test_the_target_has_the_options_that_were_asked_for(raw: Path, tmp_path: Path, aiovdi: Aiovdi) -> None:
    path = tmp_path / "x.vdi"
    assert aiovdi("convert", "-O", "vdi", "-o", "static=on,comment=copied", raw, path)[0] == 0
    out = aiovdi("info", path)[1]
    assert "image type: fixed" in out
    assert "comment: copied" in out


def test_progress_is_shown_when_asked(raw: Path, tmp_path: Path, aiovdi: Aiovdi) -> None:
    status, out, err = aiovdi("convert", "-p", raw, tmp_path / "x.raw")
    assert (status, out) == (0, "")
    assert err.endswith("    (100.00/100%)\r\n")
    assert aiovdi("convert", "-p", "-q", raw, tmp_path / "x.raw") == (0, "", "")


def test_into_an_existing_image_zeros_are_written_too(vdi: Path, tmp_path: Path, aiovdi: Aiovdi) -> None:
    target = tmp_path / "x.raw"
    target.write_bytes(b"?" * 5 * MiB)
    inode = target.stat().st_ino
    assert aiovdi("convert", "-n", vdi, target) == (0, "", "")
    assert target.stat().st_ino == inode
    assert target.read_bytes() == bytes(MiB) + b"\1" * 65536 + bytes(3 * MiB - 65536) + b"?" * MiB


def test_a_target_that_is_zero_is_left_where_the_source_is(vdi: Path, tmp_path: Path, aiovdi: Aiovdi) -> None:
    target = tmp_path / "x.raw"
    target.write_bytes(b"?" * 4 * MiB)
    assert aiovdi("convert", "-n", "--target-is-zero", vdi, target)[0] == 0
    assert target.read_bytes()[: MiB + 1] == b"?" * MiB + b"\1"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["{raw}"], "found 1 file names, expected one source and one target"),
        (["{raw}", "{raw}", "{x}"], "found 3 file names"),
        (["-n", "-O", "vdi", "-o", "static=on", "{raw}", "{x}"], "-o is for a new target"),
        (["-t", "none", "{raw}", "{x}"], "-t none: a new target is written through the page cache"),
        (["--target-is-zero", "{raw}", "{x}"], "--target-is-zero is for -n"),
        (["-o", "static=on", "{raw}", "{x}"], "found 'static'"),
        (["-O", "vdi", "-o", "size=5M", "{raw}", "{x}"], "found 'size'"),
        (["-f", "vdi", "{raw}", "{x}"], "u32Signature at offset 64"),
        (["-n", "{raw}", "{x}"], "No such file or directory"),
    ],
)
def test_a_mistake_is_told_and_makes_nothing(
    words: list[str], message: str, raw: Path, tmp_path: Path, aiovdi: Aiovdi
) -> None:
    status, out, err = aiovdi("convert", *(word.format(raw=raw, x=tmp_path / "x") for word in words))
    assert (status, out, err.count("\n")) == (1, "", 1)
    assert message in err
    assert list(tmp_path.iterdir()) == [raw]


def test_an_image_onto_itself_is_refused_and_kept(vdi: Path, aiovdi: Aiovdi) -> None:
    before = vdi.read_bytes()
    status, _, err = aiovdi("convert", "-O", "vdi", vdi, vdi)
    assert status == 1
    assert err == f"aiovdi: convert: {vdi} is both the source and the target\n"
    assert vdi.read_bytes() == before


def test_the_options_of_a_target_are_listed_when_asked(aiovdi: Aiovdi) -> None:
    assert aiovdi("convert", "-o", "help", "a", "b")[1].startswith("Supported vdi options:")


def test_an_image_that_cannot_be_is_told_in_the_words_of_the_options(raw: Path, tmp_path: Path, aiovdi: Aiovdi) -> None:
    status, _, err = aiovdi("convert", "-O", "vdi", "-o", "block_size=3", raw, tmp_path / "x.vdi")
    assert (status, err) == (1, "aiovdi: convert: block_size: found 3, expected a power of two from 512 to 2 GiB\n")
    assert list(tmp_path.glob("x*")) == []
