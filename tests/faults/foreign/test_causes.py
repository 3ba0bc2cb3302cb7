"""A failure is named by what it needs: what it can do without is taken away."""

import pytest

from faults.foreign.causes import mildest
from faults.foreign.run import ENDS
from faults.runs.world import Outcome
from faults.simulation.tape import Draw, Tape

MILDEST_FIRST = ("close", "hang-up", "kill", "power")


def run(needs_fault: bool, needs_end: int):
    """A driver that fails if there was a fault (or none is needed), and an end at least this hard in any session."""

    def go(tape: Tape) -> Outcome:
        fault, ends = False, []
        for _ in range(2):
            ends.append(MILDEST_FIRST.index(ENDS[tape.draw("end", 4)]))
            fault = bool(tape.draw("storm", 3) and tape.draw("fail write #1", 2)) or fault
        fails = (fault or not needs_fault) and max(ends) >= needs_end
        outcome = Outcome("lost" if fails else None, kind=f"{fault} {max(ends)}" if fails else "")
        outcome.draws = tape.draws
        return outcome

    return go


def harsh() -> Outcome:
    session = [Draw("end", 4, 2), Draw("storm", 3, 2), Draw("fail write #1", 2, 1)]
    return Outcome("lost", kind="True 3", draws=session * 2)


@pytest.mark.parametrize("needs_end", [0, 1, 2, 3])
@pytest.mark.parametrize("needs_fault", [False, True])
def test_only_what_is_needed_is_left(needs_fault: bool, needs_end: int) -> None:
    found = mildest(run(needs_fault, needs_end), harsh())
    assert found.failure
    assert found.kind == f"{needs_fault} {needs_end}"


def test_only_one_of_two_hard_ends_is_left() -> None:
    found = mildest(run(needs_fault=False, needs_end=3), harsh())
    assert sorted(draw.value for draw in found.draws if draw.label == "end") == [0, 2]


def test_what_needs_everything_stays_as_it_is() -> None:
    outcome = harsh()
    assert mildest(lambda tape: Outcome(None), outcome) is outcome
