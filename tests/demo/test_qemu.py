"""``qemu-img check`` in one line and a status."""

from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from aiovdi.demo import qemu

NewImage = Callable[[str], Awaitable[Path]]


async def test_a_sound_image_is_sound(new_image: NewImage, peer: Callable[[str], str]) -> None:
    peer("qemu-img")
    assert await qemu.check(await new_image("a")) == (qemu.SOUND, "No errors were found on the image.")


async def test_a_count_that_is_too_high_is_an_error_to_qemu(new_image: NewImage, peer: Callable[[str], str]) -> None:
    peer("qemu-img")
    image = await new_image("a")
    with image.open("r+b") as file:
        file.seek(0x184)
        file.write(bytes([5, 0, 0, 0]))
    status, text = await qemu.check(image) or (None, "")
    assert status == qemu.ERRORS
    assert text == "ERROR: allocated blocks mismatch, is 0, should be 5"


async def test_an_image_that_qemu_does_not_open_is_neither(tmp_path: Path, peer: Callable[[str], str]) -> None:
    peer("qemu-img")
    image = tmp_path / "none.vdi"
    image.write_bytes(bytes(4096))
    status, text = await qemu.check(image) or (None, "")
    assert status not in {qemu.SOUND, qemu.ERRORS, None}
    assert "Could not open" in text


async def test_without_qemu_nothing_is_said(new_image: NewImage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    assert await qemu.check(await new_image("a")) is None
