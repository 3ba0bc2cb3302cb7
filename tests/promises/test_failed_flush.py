"""A failed flush is reported once by the kernel, and trying again proves nothing: the disk stops."""

import errno
from pathlib import Path

import pytest

import aiovdi
from aiovdi.storage import Aio, open_file
from aiovdi.storage.base import Storage

MiB = 1 << 20


class FailingFlush:
    """A storage whose flush can be made to fail. Everything else is the real file's."""

    def __init__(self, inner: Storage) -> None:
        self._inner = inner
        self.failing = False
        self.flushes = 0

    def __getattr__(self, name: str) -> object:
        return getattr(self._inner, name)

    async def flush(self) -> None:
        self.flushes += 1
        if self.failing:
            raise OSError(errno.EIO, "injected")
        await self._inner.flush()


async def test_a_failed_flush_stops_writes_and_flushes_but_not_reads(image: Path, aio: Aio) -> None:
    await aiovdi.create(image, 16 * MiB)
    storage = FailingFlush(await open_file(image, writable=True, aio=aio))
    disk = await aiovdi.open(storage, "r+")  # type: ignore[arg-type]
    await disk.pwrite(b"old" * 1000, 0)
    await disk.flush()
    await disk.pwrite(b"new" * 1000, 0)
    storage.failing = True
    with pytest.raises(aiovdi.StorageError) as caught:
        await disk.flush()
    assert caught.value.errno == errno.EIO
    storage.failing = False
    seen = storage.flushes
    for request in (disk.flush(), disk.pwrite(b"x", 0), disk.write_zeroes(1, 0), disk.discard(1, 0)):
        with pytest.raises(aiovdi.DiskFailed) as stopped:
            await request
        assert isinstance(stopped.value.cause, aiovdi.StorageError)
    assert storage.flushes == seen, "a flush was tried again, and its success would have proved nothing"
    assert await disk.pread(3000, 0) == b"new" * 1000
    with pytest.raises(aiovdi.DiskFailed):
        await disk.close()
    await storage._inner.close()
    async with aiovdi.open(image, "r+", aio=aio) as again:
        held = await again.pread(3000, 0)
        assert held == b"new" * 1000, "the reopened disk reads what the storage holds"
        await again.pwrite(b"usable", 0, fua=True)


async def test_a_failed_fua_write_stops_the_disk_too(image: Path, aio: Aio) -> None:
    await aiovdi.create(image, 16 * MiB)
    storage = FailingFlush(await open_file(image, writable=True, aio=aio))
    disk = await aiovdi.open(storage, "r+")  # type: ignore[arg-type]
    await disk.pwrite(b"first", 0)
    storage.failing = True
    with pytest.raises(aiovdi.StorageError):
        await disk.pwrite(b"fua", 0, fua=True)  # its entry is not stable yet, so this needs a flush
    with pytest.raises(aiovdi.DiskFailed):
        await disk.pwrite(b"more", 0)
    with pytest.raises(aiovdi.DiskFailed):
        await disk.close()
    await storage._inner.close()
