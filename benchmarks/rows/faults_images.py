"""How many states that a power loss may leave are reopened and judged in a second, on one core?

A disk of twelve blocks, of 4 KiB or of 1 MiB, is stopped in the middle of 24 small writes: half of them
are covered by a flush, of the others some have ended and some are on their way. Of all that may be left
one state is drawn; the second reader reads the image and every sector is judged. Then the next. Timed is
everything from the question what may survive to the verdict, in seconds of a core. The peer is the usual
way, for 1 MiB, since QEMU opens no smaller blocks: the image goes to a temporary file, and `qemu-io`
opens it and reads it.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

from aiovdi.units import KiB, MiB
from benchmarks.needs import Program
from benchmarks.row import Bar, Figures, Measure, Metric, Row, Side
from benchmarks.scratch import Scratch
from benchmarks.worker import ask
from benchmarks.yardstick import Asked, yardstick

SIZES = {"4 KiB": 4 * KiB, "1 MiB": MiB}
RATE = "images/s"


@asynccontextmanager
async def judging(scratch: Scratch, *, reader: str, images: dict[str, int]) -> AsyncIterator[Measure]:  # noqa: ARG001
    async def measure() -> Figures:
        return {name: (await ask("images", reader, SIZES[name], count))["rate"] for name, count in images.items()}

    yield measure


ROW = Row(
    __name__,
    __doc__,
    metrics=tuple(Metric(name, unit=RATE, better="more") for name in SIZES),
    ours=(Side("faults", partial(judging, reader="faults", images={"4 KiB": 5000, "1 MiB": 300})),),
    peers=(
        yardstick({"4 KiB": Asked(floor=1000, aim=10_000), "1 MiB": Asked(floor=300, aim=3000)}),
        Side(
            "qemu-io, a process for each",
            partial(judging, reader="qemu-io", images={"1 MiB": 20}),
            needs=(Program("qemu-io", debian_package="qemu-utils"),),
            bars={"1 MiB": Bar(floor=6, aim=60)},
        ),
    ),
    rounds=9,
    warm_up=False,
)
