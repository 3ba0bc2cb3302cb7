"""Down from one failing run, edit by edit: what is kept fails in the same way and is simpler."""

import pytest

from faults.failures.greedy import CutShort, Greedy
from faults.failures.size import cost
from faults.runs.run import Outcome
from faults.runs.story import Sim
from faults.search.subject import of
from tests.faults.failing import failures


def story(sim: Sim) -> None:
    """Fails with two large numbers, or one huge one with a switch that is on."""
    numbers = [sim.tape.draw("number", 100) for _ in range(sim.tape.draw("count", 10))]
    switch = sim.tape.draw("switch", 2)
    assert sum(number >= 60 for number in numbers) < 2
    if switch and any(number >= 95 for number in numbers):
        raise LookupError


subject = of("story", story)


def failing(kind: str) -> Outcome:
    return next(outcome for outcome in failures(subject) if outcome.kind == kind)


def search(kind: str, runs_max: int = 2000) -> Greedy:
    return Greedy(subject.run, failing(kind).draws, kind, runs_max, lambda: False)


def test_it_ends_where_no_edit_helps() -> None:
    one = search("assertion")
    one.descend()
    assert [draw.value for draw in one.best.draws] == [2, 60, 60, 0]
    runs = one.runs
    one.descend()
    assert one.runs == runs, "what was tried is not tried again"


def test_the_kind_of_the_failure_stays() -> None:
    one = search("LookupError")
    one.descend()
    assert one.best.kind == "LookupError"
    assert [draw.value for draw in one.best.draws] == [1, 95, 1]


def test_every_step_is_simpler_than_the_one_before() -> None:
    one = search("assertion")
    before = cost(one.best)
    one.descend()
    assert cost(one.best) < before


def test_it_stops_after_as_many_runs_as_it_may_make() -> None:
    one = search("assertion", runs_max=3)
    with pytest.raises(CutShort):
        one.descend()
    assert one.runs == 3
