"""What the design asks for, as a peer: where no tool does the same work, a row has its bars all the same.

A ratio beside it says by how much a floor is passed on this machine and under its load. It is no fact
about the code alone, as a ratio beside a peer is.
"""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from functools import partial
from typing import NamedTuple

from benchmarks.row import Bar, Figures, Measure, Side
from benchmarks.scratch import Scratch

__all__ = ["Asked", "yardstick"]


class Asked(NamedTuple):
    """Of one metric, in its unit."""

    floor: float
    aim: float


def yardstick(asked: Mapping[str, Asked]) -> Side:
    """A side that always stands at the floors. Its bars are the floors, and the aims as ratios to them."""
    bars = {name: Bar(floor=1, aim=max(each.aim / each.floor, each.floor / each.aim)) for name, each in asked.items()}
    floors = {name: each.floor for name, each in asked.items()}
    return Side("the design's floor", partial(_standing, floors=floors), bars=bars)


@asynccontextmanager
async def _standing(scratch: Scratch, *, floors: Figures) -> AsyncIterator[Measure]:  # noqa: ARG001
    async def measure() -> Figures:
        return floors

    yield measure
