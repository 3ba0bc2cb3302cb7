"""Ten thousand cancellations at random awaits leave nothing behind, and nothing of them lands later.

Each worker owns a range. It writes, is cancelled after a random number of turns of the loop, and
checks at once: every sector is old or new. Then it writes something newer, which must stay: a write
of the cancelled request that was still on its way would come back over it.
"""

import asyncio
import random
from collections.abc import Callable
from pathlib import Path

import pytest

import aiovdi
from aiovdi.storage import Aio

MiB = 1 << 20
SECTOR = 512
WORKERS = 16
SPAN = 4 * MiB
CANCELS = {"threads": 3_000, "io_uring": 7_000}


class Worker:
    """One range of the disk, and what its sectors may hold."""

    def __init__(self, disk: aiovdi.Disk, number: int) -> None:
        self.disk = disk
        self.base = number * SPAN
        self.truth = bytearray(SPAN)
        self.random = random.Random(number)
        self.cancelled = 0

    async def run(self, cancels: int) -> None:
        while self.cancelled < cancels:
            length = self.random.choice([1, 512, 4096, 70_000, 1_200_000])
            offset = self.random.randrange(SPAN - length)
            await self._cancel_one(length, offset)
            await self._check(length, offset)
            if self.random.random() < 0.3:
                await self._write_newer(length, offset)
            if self.random.random() < 0.05:
                await self.disk.discard(SPAN, self.base)
                self.truth = bytearray(SPAN)

    async def _cancel_one(self, length: int, offset: int) -> None:
        """Cancel a write somewhere in its course, now and then twice, and learn what became of each sector."""
        data = self.random.randbytes(1) * length
        task = asyncio.create_task(self.disk.pwrite(data, self.base + offset, fua=self.random.random() < 0.1))
        for _ in range(int(2 ** self.random.uniform(0, 7)) - 1):
            await asyncio.sleep(0)
        task.cancel()
        if self.random.random() < 0.3:
            await asyncio.sleep(0)
            task.cancel()
        try:
            await task
        except asyncio.CancelledError:
            self.cancelled += 1
        self.new = data

    async def _check(self, length: int, offset: int) -> None:
        found = await self.disk.pread(length, self.base + offset)
        old = self.truth[offset : offset + length]
        if found not in (old, self.new):
            first = -(offset % SECTOR)
            for at in range(first, length, SECTOR):
                part = slice(max(at, 0), at + SECTOR)
                assert found[part] in (old[part], self.new[part]), f"a sector at {self.base + offset + at} is neither"
        self.truth[offset : offset + length] = found

    async def _write_newer(self, length: int, offset: int) -> None:
        data = self.random.randbytes(1) * length
        await self.disk.pwrite(data, self.base + offset)
        self.truth[offset : offset + length] = data


async def test_ten_thousand_cancellations_leave_nothing_behind(
    image: Path, aio: Aio, open_descriptors: Callable[[], set[str]], campaign: bool
) -> None:
    descriptors = open_descriptors()
    each = CANCELS[aio] * (10 if campaign else 1) // WORKERS + 1
    await aiovdi.create(image, WORKERS * SPAN, block_size=1 * MiB)
    tasks = asyncio.all_tasks()
    async with aiovdi.open(image, "r+", aio=aio) as disk:
        workers = [Worker(disk, number) for number in range(WORKERS)]
        async with asyncio.TaskGroup() as group:
            for worker in workers:
                group.create_task(worker.run(each))
        assert not len(disk._locks)
        assert not disk._pins
        assert not disk._blockmap._holds
        assert not disk._metadata._pending
        await disk.flush()
        await disk._slots.drain()
        assert asyncio.all_tasks() == tasks
        _assert_every_slot_is_accounted_for(disk)
    assert sum(worker.cancelled for worker in workers) >= CANCELS[aio]
    async with aiovdi.open(image, aio=aio) as disk:
        for worker in workers:
            assert await disk.pread(SPAN, worker.base) == worker.truth
    assert open_descriptors() == descriptors


def _assert_every_slot_is_accounted_for(disk: aiovdi.Disk) -> None:
    slots = disk._slots
    clean, dirty = set(slots._clean), set(slots._dirty)
    mapped = {slot for slot in range(slots._end) if slot in slots.used}
    assert not slots._doubtful
    assert not (clean & dirty or clean & mapped or dirty & mapped)
    assert clean | dirty | mapped == set(range(slots._end)), "a slot has no state"


@pytest.mark.parametrize("turns", range(12))
async def test_a_timeout_ends_a_write_and_counts_its_cancel_once(image: Path, aio: Aio, turns: int) -> None:
    await aiovdi.create(image, 16 * MiB)
    async with aiovdi.open(image, "r+", aio=aio) as disk:
        task = asyncio.current_task()
        assert task is not None
        try:
            async with asyncio.timeout(None) as limit:
                loop = asyncio.get_running_loop()
                writing = asyncio.create_task(disk.pwrite(b"x" * 100_000, 999))
                for _ in range(turns):
                    await asyncio.sleep(0)
                limit.reschedule(loop.time())
                await writing
        except TimeoutError:
            assert not task.cancelling()
        else:
            assert writing.done()
        await asyncio.wait([writing])
        assert await disk.pread(1, 0) == b"\0"
