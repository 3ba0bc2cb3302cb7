"""Every kind of disk that the model page names exists, and does what the page says of it."""

import pytest

from faults.crash import power_loss_space
from faults.presets import PRESETS, device


@pytest.mark.parametrize("preset", PRESETS)
def test_every_preset_reads_and_writes(preset: str) -> None:
    disk = device(preset, b"old" * 3000)
    disk.end(disk.issue_write(100, b"new"))
    assert disk.read(99, 5) == b"onewl"


def test_a_unit_of_4_kib_is_written_whole() -> None:
    disk = device("atomic_4k", b"o" * 8192)
    disk.issue_write(0, b"n" * 8192)
    halves = {(image.stable()[:4096], image.stable()[4096:]) for image in power_loss_space(disk).images()}
    old, new = b"o" * 4096, b"n" * 4096
    assert halves == {(old, old), (old, new), (new, old), (new, new)}


def test_an_unknown_preset_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ValueError, match=r"strict_513.*strict_512, atomic_4k"):
        device("strict_513")
