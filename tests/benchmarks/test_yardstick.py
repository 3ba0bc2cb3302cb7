"""A floor of the design stands where a peer would, and is passed or missed as a peer is."""

from pathlib import Path
from typing import Any

import pytest

from benchmarks.harness import Pace, Verdict, run_row
from benchmarks.scratch import Scratch
from benchmarks.yardstick import Asked, yardstick


@pytest.mark.parametrize(
    ("rate", "verdict"), [(99.0, Verdict.BELOW), (100.0, Verdict.FLOOR), (499.0, Verdict.FLOOR), (500.0, Verdict.AIM)]
)
async def test_a_rate_is_judged_by_floor_and_aim(rate: float, verdict: Verdict, script: Any, tmp_path: Path) -> None:
    row = script.row(
        [script.side("ours", {"rate": rate})], [yardstick({"rate": Asked(floor=100, aim=500)})], warm_up=False
    )
    assert await verdict_of(row, tmp_path) is verdict


@pytest.mark.parametrize(
    ("time", "verdict"), [(4.1, Verdict.BELOW), (4.0, Verdict.FLOOR), (2.1, Verdict.FLOOR), (2.0, Verdict.AIM)]
)
async def test_a_time_must_be_below_both(time: float, verdict: Verdict, script: Any, tmp_path: Path) -> None:
    row = script.row([script.side("ours", {"time": time})], [yardstick({"time": Asked(floor=4, aim=2)})], warm_up=False)
    assert await verdict_of(row, tmp_path) is verdict


async def verdict_of(row: Any, tmp_path: Path) -> Verdict:
    result = await run_row(row, Scratch(tmp_path), Pace(rounds=1, seconds=60, rounds_min=1))
    (comparison,) = result.comparisons()
    return comparison.verdict
