"""Over how many seeds do two processes run alike, to the last step?

Each seed is run in two processes that have nothing in common, not even how they hash strings
(PYTHONHASHSEED=random, and that they do differ is looked at), and the hashes of everything that happened
are compared: requests, I/Os, faults, ends, in order. A seed that runs differently fails the row. By
default a turn takes 500 seeds, others each turn, and says how many have been compared so far; the
design's 20,000 take minutes, and BENCHMARKS_WHOLE=1 compares them.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

from benchmarks.row import Figures, Measure, Metric, Row, Side
from benchmarks.scratch import Scratch
from benchmarks.whole import WHOLE
from benchmarks.worker import ask
from benchmarks.yardstick import Asked, yardstick

SEEDS = 20_000


@asynccontextmanager
async def comparing(scratch: Scratch, *, seeds: int) -> AsyncIterator[Measure]:  # noqa: ARG001
    done = 0

    async def measure() -> Figures:
        nonlocal done
        await compare(done, seeds)
        done += seeds
        return {"seeds": done}

    yield measure


async def compare(first: int, seeds: int) -> None:
    """Raises AssertionError for a seed that runs differently."""
    environment = {"PYTHONHASHSEED": "random"}
    asked = [asyncio.ensure_future(ask("digests", first, seeds, environment=environment)) for _ in range(2)]
    one, other = [await each for each in asked]
    assert one["hash"] != other["hash"], "both processes hash alike, so that nothing was shown"
    unlike = [
        first + n for n, pair in enumerate(zip(one["digests"], other["digests"], strict=True)) if len({*pair}) > 1
    ]
    assert not unlike, f"seeds that run differently: {unlike[:10]}"


ROW = Row(
    __name__,
    __doc__,
    metrics=(Metric("seeds", unit="seeds", better="more"),),
    ours=(
        Side("a sample", partial(comparing, seeds=500), judged=False),
        Side("all of them", partial(comparing, seeds=SEEDS), needs=(WHOLE,)),
    ),
    peers=(yardstick({"seeds": Asked(floor=SEEDS, aim=1_000_000)}),),
    rounds=3,
    warm_up=False,
)
