"""A child of the kill tests that ends itself at an exact call of its storage: before, halfway or after it.

A kill from outside falls where the host's scheduler lets it; this one falls between any two I/Os.
The workload's ``lifetime`` is three times the number of calls, plus the place: 0, 1 or 2.
"""

import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from aiovdi.demo import child
from aiovdi.demo.workload import Workload
from aiovdi.driver.disk import Disk
from aiovdi.driver.opening import open_disk
from aiovdi.storage import Storage, open_file
from aiovdi.units import SECTOR

BEFORE, HALFWAY, AFTER = range(3)


class Mortal:
    """A storage whose process does not survive one of its changes. Everything else is the storage's below."""

    def __init__(self, inner: Storage, lifetime: int) -> None:
        self._inner = inner
        self._calls = 0
        self._last_call, self._place = divmod(lifetime, 3)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    async def pwrite_some(self, data: memoryview, offset: int, *, fua: bool = False) -> int:
        half = data[: len(data) // 2 // SECTOR * SECTOR]

        async def write_half() -> None:
            if half:
                await self._inner.pwrite_some(half, offset, fua=fua)

        count: int = await self._live(lambda: self._inner.pwrite_some(data, offset, fua=fua), write_half)
        return count

    async def write_zeroes(self, length: int, offset: int, *, fua: bool = False) -> None:
        half = length // 2 // SECTOR * SECTOR

        async def zero_half() -> None:
            if half:
                await self._inner.write_zeroes(half, offset, fua=fua)

        await self._live(lambda: self._inner.write_zeroes(length, offset, fua=fua), zero_half)

    async def resize(self, size: int) -> None:
        await self._live(lambda: self._inner.resize(size))

    async def flush(self) -> None:
        await self._live(self._inner.flush)

    async def _live(self, call: Callable[[], Awaitable[Any]], half: Callable[[], Awaitable[Any]] | None = None) -> Any:
        self._calls += 1
        is_last = self._calls == self._last_call
        if is_last and self._place == HALFWAY and half is not None:
            await half()
        if is_last and self._place != AFTER:
            os.kill(os.getpid(), signal.SIGKILL)
        result = await call()
        if is_last:
            os.kill(os.getpid(), signal.SIGKILL)
        return result


@asynccontextmanager
async def open_mortal(workload: Workload) -> AsyncIterator[Disk]:
    """The image on a mortal storage."""
    storage = await open_file(workload.image, writable=True, cache=workload.cache, aio=workload.aio)
    mortal = Mortal(storage, workload.lifetime)
    async with open_disk(mortal, "r+", cache=workload.cache) as disk:
        yield disk


if __name__ == "__main__":
    child.main(open_mortal)
