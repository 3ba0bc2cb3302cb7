"""What a power loss may leave, reopened and judged, again and again.

::

    python -m benchmarks.work.images faults BLOCK_SIZE IMAGES
    python -m benchmarks.work.images qemu-io BLOCK_SIZE IMAGES

A driver is stopped in the middle of its writes: some are covered by a flush, some have ended since, some
are on their way. Each image is one choice of what survives. ``faults`` reads it with its second reader and
lets the oracle judge every sector; ``qemu-io`` opens it in a process of its own and reads all of it.
"""

import asyncio
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from benchmarks.work.clock import core_seconds
from faults.judges.oracle import Oracle
from faults.runs.story import Sim
from faults.runs.workload import Request, payload
from faults.simulation.crash import power_loss_space
from faults.simulation.device import Device
from faults.simulation.storage import SimStorage
from faults.simulation.tape import ExploringTape
from faults.vdi import VDI

__all__ = ["main", "stopped"]

SECTOR = 512
WRITES = 24
ENDED = 8
"""Of the second half of the writes, when the power goes."""


def main(reader: str, block_size: str, images: str) -> dict[str, float]:
    """Images a second."""
    target = VDI(block_size=int(block_size))
    device, oracle = stopped(target)
    judge = {"faults": _read_by_faults, "qemu-io": _read_by_qemu}[reader](target, oracle)
    judge(next(_images(device)))
    began = core_seconds()
    for image, _ in zip(_images(device), range(int(images)), strict=False):
        judge(image)
    return {"rate": int(images) / (core_seconds() - began)}


def stopped(target: VDI) -> tuple[Device, Oracle]:
    """The disk at the moment when the power goes, and what may be on it."""
    oracle = Oracle(target.size)
    sim = Sim(ExploringTape(1), target.blank())

    async def use(storage: SimStorage) -> None:
        disk = await target.open(storage)

        async def write(request: Request) -> None:
            begun = oracle.begin_write(request.offset, payload(request), request.name)
            await disk.pwrite(payload(request), request.offset)
            oracle.end_write(begun)

        requests = list(_requests(target))
        for request in requests[: WRITES // 2]:
            await write(request)
        flush = oracle.begin_flush()
        await disk.flush()
        oracle.end_flush(flush, succeeded=True)
        under_way = {asyncio.ensure_future(write(request)) for request in requests[WRITES // 2 :]}
        while len(under_way) > WRITES // 2 - ENDED:
            _, under_way = await asyncio.wait(under_way, return_when="FIRST_COMPLETED")

    sim.session(use, faults=False, power=False)
    oracle.lose_power()
    return sim.device, oracle


def _requests(target: VDI) -> Iterator[Request]:
    """One to four sectors each, twice in every block."""
    blocks = target.size // target.block_size
    for number in range(WRITES):
        offset = number % blocks * target.block_size + number // blocks * SECTOR
        yield Request(f"A{number}", "write", offset, SECTOR * (1 + number % 4))


def _images(device: Device) -> Iterator[Device]:
    tape = ExploringTape(2)
    while True:
        yield power_loss_space(device).draw(tape)


def _read_by_faults(target: VDI, oracle: Oracle) -> Callable[[Device], None]:
    def judge(image: Device) -> None:
        oracle.observe(target.read_image(image.stable()), "after the power loss")

    return judge


def _read_by_qemu(target: VDI, oracle: Oracle) -> Callable[[Device], None]:  # noqa: ARG001
    def judge(image: Device) -> None:
        with tempfile.NamedTemporaryFile(suffix=".vdi") as file:
            Path(file.name).write_bytes(bytes(image.stable()))
            command = ("qemu-io", "-r", "-f", "vdi", "-c", f"read -q 0 {target.size}", file.name)
            subprocess.run(command, check=True, capture_output=True)

    return judge


if __name__ == "__main__":
    print(json.dumps(main(*sys.argv[1:])))
