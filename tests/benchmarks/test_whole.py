"""What takes minutes says how to get it, and runs when it was asked for."""

import pytest

from benchmarks.whole import VARIABLE, WHOLE


def test_without_the_wish_it_is_missing_and_says_what_to_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    assert f"{VARIABLE}=1" in str(WHOLE.missing())


def test_with_the_wish_nothing_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "1")
    assert WHOLE.missing() is None
    assert WHOLE.version()
