"""How many runs does a search need until it finds each bug that is known?

A side is a bug of the corpus and a round a search with another seed: default profile, no hint, runs until
the bug has shown itself. "runs" is the number that the design bounds: by 20 where a bug is easy (the aim
of 10 is this row's own), by 1,000 where it is hard. Beside it the seconds of one core that they took. By
default only the canary, the bugs of the 2011 report and those live in QEMU are searched;
BENCHMARKS_WHOLE=1 adds all others that are easy, and all that are hard. What was not found within the
corpus's budget counts as infinitely many. `python -m faults bugs` has the same table with 95 % intervals,
and the equivalents, which must not be found.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from itertools import count

from benchmarks.row import Figures, Measure, Metric, Row, Side
from benchmarks.scratch import Scratch
from benchmarks.whole import WHOLE
from benchmarks.worker import ask
from benchmarks.yardstick import Asked, yardstick
from faults.corpus.catalogue import BUGS, Bug

SAMPLED = ("the harness", "2011 report", "QEMU today")
"""Beginnings of the sources of the bugs that are searched by default."""


@asynccontextmanager
async def searching(scratch: Scratch, *, bug: Bug) -> AsyncIterator[Measure]:  # noqa: ARG001
    seeds = count()

    async def measure() -> Figures:
        found = await ask("bugs", "find", bug.name, next(seeds))
        return {metric_of(bug): found["runs"], "time": found["time"]}

    yield measure


def metric_of(bug: Bug) -> str:
    """Easy and hard have bars of their own."""
    return "runs, if hard" if bug.difficulty == "hard" else "runs"


def sides() -> tuple[Side, ...]:
    known = [bug for bug in BUGS if bug.difficulty != "equivalent"]
    return tuple(
        Side(bug.name, partial(searching, bug=bug), needs=() if bug.source.startswith(SAMPLED) else (WHOLE,))
        for bug in sorted(known, key=metric_of)
    )


ROW = Row(
    __name__,
    __doc__,
    metrics=(
        Metric("runs", unit="runs", better="less"),
        Metric("runs, if hard", unit="runs", better="less"),
        Metric("time", unit="s", better="less"),
    ),
    ours=sides(),
    peers=(yardstick({"runs": Asked(floor=20, aim=10), "runs, if hard": Asked(floor=1000, aim=200)}),),
    rounds=9,
    warm_up=False,
)
