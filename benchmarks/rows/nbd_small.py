"""How many 4 KiB requests a second does a VDI answer over NBD, from the page cache?

fio, its nbd engine over a unix socket, is the client of all; the file is the same VDI of 256 MiB, all
allocated, in the page cache. Each turn starts a server and runs four jobs of a second: random reads and
writes with 32 requests under way, and with one. aiovdi runs with its extras (uvloop, io_uring where that is
the better way), qemu-nbd with --cache=writeback in both of its modes; the bars are those against the better
one, so both have to be beaten. What fio itself costs is part of every figure.
"""

from pathlib import Path

from aiovdi.units import MiB
from benchmarks.images import filled
from benchmarks.nbd import EXTRAS, Bench, Job, aiovdi
from benchmarks.row import Bar, Row
from benchmarks.scratch import Scratch

SIZE = 256 * MiB
JOBS = {
    "read, 32": Job("randread", "4k", 32),
    "write, 32": Job("randwrite", "4k", 32),
    "read, 1": Job("randread", "4k", 1),
    "write, 1": Job("randwrite", "4k", 1),
}
BARS = {
    "read, 32": Bar(floor=1.2, aim=2),
    "write, 32": Bar(floor=1.3, aim=2.5),
    "read, 1": Bar(floor=0.9, aim=1.1),
    "write, 1": Bar(floor=0.9, aim=1.1),
}


async def the_image(scratch: Scratch) -> Path:
    return await scratch.once("filled.vdi", filled(SIZE), space=SIZE)


BENCH = Bench(JOBS, the_image, SIZE)
ROW = Row(
    __name__,
    __doc__,
    metrics=BENCH.metrics,
    ours=(BENCH.side("aiovdi serve", aiovdi(), *EXTRAS),),
    peers=BENCH.qemu_sides(BARS),
    rounds=7,
    warm_up=False,
)
