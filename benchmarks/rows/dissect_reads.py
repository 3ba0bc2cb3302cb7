"""How fast are reads beside the other reader of VDI in Python, dissect.hypervisor?

Both read the same VDI file of 256 MiB, fully allocated, its blocks in no order, all in the page cache,
within one process. "sequential" reads the whole disk in steps of 1 MiB, each exactly one block:
dissect returns wrong data for a read of several blocks, and this is the largest it gets right.
"scattered" is the time of one 4 KiB read at 500 scattered offsets; dissect reads a whole block for each.
dissect is synchronous. aiovdi is awaited, through the back end that it takes by itself, and its pread
returns new bytes as dissect's read does; with preadinto, for information, into one buffer.
"""

import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiovdi
from aiovdi.units import KiB, MiB
from benchmarks.images import filled, scattered
from benchmarks.needs import Library
from benchmarks.row import Bar, Figures, Measure, Metric, Row, Side
from benchmarks.scratch import Scratch

SIZE = 256 * MiB
LENGTH = 4 * KiB
OFFSETS = scattered(500, size=SIZE)


async def the_image(scratch: Scratch) -> Path:
    return await scratch.once("filled.vdi", filled(SIZE), space=SIZE)


async def figures_of(sequential: Callable[[], Awaitable[None]], at_random: Callable[[], Awaitable[None]]) -> Figures:
    began = time.perf_counter()
    await sequential()
    between = time.perf_counter()
    await at_random()
    ended = time.perf_counter()
    return {"sequential": SIZE / (between - began), "scattered": (ended - between) / len(OFFSETS)}


@asynccontextmanager
async def pread(scratch: Scratch) -> AsyncIterator[Measure]:
    async with aiovdi.open(await the_image(scratch)) as disk:

        async def sequential() -> None:
            for offset in range(0, SIZE, MiB):
                await disk.pread(MiB, offset)

        async def at_random() -> None:
            for offset in OFFSETS:
                await disk.pread(LENGTH, offset)

        yield lambda: figures_of(sequential, at_random)


@asynccontextmanager
async def preadinto(scratch: Scratch) -> AsyncIterator[Measure]:
    large, small = bytearray(MiB), bytearray(LENGTH)
    async with aiovdi.open(await the_image(scratch)) as disk:

        async def sequential() -> None:
            for offset in range(0, SIZE, MiB):
                await disk.preadinto(large, offset)

        async def at_random() -> None:
            for offset in OFFSETS:
                await disk.preadinto(small, offset)

        yield lambda: figures_of(sequential, at_random)


@asynccontextmanager
async def dissect(scratch: Scratch) -> AsyncIterator[Measure]:
    path = await the_image(scratch)
    from dissect.hypervisor.disk.vdi import VDI  # noqa: PLC0415  (only where it is installed)

    with path.open("rb") as file:
        stream: Any = VDI(file).open()

        async def sequential() -> None:
            for offset in range(0, SIZE, MiB):
                stream.seek(offset)
                stream.read(MiB)

        async def at_random() -> None:
            for offset in OFFSETS:
                stream.seek(offset)
                stream.read(LENGTH)

        yield lambda: figures_of(sequential, at_random)


ROW = Row(
    __name__,
    __doc__,
    metrics=(Metric("sequential", unit="B/s", better="more"), Metric("scattered", unit="s", better="less")),
    ours=(Side("aiovdi pread", pread), Side("aiovdi preadinto", preadinto, judged=False)),
    peers=(
        Side(
            "dissect.hypervisor",
            dissect,
            needs=(Library("dissect.hypervisor.disk.vdi", "dissect.hypervisor"),),
            bars={"sequential": Bar(floor=0.7, aim=1.0), "scattered": Bar(floor=10, aim=40)},
        ),
    ),
)
