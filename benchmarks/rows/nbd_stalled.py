"""What do 500 connections, of which 100 have stalled in the middle of a request, cost the others?

One server, aiovdi serve on a VDI of 256 MiB in the page cache, and fio with four clients, each with 16
random 4 KiB reads under way, for two seconds. Beside them stand 500 more connections: in one side's
turn they are all idle, in the other's 100 of them have sent half of a write of 64 KiB and the rest nothing.
The peer is the same server without any of them, so the ratio says what is left of its throughput.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

from aiovdi.units import KiB
from benchmarks.nbd import FIO, Job, aiovdi, fio, serving
from benchmarks.row import Bar, Figures, Measure, Metric, Row, Side
from benchmarks.rows.nbd_small import SIZE, the_image
from benchmarks.scratch import Scratch

JOB = Job("randread", "4k", 16, seconds=2.0, clients=4)
ENTER = b"\0\0\0\3IHAVEOPT\0\0\0\1\0\0\0\0"
"""Client flags and NBD_OPT_EXPORT_NAME: the shortest way into transmission."""
HALF = b"\x25\x60\x95\x13\0\0\0\1" + bytes(16) + (64 * KiB).to_bytes(4, "big") + bytes(32 * KiB)
"""A write of 64 KiB, up to its middle."""


@asynccontextmanager
async def connected(at: Path, count: int, *, stalled: int) -> AsyncIterator[None]:
    """``count`` clients in transmission, of which ``stalled`` have begun to ask something."""
    writers = []
    try:
        for number in range(count):
            reader, writer = await asyncio.open_unix_connection(at)
            writers.append(writer)
            writer.write(ENTER)
            await reader.readexactly(18 + 10)
            writer.write(HALF if number < stalled else b"")
        yield
    finally:
        for writer in writers:
            writer.close()


@asynccontextmanager
async def beside(scratch: Scratch, *, count: int, stalled: int) -> AsyncIterator[Measure]:
    path = await the_image(scratch)

    async def measure() -> Figures:
        at = scratch.fresh(".sock")
        async with serving(aiovdi()(path, at), at) as uri, connected(at, count, stalled=stalled):
            return {"read": await fio(uri, JOB, size=SIZE)}

    yield measure


ROW = Row(
    __name__,
    __doc__,
    metrics=(Metric("read", unit="requests/s", better="more"),),
    ours=(
        Side("100 of 500 stalled", partial(beside, count=500, stalled=100), needs=(FIO,)),
        Side("500 idle", partial(beside, count=500, stalled=0), needs=(FIO,), judged=False),
    ),
    peers=(Side("alone", partial(beside, count=0, stalled=0), needs=(FIO,), bars={"read": Bar(floor=0.8, aim=0.95)}),),
    rounds=7,
    warm_up=False,
)
