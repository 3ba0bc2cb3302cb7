"""How many whole runs of the driver does the harness make in a second, on one core?

The default profile, seeds 0 to 299, one process: the workload is drawn, the image is opened on the
simulated storage and used by up to four clients with faults and cancels, and the session ends by a close,
a kill or a power loss; what is left is read by the second reader, every sector is judged, and the next
session opens it. "runs" are those. The design's figure speaks of a run of 75 steps with one session, and
the profile has since grown to twice that, so "sessions" counts ends that were read and judged, and "75
steps" the steps of the loop by 75. Seconds are those of a core. A run that fails, fails the row.
"""

from functools import partial

from benchmarks.row import Metric, Row, Side
from benchmarks.worker import working
from benchmarks.yardstick import Asked, yardstick

RATE = Asked(floor=300, aim=1500)

ROW = Row(
    __name__,
    __doc__,
    metrics=(
        Metric("runs", unit="runs/s", better="more"),
        Metric("sessions", unit="sessions/s", better="more"),
        Metric("75 steps", unit="runs/s", better="more"),
    ),
    ours=(Side("faults", partial(working, words=("runs", 300))),),
    peers=(yardstick({"runs": RATE, "75 steps": RATE}),),
    rounds=9,
    warm_up=False,
)
