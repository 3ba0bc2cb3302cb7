"""A failure is made small in few runs, since each costs a process."""

import pytest

from faults.foreign.finding import shrink
from faults.runs.world import Outcome
from faults.simulation.tape import ExploringTape, Tape

CLIENTS = "ABC"


class Counting:
    """Fails if B's write is late and two clients are there; counts its runs."""

    def __init__(self) -> None:
        self.runs = 0

    def __call__(self, tape: Tape) -> Outcome:
        self.runs += 1
        clients = CLIENTS[: 1 + tape.draw("clients", len(CLIENTS))]
        for _ in clients:
            for _ in range(1 + tape.draw("requests", 4)):
                tape.draw("kind", 3)
        late = {name: tape.draw(f"next write {name}", 32) for name in clients}
        fails = late.get("B", 0) >= 5
        return Outcome("lost" if fails else None, kind="lost" if fails else "", draws=tape.draws)


def failing(run: Counting) -> Outcome:
    outcomes = (run(ExploringTape(seed)) for seed in range(100))
    return next(outcome for outcome in outcomes if outcome.failure and len(outcome.draws) > 12)


def test_only_what_the_failure_needs_is_left() -> None:
    run = Counting()
    shrunk = shrink(run, failing(run).draws, "lost")
    assert [tuple(draw) for draw in shrunk.outcome.draws if draw.value] == [
        ("clients", 3, 1),
        ("next write B", 32, 5),
    ]
    assert shrunk.is_minimal
    assert shrunk.case.deviations == 1
    assert shrunk.runs < 80


def test_a_run_that_fails_in_another_way_is_not_taken() -> None:
    found = failing(Counting())
    outcomes = iter([found])
    shrunk = shrink(lambda tape: next(outcomes, Outcome("other", kind="other")), found.draws, "lost")
    assert shrunk.outcome is found


def test_what_does_not_fail_in_this_way_is_refused() -> None:
    with pytest.raises(ValueError, match="show 'lost', not 'other'"):
        shrink(Counting(), failing(Counting()).draws, "other")


def test_it_ends_when_it_is_told_to() -> None:
    run = Counting()
    found = failing(run)
    end = run.runs + 4
    shrunk = shrink(run, found.draws, "lost", until=lambda: run.runs >= end)
    assert shrunk.runs == 3
    assert not shrunk.is_minimal
