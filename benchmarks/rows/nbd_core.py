"""How many 4 KiB requests a second does a VDI answer over NBD with the core install, without extras?

fio is the client, over a unix socket, and the file is the VDI of 256 MiB of nbd_small, all allocated, in
the page cache; the jobs are the same four. But aiovdi has neither uvloop nor io_uring here: asyncio's
own loop, and threads. The bar is for random writes with 32 requests under way, beside the better mode of
qemu-nbd; none of them is done on the event loop. The other jobs are for information.
"""

from benchmarks.nbd import AIOVDI_CORE, aiovdi
from benchmarks.row import Bar, Row
from benchmarks.rows.nbd_small import BENCH

ROW = Row(
    __name__,
    __doc__,
    metrics=BENCH.metrics,
    ours=(BENCH.side("aiovdi serve, core install", aiovdi("--aio", "threads", words=AIOVDI_CORE)),),
    peers=BENCH.qemu_sides({"write, 32": Bar(floor=0.7, aim=1)}),
    rounds=7,
    warm_up=False,
)
