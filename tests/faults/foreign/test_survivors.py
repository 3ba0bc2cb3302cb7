"""What a power loss leaves here is one of the images that the device model allows."""

from hypothesis import given
from hypothesis import strategies as st

from faults.foreign.survivors import draw_survivor
from faults.simulation.crash import kill_space, power_loss_space
from faults.simulation.device import Device
from faults.simulation.tape import Draw, ExploringTape, ReplayTape

U = 512


def region(offset: int) -> str:
    return "head" if offset < U else "data"


def written() -> Device:
    """A head and four units of data, old and durable; new ones that no flush covers; one write in flight."""
    device = Device.holding(b"o" * (5 * U))
    for offset, length in ((0, U), (U, 4 * U)):
        device.end(device.issue_write(offset, b"n" * length))
    device.issue_write(2 * U, b"f" * U)
    return device


def letters(device: Device) -> str:
    return bytes(device.stable()[::U]).decode()


def test_the_benign_choice_is_everything_that_had_ended() -> None:
    assert letters(draw_survivor(power_loss_space(written()), ReplayTape([]), region)) == "nnnnn"


def test_neighbours_of_one_write_go_together_and_the_head_by_itself() -> None:
    lost = [Draw("crash.mode", 2, 1), Draw("crash.unit head 0", 2, 1)]
    assert letters(draw_survivor(power_loss_space(written()), ReplayTape(lost), region)) == "onnnn"
    lost = [Draw("crash.mode", 2, 1), Draw("crash.unit data 1536", 2, 1)]
    assert letters(draw_survivor(power_loss_space(written()), ReplayTape(lost), region)) == "nnnoo"


def test_a_tear_keeps_the_newest_behind_it() -> None:
    torn = [Draw("crash.mode", 2, 1), Draw("crash.unit data 1536", 2, 1), Draw("crash.tear data 1536", 2, 1)]
    assert letters(draw_survivor(power_loss_space(written()), ReplayTape(torn), region)) == "nnnon"


@given(st.integers(0, 10_000))
def test_every_survivor_is_an_image_of_the_space(seed: int) -> None:
    for space in (power_loss_space(written()), kill_space(written())):
        allowed = {each.stable() for each in space.images()}
        assert draw_survivor(space, ExploringTape(seed), region).stable() in allowed


def test_a_device_that_keeps_order_has_its_survivors_too() -> None:
    device = Device(order="sequential")
    for letter in (b"a", b"b"):
        device.end(device.issue_write(0, letter * U))
    seen = {letters(draw_survivor(power_loss_space(device), ExploringTape(seed), region)) for seed in range(60)}
    assert seen == {"b", "a", "\0", ""}  # the length goes before the unit
