"""A budget ends by its seconds, and only then."""

from itertools import count

import pytest

from faults.search import budget
from faults.search.budget import Budget


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every look at it is a second later."""
    ticks = count(100)
    monkeypatch.setattr(budget, "monotonic", lambda: float(next(ticks)))


@pytest.mark.usefixtures("clock")
def test_it_is_over_when_its_seconds_are_used_up() -> None:
    short = Budget(seconds=3.0)
    assert [short.is_over() for _ in range(4)] == [False, False, True, True]


@pytest.mark.usefixtures("clock")
def test_without_seconds_it_never_ends() -> None:
    endless = Budget(runs=5)
    assert not any(endless.is_over() for _ in range(100))
    assert endless.runs == 5


@pytest.mark.usefixtures("clock")
def test_it_tells_what_was_spent() -> None:
    assert [Budget().spent for _ in range(2)] == [1.0, 1.0]
