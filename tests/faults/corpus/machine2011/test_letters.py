"""The report's own courses of events, on the machine: every letter comes, in the report's order, at what it names."""

from collections.abc import Callable, Sequence

import pytest

from faults.corpus.machine2011 import DEFECTS, Machine2011
from faults.corpus.machine2011.letters import LETTERS
from faults.failures.report import Step, timeline
from faults.runs.run import Outcome, Script, run
from faults.runs.workload import Request
from faults.simulation.plan import NoFaults, Rules, parse_rule
from faults.simulation.tape import ExploringTape, ReplayTape, Tape

# O: a write to sector X of a block without an entry; its data write fails.
# P: a write to sector X+1, which is acknowledged; the process ends gracefully.
O_AND_P = [[Request("A0", "write", 0, 512), Request("A1", "write", 512, 512)]]


def lettered(outcome: Outcome) -> list[Step]:
    return [step for step in timeline(outcome) if step.letter]


def letters(steps: Sequence[Step]) -> list[str]:
    return [letter for step in steps for letter in step.letter.split()]


def o_to_p(defect: str | None) -> Outcome:
    plan: Callable[[Tape], Rules] = lambda _: Rules([parse_rule("event=write:data")])  # noqa: E731
    return run(Machine2011(defect), ReplayTape([]), schedule="fifo", script=Script((O_AND_P,), plan, "close"))


def test_1a_runs_from_o1_to_p4_and_sector_x_plus_1_is_gone() -> None:
    outcome = o_to_p("1a")
    steps = lettered(outcome)
    assert letters(steps) == ["O1", "O2", "O3", "O4", "O5", "P1", "P2", "P3", "P4"]
    by_letter = {letter: step.text for step in steps for letter in step.letter.split()}
    assert by_letter["O1"] == "asks: write 512 at 0"
    assert by_letter["O2"] == "sets entry 0 in memory"
    assert "fails with EIO" in by_letter["O4"]
    assert by_letter["O5"] == "is told: StorageError"
    assert by_letter["P1"] == "asks: write 512 at 512"
    assert by_letter["P3"].endswith("ends")
    assert by_letter["P4"] == "is told: done"
    assert outcome.failure == "after the session's end (close): sector 1 holds zeros, expected A1 in sector 1"


def test_without_the_defect_the_same_course_has_no_letters_and_loses_nothing() -> None:
    outcome = o_to_p(None)
    assert outcome.failure is None
    assert not lettered(outcome)


#     A                                              B
#  Q1 write to sector X
#  Q2 sets the entry in memory
#  Q3 data write begins, and does not end
#                                                 Q4 write to sector X+1
#                                                 Q5 in place, through the entry
#                                                 Q6 Q7 ends, is acknowledged
#                                                 Q8 Q9 flush, acknowledged
# Q11 the host crashes
Q_PROGRAM = [[Request("A0", "write", 0, 512)], [Request("B0", "write", 512, 512), Request("B1", "flush")]]


def test_1b_runs_from_q1_to_q11_and_what_was_flushed_is_gone() -> None:
    script = Script((Q_PROGRAM,), lambda _: NoFaults(), "power", lives=16)
    runs = (run(Machine2011("1b"), ExploringTape(seed), schedule="random", script=script) for seed in range(500))
    lost = [outcome for outcome in runs if outcome.failure]
    assert lost
    for outcome in lost:
        steps = lettered(outcome)
        for client in "AB":
            own = letters([step for step in steps if step.who == client])
            assert own == sorted(own, key=lambda letter: int(letter[1:]))
        assert (outcome.failure or "").endswith("sector 1 holds zeros, expected B0 in sector 1")
    courses = [letters(lettered(outcome)) for outcome in lost]
    assert ["Q1", "Q2", "Q3", "Q4", "Q5", "Q6", "Q7", "Q8", "Q9", "Q11"] in courses


@pytest.mark.parametrize("defect", DEFECTS)
def test_every_defect_has_its_letters(defect: str) -> None:
    assert LETTERS[defect]
