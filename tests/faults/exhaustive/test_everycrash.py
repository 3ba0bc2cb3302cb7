"""A crash is looked at without a crash: every image once, and the one that fails can be told to a tape."""

from types import ModuleType

import pytest

from faults.exhaustive import everycrash
from faults.exhaustive.everycrash import Crash, EveryCrash
from faults.judges.oracle import Violation
from faults.runs.world import World
from faults.simulation.tape import Draw, ReplayTape


@pytest.fixture
def world(broken: ModuleType) -> World:
    return World(broken.Target(), ReplayTape([]))


def write(world: World, *, acknowledged: bool = False, flushed: bool = False) -> None:
    """A sector of the disk, as its driver and its user see it."""
    data = b"x" * 512
    promise = world.oracle.begin_write(0, data, "A0")
    operation = world.device.issue_write(512, data)
    if acknowledged:
        world.device.end(operation)
        world.oracle.end_write(promise)
    if flushed:
        world.oracle.end_flush(world.oracle.begin_flush(), succeeded=True)


def test_every_image_is_judged_once_in_a_search(world: World) -> None:
    crashes = EveryCrash()
    write(world)
    for ended in (0, 0, 3):
        crashes.look(world, ended)
    # The write is there or not; nobody was promised anything, and a kill leaves what a power loss does.
    assert (len(crashes.spaces), crashes.images, crashes.found) == (1, 2, None)


def test_the_same_images_after_another_promise_are_another_crash(world: World) -> None:
    crashes = EveryCrash(("power",))
    write(world, acknowledged=True)
    crashes.look(world, 1)
    world.oracle.end_flush(world.oracle.begin_flush(), succeeded=True)  # and the disk was never asked
    with pytest.raises(Violation, match="after power loss: sector 0 holds zeros"):
        crashes.look(world, 1)
    assert crashes.found == Crash(power=True, ended=1, choices=[(2, 1)], length=(1, 0))


def test_a_kill_takes_nothing_that_has_ended(world: World) -> None:
    write(world, acknowledged=True, flushed=True)
    EveryCrash(("kill",)).look(world, 1)


def test_a_structure_that_a_crash_leaves_is_judged_too(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: object) -> bytes:
        raise ValueError("no header")

    monkeypatch.setattr(world.target, "read_image", refuse)
    with pytest.raises(Violation, match="after power loss: no header"):
        EveryCrash().look(world, 0)
    assert world.outcome.kind == "structure"


def test_an_audit_looks_at_every_image_too(world: World) -> None:
    seen: list[int] = []
    write(world)
    crashes = EveryCrash(("power",))
    crashes.look(world, 0)
    crashes.look(world, 0, lambda left: seen.append(len(left)))
    assert (seen, crashes.images) == ([512 * 9] * 2, 4)

    def refuse(_: object) -> None:
        raise world.violation("structure", "the image is as it was")

    with pytest.raises(Violation, match="the image is as it was"):
        EveryCrash().look(world, 0, refuse)


def test_what_is_left_out_is_counted(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(everycrash, "IMAGES_MAX", 1)
    crashes = EveryCrash(("power",))
    write(world)
    crashes.look(world, 0)
    assert (crashes.left_out, crashes.images) == (1, 0)


def test_a_crash_is_told_in_draws(world: World) -> None:
    before = [Draw("next", 2, 1)]
    crash = Crash(power=True, ended=3, choices=[(2, 1), (1, 0), (3, 2)], length=(2, 1))
    told = ReplayTape(crash.draws(before))
    assert (told.draw("life", everycrash.LIVES_MAX), told.draw("next", 2), told.draw("crash.mode", 4)) == (3, 1, 2)
    assert [told.draw("crash.unit", 2), told.draw("crash.unit", 3), told.draw("crash.length", 2)] == [1, 2, 1]
    over = ReplayTape(crash._replace(ended=None).draws(before))
    assert (over.draw("power after close", 2), over.draw("life", 9)) == (1, 0)
