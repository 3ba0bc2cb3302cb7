"""A file: what is cached is read at once, refusals are remembered, failures and the end of things are clean."""

import asyncio
import errno
import gc
import os
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from aiovdi.errors import StorageError
from aiovdi.storage import FileStorage, posix
from aiovdi.storage.base import read_full, write_full

needs_nowait = pytest.mark.skipif(not hasattr(os, "RWF_NOWAIT"), reason="this system has no RWF_NOWAIT")
needs_dsync = pytest.mark.skipif(not hasattr(os, "RWF_DSYNC"), reason="this system has no RWF_DSYNC")


@pytest.fixture
async def storage(tmp_path: Path) -> AsyncIterator[FileStorage]:
    path = tmp_path / "x"
    path.write_bytes(b"\xff" * 10_000)
    storage = await FileStorage.open(path, writable=True)
    yield storage
    await storage.close()


class Refusing:
    """Stands in for ``os.preadv`` and ``os.pwritev``: refuses calls with flags, passes on the others."""

    def __init__(self, passing: Any, number: int) -> None:
        self.passing = passing
        self.number = number
        self.calls = 0

    def __call__(self, fd: int, buffers: Any, offset: int, flags: int = 0) -> int:
        self.calls += 1
        if flags:
            raise OSError(self.number, os.strerror(self.number))
        return int(self.passing(fd, buffers, offset))


# RWF_NOWAIT


