"""NBD servers on the file of a row, one at a time, and fio as the client of all of them.

Rule 1: both sides of a pair serve the same file, and hold its lock, so a server lives for one turn of one
    side. Its start is not measured.
Rule 2: the client is fio with libnbd over a unix socket; its figure is what it has counted itself.
"""

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from benchmarks import child
from benchmarks.needs import Program
from benchmarks.row import Figures, Measure, Run
from benchmarks.scratch import Scratch

__all__ = [
    "AIOVDI",
    "AIOVDI_CORE",
    "FIO",
    "NBDKIT",
    "QEMU_NBD",
    "Job",
    "Server",
    "aiovdi",
    "fio",
    "iops_in",
    "nbdkit",
    "qemu_nbd",
    "serving",
    "turn",
]

FIO = Program("fio", debian_package="fio")
QEMU_NBD = Program("qemu-nbd", debian_package="qemu-utils")
NBDKIT = Program("nbdkit", debian_package="nbdkit")

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
        *(f"--iodepth={job.depth}", "--time_based", f"--runtime={job.seconds}", f"--size={size}", "--norandommap"),
        *(f"--numjobs={job.clients}", "--group_reporting", "--output-format=json"),
    )
    return iops_in(done.output)


def iops_in(output: str) -> float:
    """Requests a second in fio's JSON, which lines of its engine may precede. Raises CommandFailed for an error."""
    (job,) = json.loads(output[output.index("{") :])["jobs"]
    if job["error"]:
        raise child.CommandFailed(f"fio: error {job['error']}")
    return float(job["read"]["iops"] + job["write"]["iops"])


def turn(server: Server, jobs: Mapping[str, Job], *, image: Callable[[Scratch], object], size: int) -> Run:
    """A side: in each turn a fresh server on the row's image, and the jobs one after the other."""

    @asynccontextmanager
    async def run(scratch: Scratch) -> AsyncIterator[Measure]:
        path = await image(scratch)  # type: ignore[misc]

        async def measure() -> Figures:
            at = scratch.fresh(".sock")
            async with serving(server(path, at), at) as uri:
                return {name: await fio(uri, job, size=size) for name, job in jobs.items()}

        yield measure

    return run
