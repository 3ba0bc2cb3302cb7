"""How many awaited 4 KiB reads a second, one at a time, of what the page cache holds?

All sides read the same 64 MiB VDI file, fully allocated, at the same scattered offsets, in a plain loop
of one process: 20,000 reads a turn, 1,000 for aiofiles. aiovdi looks each block up in the bmap; the
peers read the file itself and know nothing of VDI. aiofiles has no positional read, so it seeks and
reads, unbuffered, which is its faster way here. os.pread is the bare system call, not awaited: what is
missing to its rate is the price of asyncio and of the format. Timed is the loop alone, after a few
reads that are not: whoever follows the threads of aiofiles would else pay for waking the core.
"""

import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import aiofiles

import aiovdi
from aiovdi.driver.opening import Aio
from aiovdi.units import KiB, MiB
from benchmarks.images import filled, scattered
from benchmarks.needs import IO_URING, Library
from benchmarks.row import Bar, Figures, Measure, Metric, Row, Side
from benchmarks.scratch import Scratch

LENGTH = 4 * KiB
SIZE = 64 * MiB
OFFSETS = scattered(20_000, size=SIZE)
LEAD_IN = scattered(500, size=SIZE)


async def the_image(scratch: Scratch) -> Path:
    return await scratch.once("filled.vdi", filled(SIZE), space=SIZE)


async def rate(read: Callable[[Iterable[int]], Awaitable[None]], count: int = len(OFFSETS)) -> Figures:
    """Reads a second over the first ``count`` offsets."""
    await read(LEAD_IN)
    began = time.perf_counter()
    await read(OFFSETS[:count])
    return {"rate": count / (time.perf_counter() - began)}


@asynccontextmanager
async def awaiting_disk(scratch: Scratch, *, aio: Aio) -> AsyncIterator[Measure]:
    async with aiovdi.open(await the_image(scratch), aio=aio) as disk:

        async def read(offsets: Iterable[int]) -> None:
            for offset in offsets:
                await disk.pread(LENGTH, offset)

        yield partial(rate, read)


@asynccontextmanager
async def awaiting_aiofiles(scratch: Scratch) -> AsyncIterator[Measure]:
    async with aiofiles.open(await the_image(scratch), "rb", buffering=0) as file:

        async def read(offsets: Iterable[int]) -> None:
            for offset in offsets:
                await file.seek(offset)
                await file.read(LENGTH)

        yield partial(rate, read, count=1000)


@asynccontextmanager
async def calling_pread(scratch: Scratch) -> AsyncIterator[Measure]:
    fd = os.open(await the_image(scratch), os.O_RDONLY)

    async def read(offsets: Iterable[int]) -> None:
        for offset in offsets:
            os.pread(fd, LENGTH, offset)

    try:
        yield partial(rate, read)
    finally:
        os.close(fd)


ROW = Row(
    __name__,
    __doc__,
    metrics=(Metric("rate", unit="reads/s", better="more"),),
    ours=(
        Side("aiovdi, threads", partial(awaiting_disk, aio="threads")),
        Side("aiovdi, io_uring", partial(awaiting_disk, aio="io_uring"), needs=(IO_URING,)),
    ),
    peers=(
        Side("os.pread", calling_pread, bars={"rate": Bar(floor=0.2, aim=0.4)}),
        Side(
            "aiofiles, seek + read",
            awaiting_aiofiles,
            needs=(Library("aiofiles", "aiofiles"),),
            bars={"rate": Bar(floor=10, aim=25)},
        ),
    ),
)
