"""What the sessions of a run share: the first broken promise is the one that is reported."""

import pytest

from faults.runs.world import World
from faults.simulation.tape import ReplayTape
from faults.vdi import VDI


def test_the_first_broken_promise_names_the_run() -> None:
    world = World(VDI(), ReplayTape([]))
    first = world.violation("late", "an I/O came late")
    world.violation("leak", "and a lock was left")
    assert world.broken is first
    assert world.outcome.kind == "late"


def test_the_device_holds_a_blank_image() -> None:
    target = VDI(past=True)
    world = World(target, ReplayTape([]))
    assert world.device.stable() == target.blank()
    assert world.device.unit == 512


def test_the_device_is_of_the_kind_that_was_asked_for() -> None:
    assert World(VDI(), ReplayTape([]), "atomic_4k").device.unit == 4096
    with pytest.raises(ValueError, match="preset: found 'floppy'"):
        World(VDI(), ReplayTape([]), "floppy")
