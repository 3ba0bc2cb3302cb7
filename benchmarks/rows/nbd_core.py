"""How many 4 KiB requests a second does a VDI answer over NBD with the core install, without extras?

fio is the client, over a unix socket, and the file is the VDI of 256 MiB of nbd_small, all allocated, in
the page cache; the jobs are the same four. But aiovdi has neither uvloop nor io_uring here: asyncio's
own loop, and threads. The bar is for random writes with 32 requests under way, beside the better mode of
qemu-nbd; none of them is done on the event loop. The other jobs are for information.
"""

from benchmarks.nbd import AIOVDI_CORE, FIO, QEMU_NBD, aiovdi, qemu_nbd, turn
from benchmarks.row import Bar, Metric, Row, Side
from benchmarks.rows.nbd_small import JOBS, SIZE, the_image

ROW = Row(
    __name__,
    __doc__,
    metrics=tuple(Metric(name, unit="requests/s", better="more") for name in JOBS),
    ours=(
        Side(
            "aiovdi serve, core install",
            turn(aiovdi("--aio", "threads", words=AIOVDI_CORE), JOBS, image=the_image, size=SIZE),
            needs=(FIO,),
        ),
    ),
    peers=tuple(
        Side(
            f"qemu-nbd, {aio}",
            turn(qemu_nbd(aio), JOBS, image=the_image, size=SIZE),
            needs=(FIO, QEMU_NBD),
            bars={"write, 32": Bar(floor=0.7, aim=1)},
        )
        for aio in ("threads", "io_uring")
    ),
    rounds=7,
    warm_up=False,
)
