"""The harness's own arithmetic: pairs within a round, ratios above one for us, every reason kept."""

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from benchmarks.harness import Pace, Result, Spread, Verdict, compare, run_row
from benchmarks.needs import Program
from benchmarks.row import Bar, Metric, Row
from benchmarks.scratch import Scratch, Unavailable

TIME = Metric("time", unit="s", better="less")
RATE = Metric("rate", unit="reads/s", better="more")


def rounds(count: int) -> Pace:
    return Pace(rounds=count, seconds=3600, rounds_min=1)


# Ratios


def test_a_ratio_above_one_says_that_ours_took_less_time() -> None:
    assert compare([2.0, 1.0], [6.0, 0.5], TIME) == [3.0, 0.5]


def test_a_ratio_above_one_says_that_ours_has_the_higher_rate() -> None:
    assert compare([6.0, 0.5], [2.0, 1.0], RATE) == [3.0, 0.5]


async def test_the_ratio_is_the_median_over_pairs_not_the_ratio_of_medians(
    pair: Callable[..., Row], tmp_path: Path
) -> None:
    # The machine is slow in the second round, for both. Medians: 2 and 8, which would say 4.
    result = await run_row(pair([1.0, 10.0, 2.0], [3.0, 30.0, 8.0]), Scratch(tmp_path), rounds(3))
    (comparison,) = result.comparisons()
    assert comparison.ratio == Spread(median=3.0, low=3.0, high=4.0)


def test_spread_is_median_lowest_and_highest() -> None:
    assert Spread.of([5.0, 1.0, 2.0, 100.0]) == Spread(median=3.5, low=1.0, high=100.0)


@pytest.mark.parametrize(
    ("ratio", "verdict"),
    [(0.79, Verdict.BELOW), (0.8, Verdict.FLOOR), (1.49, Verdict.FLOOR), (1.5, Verdict.AIM), (40.0, Verdict.AIM)],
)
def test_a_ratio_on_its_bar_has_met_it(ratio: float, verdict: Verdict) -> None:
    assert Verdict.on(ratio, Bar(floor=0.8, aim=1.5)) is verdict


def test_without_a_bar_there_is_no_verdict() -> None:
    assert Verdict.on(0.001, None) is Verdict.NONE


# Rounds


async def test_a_round_is_one_turn_of_every_side_after_the_other(script: Any, tmp_path: Path) -> None:
    row = script.row([script.side("A", *[{"time": 1}] * 3)], [script.side("B", *[{"time": 1}] * 3)])
    result = await run_row(row, Scratch(tmp_path), rounds(2))
    turns = [entry for entry in script.diary if entry in "AB"]
    assert turns == ["A", "B"] * 3  # the first pair is the warm-up
    assert result.rounds == 2


async def test_the_warm_up_does_not_count(script: Any, tmp_path: Path) -> None:
    row = script.row([script.side("A", {"time": 99}, {"time": 1})], [])
    result = await run_row(row, Scratch(tmp_path), rounds(1))
    assert result.values("A", TIME) == [1]


async def test_sides_are_set_up_before_all_rounds_and_torn_down_after_a_failure(script: Any, tmp_path: Path) -> None:
    row = script.row([script.side("A", {"time": 1})], [script.side("B", ValueError("broken"))])
    with pytest.raises(ValueError, match="broken"):
        await run_row(row, Scratch(tmp_path), rounds(1))
    assert script.diary == ["set up A", "set up B", "A", "B", "tear down B", "tear down A"]


async def test_a_missing_program_is_part_of_the_result_with_its_package(script: Any, tmp_path: Path) -> None:
    absent = dataclasses.replace(script.side("B"), needs=(Program("no-such-program", debian_package="such-tools"),))
    row = script.row([script.side("A", *[{"time": 1}] * 2)], [absent])
    result = await run_row(row, Scratch(tmp_path), rounds(1))
    assert result.missing == {"B": "no-such-program is not installed (Debian: such-tools)"}
    assert result.values("A", TIME) == [1]
    assert not list(result.comparisons())


async def test_a_side_that_finds_at_set_up_that_it_cannot_run_is_noted_too(script: Any, tmp_path: Path) -> None:
    def refuse(scratch: Scratch) -> Any:
        raise Unavailable("the disk is full")

    row = script.row([script.side("A", *[{"time": 1}] * 2)], [dataclasses.replace(script.side("B"), run=refuse)])
    result = await run_row(row, Scratch(tmp_path), rounds(1))
    assert result.missing == {"B": "the disk is full"}


def test_a_metric_that_one_side_does_not_have_is_not_compared(script: Any) -> None:
    row = script.row([script.side("A")], [script.side("B")])
    result = Result(row, samples={"A": [{"time": 1.0}], "B": [{"time": 2.0, "rate": 3.0}]})
    assert [each.metric for each in result.comparisons()] == [TIME]


def test_a_side_of_ours_that_is_not_judged_has_no_verdict(script: Any) -> None:
    ours = dataclasses.replace(script.side("A"), judged=False)
    row = script.row([ours], [script.side("B", bars={"time": Bar(floor=5, aim=10)})])
    (comparison,) = Result(row, samples={"A": [{"time": 1.0}], "B": [{"time": 2.0}]}).comparisons()
    assert (comparison.verdict, comparison.ratio.median) == (Verdict.NONE, 2.0)


# Pace


class Clock:
    """Time that passes only when the test says so."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def rounds_of(durations: list[float], **settings: Any) -> int:
    clock = Clock()
    done = 0
    for number in Pace(clock=clock, **settings):
        clock.now += durations[number]
        done += 1
    return done


def test_all_rounds_are_run_when_there_is_time() -> None:
    assert rounds_of([1.0] * 5, rounds=5, seconds=100, rounds_min=1) == 5


def test_no_round_begins_that_would_not_fit() -> None:
    # 4 + 3 are over after 7 of 10 seconds; another round of up to 4 would end at 11.
    assert rounds_of([4.0, 3.0, 3.0], rounds=3, seconds=10, rounds_min=1) == 2


def test_a_row_has_its_fewest_rounds_even_without_time() -> None:
    assert rounds_of([50.0] * 9, rounds=9, seconds=10, rounds_min=3) == 3


def test_fewest_rounds_are_never_more_than_were_asked_for() -> None:
    assert rounds_of([1.0] * 9, rounds=2, seconds=0, rounds_min=3) == 2
