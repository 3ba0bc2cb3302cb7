"""Small targets for the tests of the search: a disk that is right, and the same with one planted bug each.

The disk keeps sectors in place behind one sector of header. It promises what any disk does: what was
flushed survives a power loss, and what was acknowledged is read.
"""

import asyncio
import errno
import os
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

import faults.target

SECTOR = 512
SECTORS = 8
DATA = 512


async def retried(call: Callable[[], Awaitable[int]]) -> int:
    """EINTR is no error: nothing was done, and the call is made again."""
    while True:
        try:
            return await call()
        except InterruptedError:
            continue


class PlainDisk:
    """Every request goes straight to the storage."""

    def __init__(self, storage: Any) -> None:
        self.storage = storage

    async def pread(self, length: int, offset: int) -> bytes:
        buffer = memoryview(bytearray(length))
        at = 0
        while at < length:
            at += await retried(partial(self.storage.pread_some, buffer[at:], DATA + offset + at))
        return bytes(buffer)

    async def pwrite(self, data: bytes, offset: int, *, fua: bool = False) -> None:
        view = memoryview(data)
        at = 0
        while at < len(data):
            at += await retried(partial(self.storage.pwrite_some, view[at:], DATA + offset + at, fua=fua))

    async def write_zeroes(self, length: int, offset: int, *, fua: bool = False) -> None:
        await self.pwrite(bytes(length), offset, fua=fua)

    async def discard(self, length: int, offset: int) -> None:
        await self.pwrite(bytes(length), offset)

    async def flush(self) -> None:
        await self.storage.flush()

    async def close(self) -> None:
        await self.storage.flush()


class ForgetsFlush(PlainDisk):
    """Every flush is acknowledged, and none is done."""

    async def flush(self) -> None:
        await asyncio.sleep(0)

    close = flush


class SwallowsErrors(PlainDisk):
    """A write that fails is acknowledged."""

    async def pwrite(self, data: bytes, offset: int, *, fua: bool = False) -> None:
        try:
            await super().pwrite(data, offset, fua=fua)
        except OSError:
            return


class StopsShort(PlainDisk):
    """A write that the storage does in part is not resumed."""

    async def pwrite(self, data: bytes, offset: int, *, fua: bool = False) -> None:
        view = memoryview(data)
        await retried(lambda: self.storage.pwrite_some(view, DATA + offset, fua=fua))


class MergesInMemory(PlainDisk):
    """A write reads its sectors, merges, and writes them back: of two at once one may undo the other."""

    async def pwrite(self, data: bytes, offset: int, *, fua: bool = False) -> None:
        whole = bytearray(await self.pread(SECTORS * SECTOR, 0))
        whole[offset : offset + len(data)] = data
        await super().pwrite(bytes(whole), 0, fua=fua)


class FailsAfterCancel(PlainDisk):
    """A cancelled write leaves its mark in the disk, and the next write fails of it: 3c of the 2011 report."""

    is_stale = False

    async def pwrite(self, data: bytes, offset: int, *, fua: bool = False) -> None:
        if self.is_stale:
            self.is_stale = False
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        try:
            await super().pwrite(data, offset, fua=fua)
        except asyncio.CancelledError:
            self.is_stale = True
            raise


class Target(faults.target.Target):
    """One of these disks under test."""

    disk: type[PlainDisk] = PlainDisk
    size = SECTORS * SECTOR
    block_size = 2 * SECTOR

    @property
    def name(self) -> str:
        return self.disk.__name__

    def blank(self) -> bytes:
        return bytes(DATA + self.size)

    async def open(self, storage: Any) -> PlainDisk:
        return self.disk(storage)

    def region(self, offset: int) -> str:
        return "header" if offset < DATA else "data"

    def read_image(self, content: bytes) -> bytes:
        return content[DATA:]

    def is_expected(self, error: BaseException) -> bool:
        return isinstance(error, OSError)

    def stops(self, error: BaseException) -> bool:
        return False

    def leaks(self, disk: Any) -> list[str]:
        return []


class ForgetsFlushTarget(Target):
    disk = ForgetsFlush


class SwallowsErrorsTarget(Target):
    disk = SwallowsErrors


class StopsShortTarget(Target):
    disk = StopsShort


class MergesInMemoryTarget(Target):
    disk = MergesInMemory


class FailsAfterCancelTarget(Target):
    disk = FailsAfterCancel
