"""Rounds, pairs, ratios, verdicts.

Rule 1: a round is one turn of every side, one straight after the other. What the machine does to one
side of a pair it does to the other, or the spread shows it.
Rule 2: a ratio is taken within a round, and only then is the median taken. The ratio of two medians
may pair a lucky turn with an unlucky one.
Rule 3: spread is lowest to highest, over all rounds. No round is thrown away.
Rule 4: a side that is missing is part of the result, with its reason. A side that fails fails its row.
"""

import gc
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from enum import Enum
from typing import NamedTuple

from benchmarks.row import Bar, Figures, Measure, Metric, Row, Side
from benchmarks.scratch import Scratch, Unavailable

__all__ = ["Comparison", "Pace", "Result", "Spread", "Verdict", "compare", "run_row"]


class Spread(NamedTuple):
    """The middle and the ends of some figures."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> "Spread":
        """Raises statistics.StatisticsError for no values."""
        return cls(statistics.median(values), min(values), max(values))


class Verdict(Enum):
    """A ratio beside its bar."""

    AIM = "aim met"
    FLOOR = "floor met"
    BELOW = "BELOW FLOOR"
    NONE = "for information"

    @classmethod
    def on(cls, ratio: float, bar: Bar | None) -> "Verdict":
        if bar is None:
            return cls.NONE
        if ratio < bar.floor:
            return cls.BELOW
        return cls.AIM if ratio >= bar.aim else cls.FLOOR


@dataclass(frozen=True)
class Comparison:
    """One side of ours beside one peer, in one metric."""

    metric: Metric
    ours: str
    peer: str
    ratio: Spread
    bar: Bar | None
    verdict: Verdict


@dataclass
class Result:
    """What came of a row."""

    row: Row
    samples: dict[str, list[Figures]] = field(default_factory=dict)
    """Name of a side to what it answered, by round; sides that did not run are not in it."""
    missing: dict[str, str] = field(default_factory=dict)
    """Name of a side that did not run, to the reason."""
    error: str | None = None
    seconds: float = 0.0
    """What the row took altogether."""

    @property
    def rounds(self) -> int:
        return max(map(len, self.samples.values()), default=0)

    def values(self, side: str, metric: Metric) -> list[float]:
        """One side's figures in one metric, by round; empty if it has none."""
        return [figures[metric.name] for figures in self.samples.get(side, []) if metric.name in figures]

    def comparisons(self) -> Iterator[Comparison]:
        """Every pair of which both have the metric."""
        for metric in self.row.metrics:
            for peer in self.row.peers:
                for ours in self.row.ours:
                    if (comparison := self._compare(metric, ours, peer)) is not None:
                        yield comparison

    def _compare(self, metric: Metric, ours: Side, peer: Side) -> Comparison | None:
        ratios = compare(self.values(ours.name, metric), self.values(peer.name, metric), metric)
        if not ratios:
            return None
        ratio = Spread.of(ratios)
        bar = peer.bars.get(metric.name) if ours.judged else None
        return Comparison(metric, ours.name, peer.name, ratio, bar, Verdict.on(ratio.median, bar))


def compare(ours: Sequence[float], theirs: Sequence[float], metric: Metric) -> list[float]:
    """The ratio of each round that both took part in; above 1 says that ours does better."""
    pairs = zip(ours, theirs, strict=False)
    if metric.better == "more":
        return [our / their for our, their in pairs]
    return [their / our for our, their in pairs]


class Pace:
    """How many rounds a row gets: all of ``rounds``, or as many as fit into ``seconds``, but at least ``rounds_min``.

    The clock starts when the pace is made, so that set-up counts.
    """

    def __init__(
        self, *, rounds: int, seconds: float, rounds_min: int, clock: Callable[[], float] = time.perf_counter
    ) -> None:
        self._rounds = rounds
        self._rounds_min = min(rounds_min, rounds)
        self._clock = clock
        self._end = clock() + seconds

    def __iter__(self) -> Iterator[int]:
        """The numbers of the rounds. A round begins only if one as long as the longest so far would fit."""
        longest = 0.0
        for number in range(self._rounds):
            began = self._clock()
            if number >= self._rounds_min and began + longest > self._end:
                return
            yield number
            longest = max(longest, self._clock() - began)


async def run_row(row: Row, scratch: Scratch, pace: Pace) -> Result:
    """Set up every side, then measure them in rounds. What a side raises comes out."""
    result = Result(row)
    began = time.perf_counter()
    async with AsyncExitStack() as open_sides:
        measures = await _set_up(row, scratch, open_sides, result)
        if row.warm_up:
            for measure in measures.values():
                await measure()
        for _ in pace:
            for name, measure in measures.items():
                gc.collect()  # else one side pays for what another left behind
                result.samples.setdefault(name, []).append(await measure())
    result.seconds = time.perf_counter() - began
    return result


async def _set_up(row: Row, scratch: Scratch, open_sides: AsyncExitStack, result: Result) -> dict[str, Measure]:
    """The measures of all sides that can run, in the order of the row. The others are noted."""
    measures: dict[str, Measure] = {}
    for side in row.sides:
        if (reason := side.missing()) is not None:
            result.missing[side.name] = reason
            continue
        try:
            measures[side.name] = await open_sides.enter_async_context(side.run(scratch))
        except Unavailable as unavailable:
            result.missing[side.name] = str(unavailable)
    return measures
