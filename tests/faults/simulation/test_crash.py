"""The spaces of images: sizes, draws and the benign choice. Which images there are is said by the litmus tests."""

from faults.simulation.crash import CrashUnion, kill_space, power_loss_space
from faults.simulation.device import Device
from faults.simulation.tape import Draw, ExploringTape, ReplayTape


def busy(**options: object) -> Device:
    """Two units with two versions each, one write in flight, one unit appended."""
    device = Device.holding(bytes(2048), **options)  # type: ignore[arg-type]
    for letter in b"ab":
        device.end(device.issue_write(0, bytes([letter]) * 1024))
    device.end(device.issue_write(2048, b"d" * 512))
    device.issue_write(1024, b"c" * 512)
    return device


def test_the_benign_image_keeps_all_that_had_ended_and_nothing_that_had_not() -> None:
    device = busy()
    image = power_loss_space(device).draw(ReplayTape([]))
    assert image.stable() == device.read(0, device.length)


def test_the_mode_that_loses_all_goes_back_to_what_is_durable() -> None:
    device = busy()
    image = power_loss_space(device).draw(ReplayTape([Draw("crash.mode", 3, 1), Draw("crash.length", 2, 1)]))
    assert image.stable() == device.stable()


def test_draws_come_from_the_space_and_in_time_from_all_of_it() -> None:
    space = power_loss_space(busy())
    everything = {image.stable() for image in space.images()}
    drawn = {space.draw(ExploringTape(seed)).stable() for seed in range(1500)}
    assert drawn == everything


def test_the_count_is_the_product_of_the_choices() -> None:
    # Units 0 and 1: two versions and what was before. Units 2 and 4: with and without. The length: old and new.
    assert power_loss_space(busy()).count == 3 * 3 * 2 * 2 * 2


def test_an_image_is_a_disk_on_which_everything_is_durable() -> None:
    for image in power_loss_space(busy()).images():
        assert power_loss_space(image).count == 1
        assert image.read(0, image.length) == image.stable()


def test_a_killed_process_leaves_what_had_ended() -> None:
    space = kill_space(busy())
    assert space.count == 2
    assert {image.stable()[1024:1536] for image in space.images()} == {bytes(512), b"c" * 512}
    assert {image.stable()[:1024] for image in space.images()} == {b"b" * 1024}


def test_an_order_leaves_fewer_images_and_the_benign_one_is_the_same() -> None:
    for order in ("sequential", "safe_append"):
        device = busy(order=order)
        space = power_loss_space(device)
        assert isinstance(space, CrashUnion)
        assert space.count < power_loss_space(busy()).count
        assert len({image.stable() for image in space.images()}) <= space.count
        assert space.draw(ReplayTape([])).stable() == device.read(0, device.length)
        assert {space.draw(ExploringTape(seed)).stable() for seed in range(3000)} == {
            image.stable() for image in space.images()
        }


def test_more_than_three_writes_in_flight_on_a_unit_are_each_tried_alone() -> None:
    device = Device.holding(bytes(512))
    for letter in b"abcde":
        device.issue_write(0, bytes([letter]) * 512)
    found = {image.stable()[:1] for image in power_loss_space(device).images()}
    assert found == {b"\0", b"a", b"b", b"c", b"d", b"e"}
