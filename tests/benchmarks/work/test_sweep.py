"""A sample of the sweep: other workloads each time, an estimate for all of them, and no figure when a case fails."""

from collections.abc import Iterator
from typing import Any

import pytest

from benchmarks.work import sweep
from faults.exhaustive.sweep import cases
from faults.runs.run import Outcome
from faults.search.pool import cores
from faults.vdi import VDI


def test_the_estimate_is_for_all_workloads_on_all_cores() -> None:
    rates = sweep.main("3", "1884")
    # The fourth of 1,884 workloads was run alone, so all would take 1,884 times its seconds, shared by the cores.
    seconds = rates["whole"] * cores() / 1884
    assert rates["cases"] * seconds == pytest.approx(len(list(cases(VDI(), ("wn",)))))


def test_turns_take_other_workloads(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[list[str]] = []

    def note(target: object, operations: Any) -> Iterator[tuple[str, Outcome]]:
        seen[-1].append(" ".join(operations))
        yield "case", Outcome(None)

    monkeypatch.setattr(sweep, "cases", note)
    for first in ("0", "13"):
        seen.append([])
        sweep.main(first, "97")
    assert len(seen[0]) in (19, 20)
    assert not set(seen[0]) & set(seen[1])


def test_a_case_that_fails_ends_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweep, "cases", lambda target, operations: iter([("w0: 1 EIO", Outcome("gone", "violation"))]))
    with pytest.raises(AssertionError, match="w0: 1 EIO: violation: gone"):
        sweep.main("0", "97")
