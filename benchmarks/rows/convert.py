"""How long does it take to convert 1 GiB of data in a 4 GiB disk, from raw to VDI and back?

Sixteen extents of 64 MiB of random bytes, each followed by a hole of 192 MiB; the source is in the page
cache, the target does not exist, and both lie on one filesystem. Each tool is timed as a whole process,
from spawn to exit. They differ in what they promise: `qemu-img convert` writes its target with
cache=unsafe and never flushes it, while aiovdi's target is on stable storage when the process ends, so
the waiting for the disk is in our time and not in theirs. With `-t writeback` QEMU flushes too; with
`-W -m 16` it writes out of order, 16 requests at a time. These two are for information.
"""

import os
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

from aiovdi.units import GiB, MiB
from benchmarks import child
from benchmarks.needs import QEMU_IMG, Library
from benchmarks.row import Bar, Figures, Measure, Metric, Row, Side
from benchmarks.scratch import Scratch

SIZE = 4 * GiB
EXTENT = 64 * MiB
STRIDE = 256 * MiB
BAR = Bar(floor=0.8, aim=1.5)


async def make_raw(path: Path) -> None:
    chance = random.Random(1)
    with path.open("wb") as file:
        file.truncate(SIZE)
        for offset in range(0, SIZE, STRIDE):
            file.seek(offset)
            for _ in range(EXTENT // MiB):
                file.write(chance.randbytes(MiB))
        file.flush()
        os.fsync(file.fileno())  # else the first turn shares the disk with what is still on its way there


async def make_vdi(path: Path, *, raw: Path) -> None:
    await child.run(*child.AIOVDI, "convert", "-f", "raw", "-O", "vdi", raw, path)


@asynccontextmanager
async def converting(scratch: Scratch, *, command: tuple[str, ...]) -> AsyncIterator[Measure]:
    raw = await scratch.once("source.raw", make_raw, space=4 * GiB)
    vdi = await scratch.once("source.vdi", partial(make_vdi, raw=raw))

    async def convert(source: Path, from_to: tuple[str, str]) -> float:
        target = scratch.fresh(f".{from_to[1]}")
        done = await child.run(*command, "-f", from_to[0], "-O", from_to[1], source, target)
        scratch.remove(target)
        return done.seconds

    async def measure() -> Figures:
        return {"raw to vdi": await convert(raw, ("raw", "vdi")), "vdi to raw": await convert(vdi, ("vdi", "raw"))}

    yield measure


def qemu(*options: str) -> Side:
    words = ("qemu-img", "convert", *options)
    return Side(" ".join(words), partial(converting, command=words), needs=(QEMU_IMG,))


ROW = Row(
    __name__,
    __doc__,
    metrics=(Metric("raw to vdi", unit="s", better="less"), Metric("vdi to raw", unit="s", better="less")),
    ours=(
        Side(
            "aiovdi convert",
            partial(converting, command=(*child.AIOVDI, "convert")),
            needs=(Library("typer", "typer"),),
        ),
    ),
    peers=(
        Side(
            "qemu-img convert",
            partial(converting, command=("qemu-img", "convert")),
            needs=(QEMU_IMG,),
            bars={"raw to vdi": BAR, "vdi to raw": BAR},
        ),
        qemu("-W", "-m", "16"),
        qemu("-t", "writeback"),
    ),
    rounds=7,
)
