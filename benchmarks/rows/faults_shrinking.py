"""How small does a failure become, and how long does that take?

A side is a bug of the corpus; in each round another search finds it, and what is timed is the shrinking
alone, of schedule, faults, workload and crash image together, in seconds of a core. The design bounds a
minimal case by 3 operations, 2 deviations of the schedule, 1 fault and 1 torn unit, which is a size of 7;
the aim of 4 is one of each. The parts stand beside it for information. Its time is 1 s, and 0.3 s the
aim.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from itertools import count

from benchmarks.row import Figures, Measure, Metric, Row, Side
from benchmarks.scratch import Scratch
from benchmarks.worker import ask
from benchmarks.yardstick import Asked, yardstick

BUGS = ("1b-entry-in-flight", "entry-published-early", "count-not-flushed", "short-read-as-zeros")
"""Two of the report, one that is live in QEMU, one that shows as wrong data."""
PARTS = {"operations": "ops", "deviations": "choices", "faults": "faults", "torn": "units"}


@asynccontextmanager
async def shrinking(scratch: Scratch, *, bug: str) -> AsyncIterator[Measure]:  # noqa: ARG001
    seeds = count()

    async def measure() -> Figures:
        return await ask("bugs", "shrink", bug, next(seeds))

    yield measure


ROW = Row(
    __name__,
    __doc__,
    metrics=(
        Metric("time", unit="s", better="less"),
        Metric("size", unit="in all", better="less"),
        *(Metric(name, unit=unit, better="less") for name, unit in PARTS.items()),
    ),
    ours=tuple(Side(bug, partial(shrinking, bug=bug)) for bug in BUGS),
    peers=(yardstick({"time": Asked(floor=1, aim=0.3), "size": Asked(floor=7, aim=4)}),),
    rounds=7,
    warm_up=False,
)
