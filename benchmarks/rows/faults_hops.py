"""What does it cost to wake the next task, in a ring of a hundred, on a loop that replays?

Each task awaits a future, makes a new one for the next time around, and sets that of its neighbour; the
token goes around twenty times in a run. One is ready at any time, so what is measured is the loop and not
the choosing. `faults` runs its bare loop and tape; the peers run through `simloop.explore` and
`simloom.run`. Timed are the runs alone, after some that warm up, in seconds of a core. The bars beside
the peers are what the design's floor and aim are beside the 7.2 µs of simloop when it was written.
"""

from benchmarks.row import Bar, Metric, Row
from benchmarks.simulators import ours, peers
from benchmarks.yardstick import Asked, yardstick

ROW = Row(
    __name__,
    __doc__,
    metrics=(Metric("time", unit="s", better="less"),),
    ours=ours("ring", runs=200),
    peers=(
        yardstick({"time": Asked(floor=4e-6, aim=3e-6)}),
        *peers("ring", runs=20, bars={"time": Bar(floor=1.8, aim=2.4)}),
    ),
    rounds=9,
    warm_up=False,
)
