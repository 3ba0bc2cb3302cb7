"""``compare``: qemu-img's sentences and statuses."""

from collections.abc import Callable
from pathlib import Path

import pytest

from aiovdi.units import MiB

Aiovdi = Callable[..., tuple[int, str, str]]


@pytest.fixture
def larger(raw: Path, tmp_path: Path) -> Path:
    path = tmp_path / "larger.raw"
    path.write_bytes(raw.read_bytes() + bytes(MiB))
    return path


@pytest.fixture
def other(raw: Path, tmp_path: Path) -> Path:
    path = tmp_path / "other.raw"
    path.write_bytes(raw.read_bytes()[:-1000] + b"x" * 1000)
    return path


def test_two_formats_of_one_disk_are_identical(raw: Path, vdi: Path, aiovdi: Aiovdi) -> None:
    assert aiovdi("compare", raw, vdi) == (0, "Images are identical.\n", "")
    assert aiovdi("compare", "-q", "-f", "raw", "-F", "vdi", raw, vdi) == (0, "", "")


def test_a_difference_is_named_by_its_sector(vdi: Path, other: Path, aiovdi: Aiovdi) -> None:
    assert aiovdi("compare", vdi, other) == (1, f"Content mismatch at offset {4 * MiB - 1024}!\n", "")


def test_another_size_is_a_warning_or_strictly_a_difference(vdi: Path, larger: Path, aiovdi: Aiovdi) -> None:
    assert aiovdi("compare", vdi, larger) == (0, "Warning: Image size mismatch!\nImages are identical.\n", "")
    assert aiovdi("compare", "-s", vdi, larger) == (1, "Strict mode: Image size mismatch!\n", "")


def test_the_warning_comes_with_what_follows_the_smaller_image(other: Path, larger: Path, aiovdi: Aiovdi) -> None:
    assert aiovdi("compare", other, larger)[1] == f"Content mismatch at offset {4 * MiB - 1024}!\n"
    with larger.open("r+b") as file:
        file.seek(9 * MiB // 2)
        file.write(b"x")
    other.write_bytes(larger.read_bytes()[: 4 * MiB])
    expected = f"Warning: Image size mismatch!\nContent mismatch at offset {9 * MiB // 2}!\n"
    assert aiovdi("compare", other, larger) == (1, expected, "")


def test_strictly_what_is_mapped_must_agree(vdi: Path, tmp_path: Path, aiovdi: Aiovdi) -> None:
    full = tmp_path / "full.vdi"
    assert aiovdi("convert", "-S", "0", "-O", "vdi", vdi, full)[0] == 0
    assert aiovdi("compare", vdi, full)[0] == 0
    assert aiovdi("compare", "-s", vdi, full) == (1, "Strict mode: Offset 0 block status mismatch!\n", "")


def test_an_error_is_no_difference(vdi: Path, raw: Path, tmp_path: Path, aiovdi: Aiovdi) -> None:
    assert aiovdi("compare", vdi, tmp_path / "x") == (2, "", f"aiovdi: {tmp_path / 'x'}: No such file or directory\n")
    assert aiovdi("compare", "-F", "vdi", vdi, raw)[0] == 2


def test_progress_goes_beside_the_answer(raw: Path, vdi: Path, aiovdi: Aiovdi) -> None:
    status, out, err = aiovdi("compare", "-p", raw, vdi)
    assert (status, out) == (0, "Images are identical.\n")
    assert err.endswith("(100.00/100%)\r\n")
