"""A failure on one screen: letters for clients, numbered steps, ten lines, one command."""

from types import ModuleType

import pytest

from faults.failures.explain import inevitable_since, nearest_pass
from faults.failures.report import LINES_MAX, Step, condense, report, timeline
from faults.failures.shrink import Shrunk, shrink
from faults.runs.story import Sim
from faults.search.subject import Subject, find, of
from faults.simulation.tape import ReplayTape
from tests.faults.failing import first_failure

TARGETS = ["ForgetsFlush", "SwallowsErrors", "StopsShort", "MergesInMemory", "FailsAfterCancel"]


def shrunk(subject: Subject) -> Shrunk:
    outcome = first_failure(subject)
    return shrink(subject.run, outcome.draws, outcome.kind)


@pytest.mark.parametrize("name", TARGETS)
def test_a_report_has_at_most_ten_lines_and_ends_with_its_command(broken: ModuleType, name: str) -> None:
    subject = find(f"broken:{name}Target")
    small = shrunk(subject)
    near = nearest_pass(subject.run, small.outcome)
    text = report(
        small.outcome.failure or "",
        small,
        "python -m faults replay x.json",
        before=first_failure(subject),
        nearest=near[0] if near else None,
        since=inevitable_since(subject.run, small.outcome),
    )
    lines = text.splitlines()
    assert len(lines) <= LINES_MAX
    assert lines[0].startswith("FAILED")
    assert lines[-1] == "  replay:  python -m faults replay x.json"


def test_the_timeline_of_a_swallowed_error_tells_the_whole_story(broken: ModuleType) -> None:
    small = shrunk(find("broken:SwallowsErrorsTarget"))
    assert [str(step) for step in timeline(small.outcome)][1:4] == [
        "A1 asks: write 512 at 0",
        "A2 write #1 data 512 bytes at 512 fails with EIO, effect: none",
        "A3 is told: done",
    ]


def test_each_client_has_its_letter_and_its_own_numbers(broken: ModuleType) -> None:
    steps = timeline(shrunk(find("broken:MergesInMemoryTarget")).outcome)
    for who in "AB":
        numbers = [step.number for step in steps if step.who == who]
        assert numbers == list(range(1, len(numbers) + 1))
    assert {"A", "B"} <= {step.who for step in steps}


def test_an_io_that_others_come_between_begins_and_ends(broken: ModuleType) -> None:
    texts = [step.text for step in timeline(shrunk(find("broken:MergesInMemoryTarget")).outcome)]
    assert "read #1 data 4096 bytes at 512 begins" in texts
    assert "read #1 data 4096 bytes at 512 ends" in texts


def test_steps_of_one_client_in_a_row_are_one_line() -> None:
    steps = [Step("A", 1, "asks", 1), Step("A", 2, "is told", 2), Step("B", 1, "asks", 3)]
    assert condense(steps, 5) == ["A1–A2 asks; is told", "B1 asks"]


def test_in_a_line_that_is_too_long_what_went_well_makes_room_for_what_the_bug_hangs_on() -> None:
    long = [Step("A", n, f"{'long ' * 10}{n} ends", n) for n in range(2, 6)]
    steps = [Step("A", 1, "asks", 1), *long, Step("A", 6, "goes wrong", 6, letter="2"), Step("A", 7, "is told", 7)]
    assert condense(steps, 5) == ["A1–A7 asks; … [2] goes wrong; is told"]


def test_what_went_well_on_nobodys_behalf_is_not_told() -> None:
    steps = [Step("", 1, "x is opened", 0, is_minor=True), Step("A", 1, "asks", 1), Step("", 2, "power is lost", 2)]
    assert condense(steps, 5) == ["A1 asks", "· power is lost"]


def test_short_lines_share_one_where_there_is_no_room() -> None:
    steps = [Step("AB"[n % 2], n, f"step {n}", n) for n in range(4)]
    assert condense(steps, 4) == ["A0 step 0", "B1 step 1", "A2 step 2", "B3 step 3"]
    assert condense(steps, 3) == ["A0 step 0   B1 step 1   A2 step 2   B3 step 3"]


def test_then_the_minor_steps_go_and_then_the_middle() -> None:
    steps = [Step("AB"[n % 2], n, f"{'long ' * 20}{n}", n, is_minor=n in (2, 3)) for n in range(9)]
    assert not any(line.endswith(("2", "3")) for line in condense(steps, 7))
    short = condense(steps, 4)
    assert len(short) == 4
    assert short[1].endswith("lines more, with -v")


def test_verbose_gives_every_step_its_own_line(broken: ModuleType) -> None:
    small = shrunk(find("broken:ForgetsFlushTarget"))
    text = report("lost", small, "replay", verbose=True)
    assert len(text.splitlines()) == 3 + len(timeline(small.outcome))


def test_a_story_is_told_in_its_own_words() -> None:
    def story(sim: Sim) -> None:
        async def fail() -> None:
            raise LookupError

        sim.session(lambda storage: sim.request("writer", fail))

    texts = [str(step) for step in timeline(of("story", story).run(ReplayTape([])))]
    assert texts == ["· the storage is opened", "writer1 asks: fail", "writer2 is told: LookupError"]
