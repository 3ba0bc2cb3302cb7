"""Where a failing run parts from the nearest that passes, and since when nothing could save it."""

from types import ModuleType

import pytest

from faults.failures.explain import first_difference, inevitable_since, nearest_pass
from faults.failures.shrink import shrink
from faults.runs.run import Outcome
from faults.runs.story import Sim
from faults.search.subject import Subject, find, of
from faults.simulation.tape import Draw, ExploringTape, ReplayTape
from tests.faults.failing import first_failure


def smallest(subject: Subject) -> Outcome:
    outcome = first_failure(subject)
    return shrink(subject.run, outcome.draws, outcome.kind).outcome


def doomed(sim: Sim) -> None:
    """Fails if and only if the second of three draws is 1."""
    for name in "abc":
        value = sim.tape.draw(name, 2)
        sim.outcome.trace.add("drew", name, value)
        if name == "b":
            chosen = value
    assert not chosen


def test_the_nearest_run_that_passes_differs_where_the_fault_strikes(broken: ModuleType) -> None:
    subject = find("broken:SwallowsErrorsTarget")
    found = nearest_pass(subject.run, smallest(subject))
    assert found is not None
    difference, passing = found
    assert passing.failure is None
    assert difference.failing.endswith("fails with EIO, effect: none")
    assert difference.passing.endswith("succeeds")
    assert "agrees for 3 events" in str(difference)


def test_runs_that_differ_only_in_what_a_power_loss_left_say_so() -> None:
    both = Outcome("lost"), Outcome(None)
    for outcome in both:
        outcome.trace.add("power", "x")
    assert str(first_difference(*both, Draw("crash.mode", 3, 1))).endswith("differs in what the power loss left")


def test_a_run_that_ended_earlier_differs_in_that() -> None:
    longer, shorter = Outcome("lost"), Outcome(None)
    longer.trace.add("submit", "A0 flush")
    assert str(first_difference(longer, shorter, Draw("next", 2, 1))).endswith("it: ended; this one: submit A0 flush")


def test_where_no_single_draw_saves_the_run_there_is_no_nearest() -> None:
    def story(sim: Sim) -> None:
        sim.tape.draw("x", 2)
        raise AssertionError

    subject = of("story", story)
    assert nearest_pass(subject.run, subject.run(ExploringTape(1))) is None


def test_a_run_is_bound_to_fail_since_the_draw_that_decides() -> None:
    subject = of("story", doomed)
    failing = subject.run(ReplayTape([Draw("b", 2, 1)]))
    point = inevitable_since(subject.run, failing)
    assert point.draws == 2
    assert point.event is not None
    assert str(failing.trace.events[point.event]) == "drew b 1"


@pytest.mark.parametrize("seed", range(4))
def test_what_always_fails_was_bound_to_from_the_start(seed: int) -> None:
    def story(sim: Sim) -> None:
        sim.tape.draw("x", 100)
        raise AssertionError

    subject = of("story", story)
    assert inevitable_since(subject.run, subject.run(ExploringTape(seed))).draws == 0


def test_a_swallowed_error_is_bound_to_show_since_the_fault(broken: ModuleType) -> None:
    subject = find("broken:SwallowsErrorsTarget")
    outcome = smallest(subject)
    point = inevitable_since(subject.run, outcome)
    assert point.event is not None
    assert "fails with EIO" in str(outcome.trace.events[point.event])
