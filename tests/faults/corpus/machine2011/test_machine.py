"""The states of the 2011 machine: correct without a defect, and each defect shows as the report says."""

import pytest

from faults.corpus.catalogue import BUGS, Bug, find
from faults.corpus.machine2011 import DEFECTS, Machine2011
from faults.corpus.witnesses import replay
from faults.runs.run import run
from faults.simulation.tape import ReplayTape

RUNS_WITHOUT_DEFECT = 1000
OF_2011 = [row for row in BUGS if row.name[0].isdigit()]


def test_without_a_defect_nothing_is_reported() -> None:
    found = find(Bug("none", "", Machine2011, "equivalent", (), ""), seed=0, budget=RUNS_WITHOUT_DEFECT)
    assert found is None, found and f"{found.tape}: {found.outcome.failure}"


@pytest.mark.parametrize("row", OF_2011, ids=lambda row: row.name)
def test_each_defect_is_found_without_a_hint(row: Bug) -> None:
    assert find(row, seed=0, budget=1000) is not None


@pytest.mark.parametrize("row", OF_2011, ids=lambda row: row.name)
def test_the_machine_without_the_defect_comes_through_the_witness(row: Bug) -> None:
    assert run(Machine2011(), ReplayTape(replay(row).draws)).failure is None


def test_3c_fails_a_request_and_no_fault_was_injected() -> None:
    outcome = replay(next(row for row in OF_2011 if row.name.startswith("3c")))
    assert outcome.kind == "spurious"
    assert outcome.injected == 0


def test_3a_leaves_buffers_behind() -> None:
    outcome = replay(next(row for row in OF_2011 if row.name.startswith("3a")))
    assert outcome.kind == "leak"
    assert "buffers" in (outcome.failure or "")


def test_there_are_the_six_of_the_report() -> None:
    assert list(DEFECTS) == ["1a", "1b", "2", "3a", "3b", "3c"]
