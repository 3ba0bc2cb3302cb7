"""Every kind of disk that the model page names exists, and does what the page says of it."""

import pytest

from faults.simulation.crash import power_loss_space
from faults.simulation.device import STALE, Device
from faults.simulation.image import LARGE
from faults.simulation.presets import BEYOND, PRESETS, device


@pytest.mark.parametrize("preset", PRESETS | BEYOND)
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
    with pytest.raises(ValueError, match=r"strict_513.*strict_512, atomic_4k.*stale_extension"):
        device("strict_513")


def test_no_driver_is_given_a_disk_that_is_worse_than_the_rules() -> None:
    assert not PRESETS.keys() & BEYOND.keys()
    worse = {name: Device(**options) for name, options in BEYOND.items()}
    assert all(disk.torn != "whole" or disk.extends_stale for disk in worse.values())
    assert not any(disk.torn != "whole" or disk.extends_stale for disk in map(device, PRESETS))


def test_what_an_extension_adds_is_there_for_readers_too() -> None:
    disk = device("stale_extension", b"old" + bytes(97))
    disk.end(disk.issue_resize(1200))
    disk.end(disk.issue_write(1100, b"new"))
    old = STALE * 1000
    assert disk.read(0, 1200) == b"old" + bytes(97) + old + b"new" + STALE * 97
    assert disk.stable() == b"old" + bytes(97)


def test_a_large_file_is_stale_wherever_nobody_wrote() -> None:
    disk = device("stale_extension", b"old")
    disk.end(disk.issue_resize(LARGE + 5))
    disk.end_flush(disk.tick())
    assert disk.stable() == disk.read(0, LARGE + 5) == b"old" + STALE * (LARGE + 2)


def test_what_a_lost_length_cut_off_is_old_bytes_when_the_file_grows_again() -> None:
    disk = device("stale_extension", b"kept")
    disk.end(disk.issue_write(4, b"lost" * 50))
    for image in power_loss_space(disk).images():
        image.end(image.issue_resize(300))
        grown = image.read(0, 300)
        assert grown in (b"kept" + STALE * 296, b"kept" + b"lost" * 50 + STALE * 96)
