"""What the tests of all variants share: a bug is found without a hint; its witness tells it from the real driver."""

from collections.abc import Callable

import pytest

from faults.corpus.catalogue import BUDGETS, Bug, find
from faults.corpus.witnesses import FOLDER, replay
from faults.runs.run import run
from faults.simulation.tape import ReplayTape, load
from faults.vdi import VDI

RUNS_OF_AN_EQUIVALENT = 400


@pytest.fixture
def is_found() -> Callable[[Bug], None]:
    """The default profile finds an easy one within its budget. A hard one is left to campaigns."""

    def check(row: Bug) -> None:
        if row.difficulty != "hard":
            assert find(row, seed=0, budget=BUDGETS[row.difficulty]) is not None

    return check


@pytest.fixture
def is_witnessed() -> Callable[[Bug], None]:
    """The witness shows the bug, and the driver itself comes through the same tape."""

    def check(row: Bug) -> None:
        outcome = replay(row)
        assert outcome.kind in row.kinds, outcome.failure
        draws = load((FOLDER / f"{row.name}.json").read_text())
        target = row.target()
        real = VDI(blocks=target.size // target.block_size, block_size=target.block_size)
        assert run(real, ReplayTape(draws)).failure is None

    return check


@pytest.fixture
def is_never_reported() -> Callable[[Bug], None]:
    """No failure of any kind."""

    def check(row: Bug) -> None:
        found = find(row, seed=0, budget=RUNS_OF_AN_EQUIVALENT)
        assert found is None, found and f"{found.tape}: {found.outcome.failure}"

    return check
