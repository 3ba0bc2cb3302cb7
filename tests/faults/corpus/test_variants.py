"""Every variant: a bug is found, and its witness tells it from the driver; what is none is not reported."""

import pytest

from faults.corpus.catalogue import BUDGETS, BUGS, WAITING, Bug, find
from faults.corpus.witnesses import FOLDER, replay
from faults.runs.run import run
from faults.simulation.tape import ReplayTape
from faults.vdi import VDI

RUNS_OF_AN_EQUIVALENT = 400

VARIANTS = [row for row in (*BUGS, *WAITING) if not row.name[0].isdigit()]
"""The others are of 2011, and of another machine."""
FOUND_SOON = [row for row in VARIANTS if row.difficulty in ("canary", "easy")]
"""The hard ones are left to campaigns."""
WITNESSED = [row for row in VARIANTS if (FOLDER / f"{row.name}.json").exists()]
EQUIVALENT = [row for row in VARIANTS if row.difficulty == "equivalent"]


@pytest.mark.parametrize("row", FOUND_SOON, ids=lambda row: row.name)
def test_it_is_found_within_its_budget_without_a_hint(row: Bug) -> None:
    assert find(row, seed=0, budget=BUDGETS[row.difficulty]) is not None


@pytest.mark.parametrize("row", WITNESSED, ids=lambda row: row.name)
def test_its_witness_shows_it_and_not_the_driver(row: Bug) -> None:
    outcome = replay(row)
    assert outcome.kind in row.kinds, outcome.failure
    target = row.target()
    real = VDI(blocks=target.size // target.block_size, block_size=target.block_size)
    assert run(real, ReplayTape(outcome.draws)).failure is None


@pytest.mark.parametrize("row", EQUIVALENT, ids=lambda row: row.name)
def test_what_looks_like_a_bug_and_is_none_is_never_reported(row: Bug) -> None:
    found = find(row, seed=0, budget=RUNS_OF_AN_EQUIVALENT)
    assert found is None, found and f"{found.tape}: {found.outcome.failure}"


@pytest.mark.parametrize("row", EQUIVALENT, ids=lambda row: row.name)
def test_what_is_none_says_why(row: Bug) -> None:
    assert "No bug" in row.paragraph
