"""The median of a few searches, some of which gave up, with an interval that assumes no distribution.

Between the k-th smallest and the k-th largest of n samples the true median lies with the probability
that a binomial of n and 1/2 falls within k to n - k. A search that gave up is larger than all that did
not, which is all that order needs to know.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import comb, inf

__all__ = ["Estimate", "estimate"]

_CONFIDENCE = 0.95


@dataclass(frozen=True)
class Estimate:
    """Runs needed: median and interval; ``inf`` where too many searches gave up to tell."""

    median: float
    low: float
    high: float
    confidence: float
    """That the median lies within: 0.95 or more, unless there are fewer than six samples."""
    samples: int
    found: int
    budget: int

    def __str__(self) -> str:
        return f"{_spell(self.median, self.budget)} [{_spell(self.low, self.budget)}, {_spell(self.high, self.budget)}]"


def estimate(runs: Sequence[int | None], budget: int) -> Estimate:
    """From the runs that each search needed; None: it gave up after ``budget``.

    Raises:
        ValueError: there are no samples.
    """
    if not runs:
        raise ValueError("runs: found none, expected one or more")
    ordered = sorted(inf if each is None else each for each in runs)
    count = len(ordered)
    skipped = max((k for k in range((count + 1) // 2) if _within(k, count) >= _CONFIDENCE), default=0)
    return Estimate(
        median=(ordered[(count - 1) // 2] + ordered[count // 2]) / 2,
        low=ordered[skipped],
        high=ordered[count - 1 - skipped],
        confidence=_within(skipped, count),
        samples=count,
        found=sum(each is not None for each in runs),
        budget=budget,
    )


def _within(skipped: int, count: int) -> float:
    """Probability that the median lies within, when ``skipped`` samples are left out at each end."""
    outside: int = sum(comb(count, below) for below in range(skipped + 1))
    return 1.0 - outside * 0.5 ** (count - 1)


def _spell(runs: float, budget: int) -> str:
    return f">{budget}" if runs == inf else f"{runs:g}"
