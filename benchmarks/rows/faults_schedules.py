"""How many schedules of a small asyncio program does the harness try in a second, on one core?

The program has three tasks of three awaits each. Every schedule is a run of its own from a seed of its
own, in one process, with every choice recorded so that it replays. `faults` runs its bare loop and tape;
the peers, simulators for asyncio too, run through `simloop.explore` and `simloom.run`, which record a
trace besides and cannot leave it. Timed are the runs alone, after some that warm up, in seconds of a
core. The bars beside the peers are what the design's floor and aim are beside the best of them, 595 a
second when it was written.
"""

from benchmarks.row import Bar, Metric, Row
from benchmarks.simulators import ours, peers
from benchmarks.yardstick import Asked, yardstick

ROW = Row(
    __name__,
    __doc__,
    metrics=(Metric("rate", unit="schedules/s", better="more"),),
    ours=ours("three", runs=10_000),
    peers=(
        yardstick({"rate": Asked(floor=10_000, aim=20_000)}),
        *peers("three", runs=200, bars={"rate": Bar(floor=17, aim=34)}),
    ),
    rounds=9,
    warm_up=False,
)
