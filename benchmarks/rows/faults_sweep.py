"""How long does it take to try every single fault in every workload of up to three operations?

There are 1,884 workloads over twelve operations. Each is run once without a fault, and then once for
every I/O that it made and every fate that such an I/O can have: errors, short and partial transfers,
cancels before and after it, power loss and kill at it. By default a turn takes every 97th workload, from
another one each turn, in seconds of a core, and "whole" is an estimate: what all of them would take on
all cores. Workloads of three operations are the most and the longest, and a sample has its share of them.
With BENCHMARKS_WHOLE=1 the whole of it is run once, by `python -m faults sweep`, and timed by itself. A
case that fails, fails the row.
"""

import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count

from benchmarks import child
from benchmarks.row import Figures, Measure, Metric, Row, Side
from benchmarks.scratch import Scratch
from benchmarks.whole import WHOLE
from benchmarks.worker import ask
from benchmarks.yardstick import Asked, yardstick

EVERY = 97


@asynccontextmanager
async def sample(scratch: Scratch) -> AsyncIterator[Measure]:  # noqa: ARG001
    turns = count()

    async def measure() -> Figures:
        return await ask("sweep", next(turns) * EVERY // 7, EVERY)

    yield measure


@asynccontextmanager
async def whole(scratch: Scratch) -> AsyncIterator[Measure]:
    done = await child.run(sys.executable, "-m", "faults", "sweep", "--json", "--folder", scratch.fresh("-failures"))
    found = json.loads(done.output)
    assert found["workloads"] == found["of"], found["verdict"]

    async def measure() -> Figures:
        return {"whole": found["seconds"], "cases": found["cases"] / found["seconds"]}

    yield measure


ROW = Row(
    __name__,
    __doc__,
    metrics=(Metric("whole", unit="s", better="less"), Metric("cases", unit="cases/s", better="more")),
    ours=(Side("a sample, estimated", sample), Side("all of it, on all cores", whole, needs=(WHOLE,))),
    peers=(yardstick({"whole": Asked(floor=300, aim=90)}),),
    rounds=7,
    warm_up=False,
)
