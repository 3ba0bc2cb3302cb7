"""A bug is searched without a hint, made small, and not called found when it was not."""

import math

import pytest

from benchmarks.work import bugs


def test_a_search_tells_its_runs() -> None:
    found = bugs.main("find", "canary", "0")
    assert 1 <= found["runs"] <= 10
    assert found["time"] > 0


def test_what_is_not_found_took_infinitely_many_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bugs, "find", lambda row, seed, budget: None)
    assert bugs.main("find", "canary", "0")["runs"] == math.inf


def test_a_failure_is_made_small_and_its_parts_add_up() -> None:
    small = bugs.main("shrink", "canary", "0")
    assert small["size"] == sum(small[part] for part in ("operations", "deviations", "faults", "torn"))
    assert 0 < small["size"] <= 7


def test_what_is_not_found_is_not_shrunk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bugs, "find", lambda row, seed, budget: None)
    with pytest.raises(AssertionError, match="canary was not found"):
        bugs.main("shrink", "canary", "0")
