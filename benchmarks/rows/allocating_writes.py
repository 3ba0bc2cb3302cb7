"""How long do 4,000 writes of 4 KiB take, 32 at a time, each into a block of its own that must be allocated?

Each turn works on a fresh image of 4 GiB, made outside the timed region, with the host's page cache
("writeback") on either side. "writes" runs from the first submission to the last acknowledgement: for
qemu-img bench that is the time it prints itself, and aiovdi's session prologue, with its two flushes,
lies inside. "to close" is for information: open, write, flush and close, for QEMU as a whole process.
QEMU writes a whole megabyte for each block of a VDI, so its vdi turn also costs 4 GiB of disk; QCOW2
allocates 64 KiB and raw, a sparse file, allocates by the filesystem alone.
"""

import asyncio
import re
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

import aiovdi
from aiovdi.driver.opening import Aio
from aiovdi.units import GiB, KiB, MiB
from benchmarks import child
from benchmarks.images import blank
from benchmarks.needs import IO_URING, QEMU_IMG
from benchmarks.row import Bar, Figures, Measure, Metric, Row, Side
from benchmarks.scratch import Scratch

SIZE = 4 * GiB
COUNT = 4000
DEPTH = 32
DATA = bytes([0xA5]) * (4 * KiB)


async def write_all(disk: aiovdi.Disk) -> float:
    """Seconds from the first submission to the last acknowledgement, with ``DEPTH`` writes under way."""
    offsets = iter(range(0, COUNT * MiB, MiB))

    async def writer() -> None:
        for offset in offsets:
            await disk.pwrite(DATA, offset)

    began = time.perf_counter()
    await asyncio.gather(*(writer() for _ in range(DEPTH)))
    return time.perf_counter() - began


@asynccontextmanager
async def through_aiovdi(scratch: Scratch, *, aio: Aio) -> AsyncIterator[Measure]:
    async def measure() -> Figures:
        path = scratch.fresh(".vdi")
        await blank(SIZE)(path)
        began = time.perf_counter()
        async with aiovdi.open(path, "r+", aio=aio) as disk:
            writes = await write_all(disk)
        to_close = time.perf_counter() - began
        scratch.remove(path)
        return {"writes": writes, "to close": to_close}

    yield measure


@asynccontextmanager
async def through_qemu(scratch: Scratch, *, kind: str) -> AsyncIterator[Measure]:
    scratch.require(SIZE)

    async def measure() -> Figures:
        path = scratch.fresh(f".{kind}")
        await child.run("qemu-img", "create", "-q", "-f", kind, path, str(SIZE))
        command = f"qemu-img bench -w -f {kind} -s {len(DATA)} -S {MiB} -c {COUNT} -d {DEPTH} --pattern 165".split()
        done = await child.run(*command, path)
        scratch.remove(path)
        return {"writes": seconds_in(done.output), "to close": done.seconds}

    yield measure


def seconds_in(output: str) -> float:
    """The time that ``qemu-img bench`` prints: from its first request to its last answer."""
    found = re.search(r"Run completed in ([0-9.]+) seconds", output)
    if found is None:
        raise child.CommandFailed(f"qemu-img bench: found no time in {output!r}")
    return float(found[1])


ROW = Row(
    __name__,
    __doc__,
    metrics=(Metric("writes", unit="s", better="less"), Metric("to close", unit="s", better="less")),
    ours=(
        Side("aiovdi, threads", partial(through_aiovdi, aio="threads")),
        Side("aiovdi, io_uring", partial(through_aiovdi, aio="io_uring"), needs=(IO_URING,)),
    ),
    peers=(
        Side(
            "qemu-img bench, vdi",
            partial(through_qemu, kind="vdi"),
            needs=(QEMU_IMG,),
            bars={"writes": Bar(floor=10, aim=30)},
        ),
        Side(
            "qemu-img bench, qcow2",
            partial(through_qemu, kind="qcow2"),
            needs=(QEMU_IMG,),
            bars={"writes": Bar(floor=0.5, aim=2)},
        ),
        Side("qemu-img bench, raw", partial(through_qemu, kind="raw"), needs=(QEMU_IMG,)),
    ),
    rounds=7,
    warm_up=False,
)
