"""What a torn unit looks like, in bytes. Which units may be torn is said by the litmus tests."""

import pytest

from faults.simulation.crash import kill_space, power_loss_space
from faults.simulation.device import Device
from faults.simulation.overlays import Overlay
from faults.simulation.tape import ExploringTape, ReplayTape
from faults.simulation.tearing import GARBAGE, tears, torn

OLD, NEW = b"o" * 512, b"n" * 512


def written(**options: object) -> Device:
    device = Device.holding(OLD, **options)  # type: ignore[arg-type]
    device.end(device.issue_write(0, NEW))
    return device


def test_the_border_lies_between_two_grains() -> None:
    assert [each.count(b"n") for each in torn(Device(torn="prefix"), OLD, NEW)] == [448, 384, 320, 256, 192, 128, 64]
    assert all(each == NEW[: each.count(b"n")].ljust(512, b"o") for each in torn(Device(torn="prefix"), OLD, NEW))
    assert all(each == OLD[: each.count(b"o")].ljust(512, b"n") for each in torn(Device(torn="suffix"), OLD, NEW))
    assert len(list(torn(Device(torn="suffix", grain=1), OLD, NEW))) == 511


def test_garbage_is_neither_old_nor_new_and_where_nothing_changes_there_is_none() -> None:
    device = Device(torn="garbage")
    assert list(torn(device, OLD, NEW)) == [GARBAGE * 512]
    assert list(torn(device, OLD, OLD)) == []


def test_a_unit_that_is_written_whole_has_no_tears() -> None:
    assert list(tears(Device(), [OLD, NEW], [Overlay(0, b"w", 0)])) == []


@pytest.mark.parametrize(("preset", "count"), [("prefix", 2 + 7), ("suffix", 2 + 7), ("garbage", 3)])
def test_draws_come_from_all_of_the_space_and_the_benign_one_is_not_torn(preset: str, count: int) -> None:
    space = power_loss_space(written(torn=preset))
    assert space.count == count
    images = {image.stable() for image in space.images()}
    assert {space.draw(ExploringTape(seed)).stable() for seed in range(500)} == images
    assert space.draw(ReplayTape([])).stable() == NEW


def test_an_image_of_a_torn_unit_is_durable_and_its_disk_tears_the_next_one() -> None:
    for image in power_loss_space(written(torn="prefix")).images():
        assert power_loss_space(image).count == 1
        image.issue_write(0, b"later" * 200)
        assert power_loss_space(image).count > 2


def test_a_host_that_lives_tears_nothing() -> None:
    device = written(torn="garbage")
    device.issue_write(0, b"w" * 512)
    assert {image.stable() for image in kill_space(device).images()} == {NEW, b"w" * 512}


#  t   writes            units of a disk on which changes persist in their order
#  1   a to unit 0       a.
#  2   b to unit 1       ab     at the loss of power each may be the one that is being written


def test_where_order_is_kept_only_what_comes_next_is_torn() -> None:
    device = Device.holding(b"xx", unit=1, order="sequential", torn="garbage")
    for at, letter in enumerate((b"a", b"b")):
        device.end(device.issue_write(at, letter))
    assert {image.stable() for image in power_loss_space(device).images()} == {
        *(b"xx", GARBAGE + b"x", b"ax", b"a" + GARBAGE, b"ab")
    }


@pytest.mark.parametrize(
    ("options", "words"), [({"torn": "diagonally"}, "diagonally"), ({"order": "safe_append"}, "there")]
)
def test_what_there_is_not_is_refused(options: dict[str, str], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        power_loss_space(written(**{"torn": "prefix", **options}))
