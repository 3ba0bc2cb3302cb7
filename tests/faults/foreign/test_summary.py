"""A search says how far it came, what met what, what it never tried, and whether it trusts itself."""

from pathlib import Path

from faults.foreign.summary import Group, Part, Summary
from faults.foreign.world import ForeignOutcome
from faults.simulation.plan import FINE, IO, Fate
from faults.simulation.tape import Draw
from faults.simulation.trace import Event, Trace


def outcome(*, failure: str | None = None, fate: Fate = FINE) -> ForeignOutcome:
    trace = Trace()
    io = IO(1, "write", 0, 512, "bmap")
    trace.events = [Event("open", "x"), Event("submit", "A0"), Event("issue", io), Event("end", io, fate)]
    return ForeignOutcome(failure, "lost after fault" if failure else "", [Draw("end", 3, 1)], trace, steps=2, images=1)


def summary(*outcomes: ForeignOutcome) -> Summary:
    whole = Summary("foreign:x", seconds=2.0)
    for seed, each in enumerate(outcomes):
        part = Part()
        part.take(seed, each)
        whole.part += part
    return whole


def test_runs_and_events_are_added_up() -> None:
    whole = summary(outcome(), outcome())
    assert (whole.part.runs, whole.part.steps, whole.part.images) == (2, 4, 2)
    assert "2 runs in 2 s (1.0/s), 4 events ordered" in str(whole)
    assert "found: nothing" in str(whole)


def test_a_failing_run_is_handed_on_with_its_draws() -> None:
    part = Part()
    part.take(7, outcome(failure="gone"))
    assert [(each.seed, each.kind, each.draws) for each in part.failed] == [
        (7, "lost after fault", [Draw("end", 3, 1)])
    ]


def test_what_was_covered_is_told_and_what_never_was() -> None:
    told = str(summary(outcome(fate=Fate(5, "none"))))
    assert "covered: EIO × write:bmap 1" in told
    assert "never: ENOSPC × write:bmap" in told
    assert "short" not in told  # NBD has none


def test_doubts_are_told_loudly() -> None:
    whole = summary(outcome())
    whole.part.checked = 3
    assert whole.doubts == "3 runs made twice, with more probes: all alike, the driver was never late"
    whole.part.unlike, whole.part.late = [4, 4], 2
    assert whole.doubts == "3 runs made twice, with more probes: UNLIKE: seeds [4], the driver was LATE 2 times"


def test_each_kind_of_failure_is_told_with_its_file() -> None:
    whole = summary(outcome())
    whole.groups["lost after kill"] = Group("lost after kill", "gone", 9, 12, 3.25, Path("f.json"))
    assert "found: lost after kill, seed 9, after 12 runs, 3.2 s [f.json]" in str(whole)
