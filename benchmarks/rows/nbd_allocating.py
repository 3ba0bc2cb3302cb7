"""How long do 4,000 writes of 4 KiB over NBD take, 32 at a time, each into a block of its own that must be allocated?

qemu-img bench is the client of both, over a unix socket; the time is the one that it prints, from its first
request to its last answer. Each turn serves a fresh image of 4 GiB. aiovdi's session prologue, with its two
flushes, lies inside. qemu-nbd (--cache=writeback) writes a whole megabyte for each block of a VDI, so its
turn also costs 4 GiB of disk.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

from aiovdi.units import MiB
from benchmarks import child
from benchmarks.images import blank
from benchmarks.nbd import QEMU_AIO, QEMU_NBD, Server, aiovdi, qemu_nbd, serving
from benchmarks.needs import QEMU_IMG
from benchmarks.row import Bar, Figures, Measure, Metric, Row, Side
from benchmarks.rows.allocating_writes import COUNT, DATA, DEPTH, SIZE, seconds_in
from benchmarks.scratch import Scratch


@asynccontextmanager
async def bench(scratch: Scratch, *, server: Server) -> AsyncIterator[Measure]:
    scratch.require(SIZE)

    async def measure() -> Figures:
        path, at = scratch.fresh(".vdi"), scratch.fresh(".sock")
        await blank(SIZE)(path)
        command = f"qemu-img bench -w -f raw -s {len(DATA)} -S {MiB} -c {COUNT} -d {DEPTH} --pattern 165".split()
        async with serving(server(path, at), at) as uri:
            done = await child.run(*command, uri)
        scratch.remove(path)
        return {"writes": seconds_in(done.output)}

    yield measure


ROW = Row(
    __name__,
    __doc__,
    metrics=(Metric("writes", unit="s", better="less"),),
    ours=(Side("aiovdi serve", partial(bench, server=aiovdi()), needs=(QEMU_IMG,)),),
    peers=tuple(
        Side(
            f"qemu-nbd, {aio}",
            partial(bench, server=qemu_nbd(aio)),
            needs=(QEMU_IMG, QEMU_NBD),
            bars={"writes": Bar(floor=10, aim=30)},
        )
        for aio in QEMU_AIO
    ),
    rounds=5,
    warm_up=False,
)
