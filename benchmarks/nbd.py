"""NBD servers on the file of a row, one at a time, and fio as the client of all of them.

Rule 1: both sides of a pair serve the same file, and hold its lock, so a server lives for one turn of one
    side. Its start is not measured.
Rule 2: the client is fio with libnbd over a unix socket; its figure is what it has counted itself.
Rule 3: before a turn the file is brought to the disk, and the first half second of a job does not count. aiovdi
    flushes before its first change, and QEMU does not: it would pay for what the turn before, or the making of
    the file, has left in the page cache.
"""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import TypeAlias

from benchmarks import child
from benchmarks.needs import IO_URING, Library, Need, Program
from benchmarks.row import Bar, Figures, Measure, Metric, Side
from benchmarks.scratch import Scratch

__all__ = [
    "AIOVDI",
    "AIOVDI_CORE",
    "EXTRAS",
    "FIO",
    "NBDKIT",
    "QEMU_AIO",
    "QEMU_NBD",
    "Bench",
    "Job",
    "Server",
    "aiovdi",
    "fio",
    "iops_in",
    "nbdkit",
    "qemu_nbd",
    "serving",
]

FIO = Program("fio", debian_package="fio")
QEMU_NBD = Program("qemu-nbd", debian_package="qemu-utils")
NBDKIT = Program("nbdkit", debian_package="nbdkit")
EXTRAS = (IO_URING, Library("uvloop", "uvloop"))
"""What ``aiovdi serve`` is at its fastest with."""
QEMU_AIO = ("threads", "io_uring")
"""The ways in which qemu-nbd does its I/O."""

AIOVDI = child.AIOVDI
AIOVDI_CORE = (
    sys.executable,
    "-c",
    "import sys; sys.modules['uvloop'] = None; from aiovdi.cli import main; sys.exit(main())",
)
"""The command line as it is without the extra ``speed``."""

Server: TypeAlias = Callable[[Path, Path], Sequence[str]]
"""From the image and the socket's path to the words of a server."""


@dataclass(frozen=True)
class Job:
    """What fio does: ``rw`` and ``bs`` in fio's words, requests under way, seconds."""

    rw: str
    bs: str
    depth: int
    seconds: float = 1.0
    clients: int = 1


def aiovdi(*flags: str, words: Sequence[str] = AIOVDI) -> Server:
    """``aiovdi serve`` with further flags."""
    return lambda image, at: [*words, "serve", str(image), "--persistent", "--socket", str(at), *flags]


def qemu_nbd(aio: str) -> Server:
    """``qemu-nbd`` on a VDI, with the host's page cache."""
    flags = ["--format=vdi", "--persistent", "--shared=0", "--cache=writeback", f"--aio={aio}"]
    return lambda image, at: ["qemu-nbd", *flags, f"--socket={at}", str(image)]


def nbdkit() -> Server:
    """``nbdkit`` with its file plugin: the bytes of a file as they are."""
    return lambda image, at: ["nbdkit", "--foreground", f"--unix={at}", "file", str(image)]


@asynccontextmanager
async def serving(words: Sequence[str], at: Path) -> AsyncIterator[str]:
    """Run a server; its URI, once it takes connections.

    Raises:
        CommandFailed: it has ended instead.
    """
    process = await asyncio.create_subprocess_exec(
        *words, stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE
    )
    try:
        while not await _is_there(at):
            if process.returncode is not None:
                _, told = await process.communicate()
                raise child.CommandFailed(f"{' '.join(words)}: {told.decode(errors='replace').strip()}")
            await asyncio.sleep(0.02)
        yield f"nbd+unix:///?socket={at}"
    finally:
        if process.returncode is None:
            process.terminate()
        await process.communicate()


def _bring_to_disk(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())


async def _is_there(at: Path) -> bool:
    try:
        _, writer = await asyncio.open_unix_connection(at)
    except (FileNotFoundError, ConnectionRefusedError):
        return False
    writer.close()
    await writer.wait_closed()
    return True


async def fio(uri: str, job: Job, *, size: int) -> float:
    """Requests a second."""
    done = await child.run(
        *("fio", "--name=job", "--ioengine=nbd", f"--uri={uri}", f"--rw={job.rw}", f"--bs={job.bs}"),
        *(
            f"--iodepth={job.depth}",
            "--time_based",
            f"--runtime={job.seconds}",
            "--ramp_time=500ms",
            f"--size={size}",
            "--norandommap",
        ),
        *(f"--numjobs={job.clients}", "--group_reporting", "--output-format=json"),
    )
    return iops_in(done.output)


def iops_in(output: str) -> float:
    """Requests a second in fio's JSON, which lines of its engine may precede. Raises CommandFailed for an error."""
    (job,) = json.loads(output[output.index("{") :])["jobs"]
    if job["error"]:
        raise child.CommandFailed(f"fio: error {job['error']}")
    return float(job["read"]["iops"] + job["write"]["iops"])


@dataclass(frozen=True)
class Bench:
    """What the sides of a row have in common: a server on the same image in each turn, and fio's jobs in order."""

    jobs: Mapping[str, Job]
    image: Callable[[Scratch], Awaitable[Path]]
    size: int

    @property
    def metrics(self) -> tuple[Metric, ...]:
        return tuple(Metric(name, unit="requests/s", better="more") for name in self.jobs)

    def side(self, name: str, server: Server, *needs: Need, bars: Mapping[str, Bar] = MappingProxyType({})) -> Side:
        return Side(name, partial(self._serve, server), needs=(FIO, *needs), bars=bars)

    def qemu_sides(self, bars: Mapping[str, Bar]) -> tuple[Side, ...]:
        """Both modes: a bar is to be reached against the better one, so against each."""
        return tuple(self.side(f"qemu-nbd, {aio}", qemu_nbd(aio), QEMU_NBD, bars=bars) for aio in QEMU_AIO)

    @asynccontextmanager
    async def _serve(self, server: Server, scratch: Scratch) -> AsyncIterator[Measure]:
        path = await self.image(scratch)

        async def measure() -> Figures:
            at = scratch.fresh(".sock")
            await asyncio.to_thread(_bring_to_disk, path)
            async with serving(server(path, at), at) as uri:
                return {name: await fio(uri, job, size=self.size) for name, job in self.jobs.items()}

        yield measure
