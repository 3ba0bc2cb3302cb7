"""A foreign driver in an artifact leads back to itself."""

from collections.abc import Callable

import pytest

from faults.foreign.drivers import Driver, find_driver
from faults.foreign.run import PROFILE
from faults.foreign.subject import PREFIX, foreign_subject, subject_of
from faults.search.names import resolve
from faults.simulation.tape import ReplayTape


def test_its_name_is_found_by_whoever_replays(relay: Callable[[str], Driver]) -> None:
    for driver in (find_driver("qemu-vdi"), relay("honest")):
        subject = subject_of(driver)
        assert resolve(subject.name).name == subject.name == foreign_subject(subject.name).name
        assert subject.profile == PROFILE


def test_it_runs_from_a_tape(relay: Callable[[str], Driver]) -> None:
    outcome = resolve(PREFIX + relay("honest").full_name).run(ReplayTape([]))
    assert outcome.failure is None
    assert [event.what for event in outcome.trace.events if event.what == "submit"] == ["submit"]


def test_a_driver_that_nobody_knows_is_refused() -> None:
    with pytest.raises(ValueError, match="qemu-vdi"):
        resolve("foreign:qemu-none")
