"""Thousands of concurrent requests of every size on every back end, against an array of bytes and against QEMU."""

import asyncio
import random
import subprocess
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

import aiovdi
from aiovdi.driver.disk import Disk
from aiovdi.storage import uring
from aiovdi.storage.memory import MemoryStorage
from aiovdi.units import KiB, MiB

SIZE = 64 * MiB
REQUESTS = 5000
IN_FLIGHT = 200
BACK_ENDS = ["memory", "threads", "io_uring", "threads without page cache"]


@pytest.fixture(params=BACK_ENDS)
async def opened(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Callable[[str], Any]]:
    """``await opened("r+")`` is the disk of this test, each time opened anew."""
    path, memory = tmp_path / "disk.vdi", MemoryStorage(latency=lambda: asyncio.sleep(0))
    target: Any = memory if request.param == "memory" else path
    options: dict[str, Any] = {} if request.param == "memory" else {"aio": request.param.split()[0]}
    if request.param == "io_uring" and not uring.works():
        pytest.skip("io_uring does not work here: no extra 'uring', or a kernel that refuses it")
    if request.param.endswith("without page cache"):
        options["cache"] = "none"
    await aiovdi.create(target, SIZE)
    if "cache" in options:
        try:
            await (await aiovdi.open(target, cache="none")).close()
        except aiovdi.StorageError as error:
            pytest.skip(str(error.strerror))  # a filesystem without O_DIRECT
    async with AsyncExitStack() as stack:

        async def another(mode: str) -> Disk:
            return await stack.enter_async_context(aiovdi.open(target, mode, **options))  # type: ignore[arg-type]

        yield another


@dataclass
class Workload:
    """Requests drawn from one seed. Writes that overlap anything in flight are not drawn."""

    disk: Disk
    truth: bytearray
    dice: random.Random
    in_flight: set[tuple[int, int]] = field(default_factory=set)
    served: int = 0

    async def run(self, count: int) -> None:
        slots = asyncio.Semaphore(IN_FLIGHT)
        async with asyncio.TaskGroup() as group:
            for _ in range(count):
                await slots.acquire()
                offset, length = self._place()
                self.in_flight.add((offset, length))
                task = group.create_task(self._request(offset, length))
                task.add_done_callback(lambda _: slots.release())

    def _place(self) -> tuple[int, int]:
        while True:
            length = self._length()
            offset = self.dice.randrange(SIZE - length + 1)
            if self.dice.random() < 0.3:  # straddle a border of blocks
                offset = min(max(0, round(offset, -6) // MiB * MiB - length // 2), SIZE - length)
            if all(offset + length <= start or start + size <= offset for start, size in self.in_flight):
                return offset, length

    def _length(self) -> int:
        kind = self.dice.random()
        if kind < 0.6:
            return self.dice.randint(1, 8 * KiB)
        if kind < 0.85:
            return self.dice.choice([512, 4 * KiB, 64 * KiB])
        return self.dice.randint(1, 256 * KiB) if kind < 0.995 else self.dice.randint(1 * MiB, 4 * MiB)

    async def _request(self, offset: int, length: int) -> None:
        try:
            await self._serve(offset, length)
        finally:
            self.in_flight.remove((offset, length))
            self.served += 1

    async def _serve(self, offset: int, length: int) -> None:
        kind = self.dice.random()
        if kind < 0.45:
            data = self.dice.randbytes(min(length, 64)) * (length // 64 + 1)
            self.truth[offset : offset + length] = data[:length]
            await self.disk.pwrite(memoryview(data)[:length], offset, fua=kind < 0.01)
        elif kind < 0.55:
            self.truth[offset : offset + length] = bytes(length)
            await (self.disk.write_zeroes if kind < 0.5 else self.disk.discard)(length, offset)
        elif kind < 0.56:
            await self.disk.flush()
        else:
            data = await self.disk.pread(length, offset)
            assert data == self.truth[offset : offset + length], f"{length} bytes at {offset}"


async def contents(disk: Disk) -> bytes:
    return b"".join([await disk.pread(4 * MiB, at) for at in range(0, SIZE, 4 * MiB)])


async def test_concurrent_requests_are_an_array_of_bytes(
    opened: Callable[[str], Any], tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    disk = await opened("r+")
    work = Workload(disk, bytearray(SIZE), random.Random(20110219))
    await work.run(REQUESTS)
    assert work.served == REQUESTS
    assert await contents(disk) == work.truth
    assert not disk._pins
    assert not len(disk._locks)
    await disk.close()
    again = await opened("r")
    assert await contents(again) == work.truth
    await again.close()
    if (path := tmp_path / "disk.vdi").exists():
        qemu_agrees(path, work.truth, request.getfixturevalue("peer"))


def qemu_agrees(path: Path, truth: bytearray, peer: Callable[[str], str]) -> None:
    raw = path.with_suffix(".raw")
    raw.write_bytes(truth)
    subprocess.run([peer("qemu-img"), "check", str(path)], check=True, capture_output=True)
    compare = [peer("qemu-img"), "compare", "-f", "vdi", "-F", "raw", str(path), str(raw)]
    subprocess.run(compare, check=True, capture_output=True)
