"""Rates of whole runs, and no rate for a harness that cries."""

import pytest

from benchmarks.work import runs
from faults.runs.run import Outcome


def test_runs_sessions_and_steps_are_counted() -> None:
    rates = runs.main("12")
    assert rates["sessions"] >= rates["runs"] > 0
    assert rates["75 steps"] > 0


def test_a_run_that_fails_ends_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runs, "run", lambda target, tape: Outcome("lost it", "violation"))
    with pytest.raises(AssertionError, match="violation: lost it"):
        runs.main("12")
