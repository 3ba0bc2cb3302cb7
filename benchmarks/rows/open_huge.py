"""What does it take to say what an image is, when it is an empty disk of 500 TiB?

Both tools look at the same file, whose block map alone has 2 GiB, all in the page cache. Time and
memory are those of the whole process, from spawn to exit: `aiovdi info` with the start of Python in it,
beside `qemu-img info`, which reads the whole map. For information the same in a running program: open,
info and close, without the start of a process.
"""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import aiovdi
from aiovdi.units import GiB, TiB
from benchmarks import child
from benchmarks.images import blank
from benchmarks.needs import QEMU_IMG, Library
from benchmarks.row import Bar, Figures, Measure, Metric, Row, Side
from benchmarks.scratch import Scratch


async def the_image(scratch: Scratch) -> Path:
    return await scratch.once("huge.vdi", blank(500 * TiB), space=2 * GiB)


@asynccontextmanager
async def command(scratch: Scratch, *, words: tuple[str, ...]) -> AsyncIterator[Measure]:
    path = await the_image(scratch)

    async def measure() -> Figures:
        done = await child.run(*words, "info", path)
        return {"time": done.seconds, "memory": done.peak_memory}

    yield measure


@asynccontextmanager
async def in_process(scratch: Scratch) -> AsyncIterator[Measure]:
    path = await the_image(scratch)

    async def measure() -> Figures:
        began = time.perf_counter()
        async with aiovdi.open(path) as disk:
            assert disk.info.virtual_size == 500 * TiB
        return {"time": time.perf_counter() - began}

    yield measure


ROW = Row(
    __name__,
    __doc__,
    metrics=(Metric("time", unit="s", better="less"), Metric("memory", unit="B", better="less")),
    ours=(
        Side("aiovdi info", partial(command, words=child.AIOVDI), needs=(Library("typer", "typer"),)),
        Side("open + info + close, in process", in_process, judged=False),
    ),
    peers=(
        Side(
            "qemu-img info",
            partial(command, words=("qemu-img",)),
            needs=(QEMU_IMG,),
            bars={"time": Bar(floor=2, aim=20), "memory": Bar(floor=10, aim=50)},
        ),
    ),
    rounds=9,
)