@needs_nowait
@pytest.mark.parametrize("number", [errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL])
async def test_a_refusal_of_nowait_is_remembered(
    storage: FileStorage, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    preadv = Refusing(os.preadv, number)
    monkeypatch.setattr(os, "preadv", preadv)
    assert [storage.pread_now(bytearray(10), 0) for _ in range(5)] == [0] * 5
    assert preadv.calls == 1
    assert await storage.pread_some(memoryview(bytearray(10)), 0) == 10


@needs_nowait
async def test_what_is_not_cached_now_may_be_cached_later(
    storage: FileStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    preadv = Refusing(os.preadv, errno.EAGAIN)
    monkeypatch.setattr(os, "preadv", preadv)
    assert [storage.pread_now(bytearray(10), 0) for _ in range(5)] == [0] * 5
    assert preadv.calls == 5


async def test_without_the_flag_nothing_is_read_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "RWF_NOWAIT", raising=False)
    storage = await FileStorage.open(tmp_path / "x", writable=True, create=True)
    await write_full(storage, memoryview(b"abc"), 0)
    assert storage.pread_now(bytearray(3), 0) == 0
    await storage.close()


@needs_nowait
async def test_a_read_at_once_is_one_call_with_the_flag(storage: FileStorage, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    monkeypatch.setattr(os, "preadv", lambda fd, buffers, offset, flags: asked.append((offset, flags)) or 7)
    assert storage.pread_now(bytearray(10), 123) == 7
    assert asked == [(123, os.RWF_NOWAIT)]


# durability


@needs_dsync
async def test_fua_is_one_call_where_the_kernel_has_it(storage: FileStorage, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    monkeypatch.setattr(posix, "flush", lambda _: pytest.fail("a flush that nobody asked for"))
    monkeypatch.setattr(os, "pwritev", lambda fd, buffers, offset, flags: asked.append((offset, flags)) or 3)
    assert await storage.pwrite_some(memoryview(b"abc"), 50, fua=True) == 3
    assert asked == [(50, os.RWF_DSYNC)]


@needs_dsync
async def test_fua_is_a_write_and_a_flush_where_it_has_not(
    storage: FileStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    pwritev, flushes = Refusing(os.pwritev, errno.EOPNOTSUPP), []
    monkeypatch.setattr(os, "pwritev", pwritev)
    monkeypatch.setattr(posix, "flush", flushes.append)
    for _ in range(3):
        assert await storage.pwrite_some(memoryview(b"abc"), 50, fua=True) == 3
    assert (pwritev.calls, len(flushes)) == (1, 3)
    assert os.pread(storage.fileno(), 3, 50) == b"abc"


async def test_zeroes_with_fua_are_flushed_and_without_are_not(
    storage: FileStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    flushes: list[int] = []
    monkeypatch.setattr(posix, "flush", flushes.append)
    await storage.write_zeroes(100, 0)
    assert not flushes
    await storage.write_zeroes(100, 0, fua=True)
    assert len(flushes) == 1


async def test_a_failed_flush_is_raised(storage: FileStorage, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: int) -> None:
        raise OSError(errno.EIO, "on purpose")

    monkeypatch.setattr(posix, "flush", fail)
    for request in (storage.flush(), storage.write_zeroes(10, 0, fua=True)):
        with pytest.raises(OSError) as caught:
            await request
        assert caught.value.errno == errno.EIO


# errors of the kernel, in earnest

LIMITED = """
import asyncio, resource, signal, sys
from aiovdi.errors import StorageError
from aiovdi.storage import open_file
from aiovdi.storage.base import write_full

async def main():
    storage = await open_file(sys.argv[1], writable=True, create=True, aio=sys.argv[2])
    resource.setrlimit(resource.RLIMIT_FSIZE, (5000, 5000))
    try:
        await write_full(storage, memoryview(bytes(8000)), 1000)
    except StorageError as error:
        print(error.errno, error.operation, error.offset, error.length, storage.size)
    await storage.close()

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
asyncio.run(main())
"""


def test_a_file_that_may_not_grow_fails_with_efbig_where_it_stopped(tmp_path: Path) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", LIMITED, tmp_path / "x", "threads"], capture_output=True, text=True, check=True
    )
    assert ended.stdout.split() == [str(errno.EFBIG), "write", "5000", "4000", "5000"], ended.stderr


@pytest.fixture
def small_filesystem(tmp_path: Path) -> Iterator[Path]:
    place = tmp_path / "small"
    place.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", place], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip(f"cannot mount a tmpfs: {mounted.stderr.decode().strip()}")
    yield place
    subprocess.run(["umount", place], check=True)


async def test_a_full_filesystem_fails_with_enospc_and_keeps_what_was_written(small_filesystem: Path) -> None:
    storage = await FileStorage.open(small_filesystem / "x", writable=True, create=True)
    with pytest.raises(StorageError) as caught:
        await write_full(storage, memoryview(b"x" * 100_000), 0)
    error = caught.value
    assert (error.errno, error.operation) == (errno.ENOSPC, "write")
    assert error.offset + error.length == 100_000
    buffer = bytearray(error.offset)
    assert await read_full(storage, memoryview(buffer), 0) == error.offset == storage.size
    assert set(buffer) <= set(b"x")
    await storage.close()


async def test_a_read_only_file_fails_with_ebadf(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"abc")
    storage = await FileStorage.open(tmp_path / "x", writable=False)
    for request in (storage.pwrite_some(memoryview(b"x"), 0), storage.write_zeroes(3, 0)):
        with pytest.raises(OSError) as caught:
            await request
        assert caught.value.errno == errno.EBADF
    await storage.close()
    assert (tmp_path / "x").read_bytes() == b"abc"


async def test_a_block_device_has_a_fixed_length(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "x").write_bytes(bytes(8192))
    monkeypatch.setattr(posix, "is_block_device", lambda _: True)  # its length is found by seeking, as for one
    storage = await FileStorage.open(tmp_path / "x", writable=True)
    assert (storage.size, storage.can_grow, storage.extends_with_zeros) == (8192, False, False)
    for request, number in ((storage.resize(5), errno.ENOTSUP), (storage.write_zeroes(10, 8190), errno.ENOSPC)):
        with pytest.raises(OSError) as caught:
            await request
        assert caught.value.errno == number
    await storage.close()
    assert (tmp_path / "x").stat().st_size == 8192


# opening, closing, and being dropped


async def test_an_open_that_is_cancelled_leaves_no_descriptor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    #  t   the caller         the thread
    #  0   awaits open        is about to open
    #  1   is cancelled
    #  2                      opens
    #  3   closes, raises
    gate, opened = threading.Event(), []
    really = posix.open_descriptor

    def slow(*args: Any, **kwargs: Any) -> int:
        gate.wait()
        opened.append(really(*args, **kwargs))
        return opened[-1]

    monkeypatch.setattr(posix, "open_descriptor", slow)
    opening = asyncio.create_task(FileStorage.open(tmp_path / "x", writable=True, create=True))
    await asyncio.sleep(0)
    opening.cancel()
    await asyncio.sleep(0)
    gate.set()
    with pytest.raises(asyncio.CancelledError):
        await opening
    with pytest.raises(OSError, match="descriptor"):
        os.fstat(opened[0])


async def test_a_storage_that_is_dropped_warns_and_closes(tmp_path: Path) -> None:
    storage = await FileStorage.open(tmp_path / "x", writable=True, create=True)
    fd = storage.fileno()
    with pytest.warns(ResourceWarning, match="was not closed"):
        del storage
        gc.collect()
    with pytest.raises(OSError, match="descriptor"):
        os.fstat(fd)


@pytest.mark.parametrize("loop_of", ["asyncio", "uvloop"])
def test_a_loop_that_goes_away_leaves_the_io_to_its_end(tmp_path: Path, loop_of: str) -> None:
    #  t   the loop                 the thread
    #  0   submits a write          waits at the gate
    #  1   is closed
    #  2                            writes from the buffer, which still exists
    #  3   the storage is dropped: waits for the thread, then closes the descriptor
    loop = pytest.importorskip(loop_of).new_event_loop()
    gate = threading.Event()

    async def start() -> FileStorage:
        storage = await FileStorage.open(tmp_path / "x", writable=True, create=True)
        for _ in range(storage._threads._max_workers):
            storage._threads.submit(gate.wait)
        storage._threads.submit(os.pwrite, storage.fileno(), bytes(b"late" * 1000), 0)
        return storage

    storage = loop.run_until_complete(start())
    loop.close()
    gate.set()
    with pytest.warns(ResourceWarning, match="was not closed"):
        del storage
        gc.collect()
    assert (tmp_path / "x").read_bytes() == b"late" * 1000
