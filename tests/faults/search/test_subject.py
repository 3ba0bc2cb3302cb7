"""A name leads to the same subject everywhere, and a wrong one says what a right one looks like."""

import math
from types import ModuleType, SimpleNamespace

import pytest

from faults.runs.workload import Profile
from faults.search.subject import MEETINGS, find, meetings_of, of
from faults.simulation.tape import ExploringTape, ReplayTape


@pytest.mark.parametrize("name", ["nowhere:Target", "faults.vdi:Nothing", "faults.vdi", ""])
def test_an_unknown_name_says_what_a_name_looks_like(name: str) -> None:
    with pytest.raises(ValueError, match="expected module:name"):
        find(name)


def test_the_driver_goes_by_its_short_name() -> None:
    assert find("vdi").run(ReplayTape([])).failure is None


def test_a_class_and_an_object_are_both_targets(broken: ModuleType) -> None:
    runs = [of("x", thing).run(ExploringTape(1)) for thing in (broken.Target, broken.Target())]
    assert runs[0].trace.digest() == runs[1].trace.digest()


def test_a_function_is_a_story() -> None:
    def story(sim: object) -> None:
        raise AssertionError(f"told to {type(sim).__name__}")

    assert of("x", story).run(ReplayTape([])).failure == "told to Sim"


def test_the_profile_reaches_the_run(broken: ModuleType) -> None:
    subject = find("broken:Target", Profile(clients=1, requests=1))
    submitted = [event for event in subject.run(ExploringTape(3)).trace.events if event.what == "submit"]
    assert {str(event.subject)[0] for event in submitted} <= {"A", "Z"}  # Z is what follows when all is calm


async def waits(sim: object) -> None:
    raise AssertionError(f"never awaited: {sim}")


class Needy:
    def __init__(self, argument: int) -> None:
        raise AssertionError(f"never made: {argument}")


@pytest.mark.parametrize(
    ("thing", "why"),
    [
        (math, "found a module without size, block_size, blank, open, read_image; expected one of the shape of"),
        (waits, "found a coroutine function, expected a story: a plain function"),
        (Needy, "missing 1 required positional argument: 'argument'; expected a class without arguments"),
    ],
)
def test_what_is_no_target_is_told_before_it_runs(thing: object, why: str) -> None:
    with pytest.raises(ValueError, match="target 'mine:it': ") as caught:
        of("mine:it", thing)
    assert why in str(caught.value)


def test_the_meetings_of_a_target_are_a_subject_that_does_nothing_else() -> None:
    subject = meetings_of(find("vdi"))
    assert subject.name == "vdi" + MEETINGS
    for seed in range(20):
        assert "meeting" in {draw.label for draw in subject.run(ExploringTape(seed)).draws}


def test_a_small_disk_gets_those_that_it_has_room_for(broken: ModuleType) -> None:
    assert meetings_of(find("broken:Target")).run(ExploringTape(1)).failure is None


def test_a_disk_without_room_for_meetings_and_a_story_are_refused() -> None:
    def story(sim: object) -> None:
        pass

    tiny = SimpleNamespace(size=0, block_size=512, blank=None, open=None, read_image=None)
    with pytest.raises(ValueError, match="no room"):
        meetings_of(of("tiny", tiny))
    with pytest.raises(ValueError, match="is a story"):
        meetings_of(of("story", story))
