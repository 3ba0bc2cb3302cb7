"""``check``: the report in both forms, and every exit status."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

Aiovdi = Callable[..., tuple[int, str, str]]

BMAP = 1 << 20


def patch(path: Path, offset: int, value: int) -> None:
    with path.open("r+b") as file:
        file.seek(offset)
        file.write(value.to_bytes(4, "little"))


@pytest.fixture
def corrupt(vdi: Path) -> Path:
    """Block 3 names the slot of block 1."""
    patch(vdi, BMAP + 3 * 4, 0)
    return vdi


@pytest.fixture
def leaking(vdi: Path) -> Path:
    """Four slots are counted, and one is there."""
    patch(vdi, 0x184, 4)
    return vdi


def test_a_sound_image_is_status_0(vdi: Path, aiovdi: Aiovdi) -> None:
    status, out, err = aiovdi("check", vdi)
    assert (status, err) == (0, "")
    assert out.splitlines() == [
        "No errors were found on the image.",
        "1/4 = 25.00% allocated, 0.00% fragmented, 0.00% compressed clusters",
        "Image end offset: 3145728",
    ]
    assert aiovdi("check", "-q", vdi) == (0, "", "")


def test_numbers_that_are_zero_are_left_out_as_qemu_img_does(vdi: Path, aiovdi: Aiovdi) -> None:
    status, out, err = aiovdi("check", "--output=json", vdi)
    assert (status, err) == (0, "")
    assert json.loads(out) == {
        "filename": str(vdi),
        "format": "vdi",
        "check-errors": 0,
        "image-end-offset": 3 << 20,
        "total-clusters": 4,
        "allocated-clusters": 1,
        "findings": [],
    }


def test_a_corruption_is_status_2(corrupt: Path, aiovdi: Aiovdi) -> None:
    status, out, err = aiovdi("check", corrupt)
    assert status == 2
    assert err == "CORRUPTION: block 3 names slot 0, which an earlier block owns (offset 1048588)\n"
    assert out.startswith("\n1 errors were found on the image.\nData may be corrupted, or further writes to the image")


def test_a_finding_is_an_object_that_says_where(corrupt: Path, aiovdi: Aiovdi) -> None:
    status, out, _ = aiovdi("check", "--output=json", corrupt)
    report = json.loads(out)
    assert (status, report["corruptions"], "leaks" in report) == (2, 1, False)
    assert report["findings"] == [
        {
            "kind": "duplicate",
            "severity": "corruption",
            "message": "block 3 names slot 0, which an earlier block owns",
            "offset": BMAP + 12,
            "block": 3,
            "slot": 0,
            "count": 1,
        }
    ]


def test_a_leak_is_status_3(leaking: Path, aiovdi: Aiovdi) -> None:
    status, out, err = aiovdi("check", leaking)
    assert status == 3
    assert err.startswith("LEAK: 4 slots are counted")
    assert "\n1 leaked clusters were found on the image.\n" in out


@pytest.mark.parametrize("words", [[], ["-f", "raw"]])
def test_a_raw_image_is_status_63(words: list[str], raw: Path, aiovdi: Aiovdi) -> None:
    assert aiovdi("check", *words, raw) == (
        63,
        "",
        f"aiovdi: check: {raw}: this image format does not support checks\n",
    )


@pytest.mark.parametrize("how", ["leaks", "all"])
def test_a_repair_is_refused_and_nothing_is_changed(how: str, corrupt: Path, aiovdi: Aiovdi) -> None:
    before = corrupt.read_bytes()
    status, _, err = aiovdi("check", "-r", how, corrupt)
    assert status == 63
    assert "repair is not available" in err
    assert corrupt.read_bytes() == before


def test_what_cannot_be_checked_is_status_1(raw: Path, aiovdi: Aiovdi) -> None:
    status, _, err = aiovdi("check", "-f", "vdi", raw)
    assert status == 1
    assert err.startswith(f"aiovdi: {raw}: not a VDI image: u32Signature at offset 64: found 0, expected 0xbeda107f")
