"""How many requests of 1 MiB a second go through NBD, four at a time?

fio is the client of all, over a unix socket; two jobs of a second a turn, sequential reads and writes. aiovdi
and qemu-nbd (--cache=writeback, both modes; the bars are those against the better one) serve the same VDI
of 256 MiB, all allocated, in the page cache. nbdkit's file plugin serves a raw file of the same size, so it
has no format between: what is missing to its rate is the price of VDI and of Python.
"""

from pathlib import Path

from aiovdi.units import MiB
from benchmarks.nbd import EXTRAS, NBDKIT, Bench, Job, aiovdi, nbdkit
from benchmarks.row import Bar, Row
from benchmarks.rows.nbd_small import SIZE, the_image
from benchmarks.scratch import Scratch

JOBS = {"read": Job("read", "1M", 4), "write": Job("write", "1M", 4)}


async def the_raw_file(scratch: Scratch) -> Path:
    async def make(path: Path) -> None:
        with path.open("wb") as file:
            for _ in range(SIZE // MiB):
                file.write(bytes([0xA5]) * MiB)

    return await scratch.once("filled.raw", make, space=SIZE)


BENCH = Bench(JOBS, the_image, SIZE)
RAW = Bench(JOBS, the_raw_file, SIZE)
ROW = Row(
    __name__,
    __doc__,
    metrics=BENCH.metrics,
    ours=(BENCH.side("aiovdi serve", aiovdi(), *EXTRAS),),
    peers=(
        *BENCH.qemu_sides(dict.fromkeys(JOBS, Bar(floor=1.2, aim=1.6))),
        RAW.side("nbdkit file, raw", nbdkit(), NBDKIT, bars=dict.fromkeys(JOBS, Bar(floor=0.7, aim=1.0))),
    ),
    rounds=7,
    warm_up=False,
)
