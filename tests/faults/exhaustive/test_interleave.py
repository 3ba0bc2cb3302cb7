"""Every interleaving of a small program: exhausted where it says so, the race is found, and the file replays it.

The reduction is judged against the search without it: what users were told and what was issued, in what
order, and the crashes with what they left and what had been promised, must be the same sets.
"""

import re
from types import ModuleType

import pytest

from faults.exhaustive.interleave import Interleaving, interleave, program_subject
from faults.runs.run import Outcome
from faults.search.names import resolve
from faults.search.subject import find
from faults.simulation.tape import ReplayTape

BROKEN = "broken:Target"
PAIRS = "faults.exhaustive.pairs:DISK"


@pytest.mark.parametrize(("option", "value"), [("end", "never"), ("orders", "none")])
def test_an_unknown_option_is_named(broken: ModuleType, option: str, value: str) -> None:
    with pytest.raises(ValueError, match=f"{option}: found '{value}'"):
        interleave(find(BROKEN), "w0", **{option: value})


def test_all_orders_of_a_right_disk_are_exhausted(broken: ModuleType) -> None:
    found = interleave(find(BROKEN), "w0 f | w0", faults=1)
    assert (found.verdict, found.failed) == ("exhausted", None)
    assert found.crashes.images > len(found.crashes.spaces) > 10
    assert "every fault at every I/O, 1 in a run; power loss and kill before every I/O and at the end" in str(found)


def test_the_race_of_two_writers_is_found_and_replays(broken: ModuleType) -> None:
    found = interleave(find("broken:MergesInMemoryTarget"), "w0 | w1", end="close")
    assert found.failed is not None
    assert found.failed.run(ReplayTape(found.tape)).kind == "violation"


def test_a_fault_is_tried_at_every_io(broken: ModuleType) -> None:
    found = interleave(find("broken:SwallowsErrorsTarget"), "w0", end="close", faults=1)
    assert found.failed is not None
    assert [draw.label for draw in found.tape if draw.value] == ["fault.write"]


def test_a_cancel_is_tried_at_every_moment(broken: ModuleType) -> None:
    found = interleave(find("broken:FailsAfterCancelTarget"), "w0! w1", end="close")
    assert found.failed is not None
    assert found.failed.run(ReplayTape(found.tape)).kind == "spurious"
    assert "one cancel at every moment" in found.scope


@pytest.mark.parametrize("end", ["power", "any"])
def test_a_power_loss_is_tried_with_every_crash_image(broken: ModuleType, end: str) -> None:
    found = interleave(find("broken:ForgetsFlushTarget"), "w0 f", end=end)
    assert found.failed is not None
    assert found.failed.name == "broken:ForgetsFlushTarget explore power 0 w0 f"
    assert interleave(find(BROKEN), "w0 f", end=end).failed is None


def test_a_crash_replays_as_a_run_that_ends_there(broken: ModuleType) -> None:
    found = interleave(find("broken:ForgetsFlushTarget"), "w0 f | r0+1", end="power")
    assert found.failed is not None
    outcome = resolve(found.failed.name).run(ReplayTape(found.tape))
    assert outcome.failure == "after the session's end (power loss): sector 0 holds zeros, expected A0 in sector 0"


def test_a_search_that_was_cut_says_so(broken: ModuleType) -> None:
    assert interleave(find(BROKEN), "w0 | w1", limit=3).verdict == "cut at 3"


def test_a_crash_that_was_left_out_is_said(broken: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("faults.exhaustive.everycrash.IMAGES_MAX", 1)
    assert re.fullmatch(r"exhausted, but for \d+ crashes of too many images", interleave(find(BROKEN), "w0").verdict)


def test_a_story_has_no_programs() -> None:
    with pytest.raises(ValueError, match="is a story"):
        program_subject(find("tests.faults.search.test_names:resolve"), "w0")


# The reduction


def searched(name: str, program: str, *, reduced: bool, **options: int | str) -> tuple[Interleaving, set[str]]:
    stories: set[str] = set()

    def told(outcome: Outcome) -> None:
        # Steps never change places; the ends of I/Os do.
        stories.add("\n".join(f"{event.by}: {event}" for event in outcome.trace.events if event.what != "end"))

    return interleave(find(name), program, reduced=reduced, after_run=told, **options), stories  # type: ignore[arg-type]


CASES = [
    (BROKEN, "w0 f | u0", {}),
    (BROKEN, "wb! | w1", {}),
    (BROKEN, "w0 | w0", {"faults": 1}),
    (BROKEN, "r0 | r0", {"orders": "any"}),
    (PAIRS, "w0+2 f; w0 | w0", {}),
    (PAIRS, "w0 w0+1 f; u0 | w0+1", {}),
    (PAIRS, "w0 f; w1 | r0", {}),
    (BROKEN, "w0 f; r0 | r0", {"orders": "any", "deviations": 1}),
]


@pytest.mark.parametrize(("name", "program", "options"), CASES)
def test_the_reduction_misses_nothing(
    broken: ModuleType, name: str, program: str, options: dict[str, int | str]
) -> None:
    whole, everything = searched(name, program, reduced=False, **options)
    reduced, stories = searched(name, program, reduced=True, **options)
    assert whole.verdict == reduced.verdict
    assert whole.verdict.startswith("exhausted")
    assert stories == everything
    assert reduced.crashes.spaces == whole.crashes.spaces
    assert reduced.crashes.images == whole.crashes.images
    assert reduced.exploration.runs < whole.exploration.runs


# The defects of the 2011 report, by exhaustion: no seed, no luck


@pytest.mark.parametrize(
    ("bug", "program", "faults"),
    [
        ("1a-no-roll-back", "w0 | w1", 1),
        ("1b-entry-in-flight", "w0 | w1", 0),
        ("entry-published-early", "w0 | w1", 0),
        ("entry-published-early", "w0 f | w1 f", 1),
        ("second-writer-does-not-wait", "w0 | w0", 0),
        ("bmap-overtaken", "w0 f | w0+1", 0),
        ("lock-leaked", "w0! | w0", 0),
    ],
)
def test_a_bug_of_the_corpus_is_found_in_every_search(bug: str, program: str, faults: int) -> None:
    found = interleave(find(f"bug:{bug}"), program, orders="ends", faults=faults, limit=5_000)
    assert found.failed is not None, found
    assert found.failed.run(ReplayTape(found.tape)).failure
