"""io_uring: many in flight, none lost, none left behind; and threads where the ring refuses.

A stand-in for the library tries what a kernel does not do on demand: I/O that takes its time, and a
ring that refuses. The rest runs on the real one, and is skipped where that does not work.
"""

import asyncio
import errno
import gc
import os
import random
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from aiovdi.storage import FileStorage, uring
from aiovdi.storage.base import read_full, write_full
from aiovdi.storage.uring import UringStorage
from aiovdi.units import KiB, MiB

needs_uring = pytest.mark.skipif(not uring.works(), reason="io_uring does not work here")


@pytest.fixture
async def storage(tmp_path: Path) -> AsyncIterator[UringStorage]:
    storage = await UringStorage.open(tmp_path / "x", writable=True, create=True)
    yield storage
    await storage.close()


class Operation:
    """A stand-in for caio's."""

    def __init__(self, kind: str, *arguments: Any) -> None:
        self.kind = kind
        self.arguments = arguments
        self.value: Any = None

    @classmethod
    def read(cls, length: int, fd: int, offset: int) -> "Operation":
        return cls("read", fd, length, offset)

    @classmethod
    def write(cls, data: bytes, fd: int, offset: int) -> "Operation":
        return cls("write", fd, data, offset)

    @classmethod
    def fdsync(cls, fd: int) -> "Operation":
        return cls("fdsync", fd)

    def set_callback(self, callback: Callable[[int], None]) -> None:
        self.callback = callback

    def get_value(self) -> Any:
        return self.value

    def complete(self) -> None:
        match self.kind, self.arguments:
            case "read", [fd, length, offset]:
                self.value = os.pread(fd, length, offset)
                self.callback(len(self.value))
            case "write", [fd, data, offset]:
                self.callback(os.pwrite(fd, data, offset))
            case _:
                self.callback(0)


class Library:
    """A stand-in for caio.linux_uring: I/O completes when ``complete`` says so; ``refuse`` is an errno."""

    Operation = Operation

    def __init__(self) -> None:
        self.in_kernel: list[Operation] = []
        self.done: list[Operation] = []
        self.most = 0
        self.refuse = 0
        self.fileno = os.eventfd(0, os.EFD_NONBLOCK)

    def Context(self, _: int) -> "Library":  # noqa: N802  (caio's name)
        return self

    def submit(self, operation: Operation) -> None:
        self.staged = operation

    def flush(self) -> None:
        if self.refuse:
            raise SystemError(self.refuse, os.strerror(self.refuse))
        self.in_kernel.append(self.staged)
        self.most = max(self.most, len(self.in_kernel))

    def poll(self) -> None:
        os.eventfd_read(self.fileno)

    def process_events(self, *_: int) -> int:
        done, self.done = self.done, []
        for operation in done:
            operation.complete()
        return len(done)

    def complete(self, count: int) -> None:
        self.done += self.in_kernel[:count]
        del self.in_kernel[:count]
        os.eventfd_write(self.fileno, 1)


@pytest.fixture
def library(monkeypatch: pytest.MonkeyPatch) -> Iterator[Library]:
    if not hasattr(os, "eventfd"):
        pytest.skip("this system has no eventfd")
    library = Library()
    monkeypatch.setattr(uring, "_library", lambda: library)
    yield library
    os.close(library.fileno)


async def turns(count: int = 10) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


# the ring, with a kernel that obeys


async def test_no_more_is_in_the_kernel_than_fits_and_the_rest_waits_in_order(
    storage: UringStorage, library: Library
) -> None:
    count = 3 * uring._DEPTH
    storage._library = library
    await storage.pwrite_some(memoryview(b"".join(b"%4d" % i for i in range(count))), 0, fua=True)
    buffers = [bytearray(4) for _ in range(count)]
    reads = [asyncio.create_task(storage.pread_some(memoryview(buffers[i]), 4 * i)) for i in range(count)]
    await turns()
    assert len(library.in_kernel) == uring._DEPTH
    assert [operation.arguments[2] for operation in library.in_kernel] == [4 * i for i in range(uring._DEPTH)]
    while library.in_kernel:
        library.complete(7)
        await turns(3)
    assert await asyncio.gather(*reads) == [4] * count
    assert library.most == uring._DEPTH
    assert buffers == [b"%4d" % i for i in range(count)]


async def test_writes_that_come_alone_go_to_the_ring_and_those_that_come_together_to_threads(
    storage: UringStorage, library: Library
) -> None:
    storage._library = library
    for i in range(uring._LONE_WRITES_MIN):
        await storage.pwrite_some(memoryview(b"%4d" % i), 4 * i)
    assert library.in_kernel == []
    alone = asyncio.create_task(storage.pwrite_some(memoryview(b"lone"), 0))
    await turns()
    assert [operation.arguments[1] for operation in library.in_kernel] == [b"lone"]
    together = [asyncio.create_task(storage.pwrite_some(memoryview(b"%4d" % i), 4 * i)) for i in range(1, 100)]
    assert await asyncio.gather(*together) == [4] * 99
    assert not alone.done()
    library.complete(1)
    assert await alone == 4
    await storage.pwrite_some(memoryview(b"then"), 400)
    assert library.in_kernel == []
    assert os.pread(storage.fileno(), 404, 0) == b"lone" + b"".join(b"%4d" % i for i in range(1, 100)) + b"then"


async def test_a_cancelled_request_waits_for_the_kernel(storage: UringStorage, library: Library) -> None:
    storage._library = library
    buffer = bytearray(b"untouched")
    read = asyncio.create_task(storage.pread_some(memoryview(buffer), 0))
    await turns()
    read.cancel()
    await turns()
    assert not read.done()
    library.complete(1)
    with pytest.raises(asyncio.CancelledError):
        await read
    assert buffer == b"untouched"


async def test_close_waits_for_the_kernel_and_for_what_waits(storage: UringStorage, library: Library) -> None:
    storage._library = library
    buffers = [memoryview(bytearray(1)) for _ in range(uring._DEPTH + 5)]
    reads = [asyncio.create_task(storage.pread_some(buffer, 0)) for buffer in buffers]
    await turns()
    closing = asyncio.create_task(storage.close())
    closing.cancel()
    await turns()
    closing = asyncio.create_task(storage.close())
    await turns()
    library.complete(uring._DEPTH)
    await turns()
    assert not closing.done()
    library.complete(5)
    await closing
    assert all(read.done() for read in reads)


@pytest.mark.parametrize("number", [errno.EAGAIN, errno.EBUSY, errno.ENOMEM])
async def test_threads_take_over_from_a_ring_that_refuses(storage: UringStorage, library: Library, number: int) -> None:
    #  t   the ring                                       threads
    #  0   takes as many as fit; one more waits
    #  1   refuses from now on
    #  2   one completes, the one that waited is refused  read for it
    #  3                                                  do all that comes
    storage._library = library
    await storage.pwrite_some(memoryview(b"abc"), 0, fua=True)
    buffers = [memoryview(bytearray(1)) for _ in range(uring._DEPTH + 1)]
    accepted = [asyncio.create_task(storage.pread_some(buffer, 0)) for buffer in buffers[:-1]]
    waiting = asyncio.create_task(storage.pread_some(buffers[-1], 1))
    await turns()
    library.refuse = number
    library.complete(uring._DEPTH)
    assert await asyncio.gather(*accepted, waiting) == [1] * (uring._DEPTH + 1)
    assert b"".join(buffers) == b"a" * uring._DEPTH + b"b"
    library.refuse = 0
    assert await storage.pwrite_some(memoryview(b"t"), 3) == 1
    await storage.flush()
    assert library.in_kernel == []
    assert os.pread(storage.fileno(), 1000, 0) == b"abct"


async def test_a_ring_that_cannot_be_made_is_not_needed(storage: UringStorage) -> None:
    class Hopeless:
        Operation = Operation

        def Context(self, _: int) -> None:  # noqa: N802
            raise SystemError(errno.ENOMEM, "no locked memory left")

    storage._library = Hopeless()
    await write_full(storage, memoryview(b"abc"), 0)
    await storage.flush()
    buffer = bytearray(3)
    await read_full(storage, memoryview(buffer), 0)
    assert buffer == b"abc"


@pytest.mark.parametrize("error", [ImportError, SystemError, PermissionError])
def test_where_the_library_or_the_kernel_refuses_it_does_not_work(
    monkeypatch: pytest.MonkeyPatch, error: type[Exception]
) -> None:
    def refuse(_: str) -> Any:
        raise error

    monkeypatch.setattr("importlib.import_module", refuse)
    assert uring._library.__wrapped__() is None


# the ring, with this kernel


@needs_uring
async def test_the_ring_is_made_when_it_is_needed_and_only_for_what_it_does_best(storage: UringStorage) -> None:
    await storage.resize(MiB)
    await storage.pwrite_some(memoryview(bytes(MiB)), 0)
    await storage.pwrite_some(memoryview(b"fua"), 0, fua=True)
    assert storage._ring is None
    for _ in range(uring._LONE_WRITES_MIN + 1):
        await storage.pwrite_some(memoryview(b"small"), 0)
    assert storage._ring is not None


@needs_uring
async def test_errors_keep_their_errno(tmp_path: Path) -> None:
    (tmp_path / "r").write_bytes(b"abc")
    storage = await UringStorage.open(tmp_path / "r", writable=False)
    with pytest.raises(OSError) as caught:
        await storage.pwrite_some(memoryview(b"x"), 0)
    assert caught.value.errno == errno.EBADF
    await storage.close()


@needs_uring
async def test_io_that_takes_no_time_does_not_keep_the_loop_from_its_turn(storage: UringStorage) -> None:
    await storage.pwrite_some(memoryview(bytes(512)), 0)
    buffer = memoryview(bytearray(512))
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0):
            while True:
                await storage.pread_some(buffer, 0)


@needs_uring
async def test_no_completion_is_lost_at_depth_32(storage: UringStorage, campaign: bool) -> None:
    """Each sector holds the number of its last writer; each read must find it."""
    sectors, count = 2048, 1_000_000 if campaign else 20_000
    await storage.resize(sectors * 512)
    chance, todo = random.Random(32), iter(range(count))
    last = [0] * sectors

    async def worker(mine: range) -> None:
        buffer = bytearray(512)
        for number in todo:
            sector = chance.choice(mine)
            if number % 2:
                await write_full(storage, memoryview(number.to_bytes(8, "little") * 64), sector * 512)
                last[sector] = number
            else:
                await read_full(storage, memoryview(buffer), sector * 512)
                assert buffer == last[sector].to_bytes(8, "little") * 64

    await asyncio.gather(*(worker(range(first, sectors, 32)) for first in range(32)))
    assert storage._ring is not None
    assert not storage._ring._is_busy()


@needs_uring
@pytest.mark.parametrize("loop_of", ["asyncio", "uvloop"])
def test_a_loop_that_goes_away_leaves_the_io_to_its_end(tmp_path: Path, loop_of: str) -> None:
    #  t   the loop                             the kernel
    #  0   submits 300 writes and 300 reads     has some of them
    #  1   is closed
    #  2   everything of it is dropped          goes on, in memory that is still there
    #  3                                        is waited for, before the descriptor is closed
    loop = pytest.importorskip(loop_of).new_event_loop()
    tasks = []

    async def start() -> UringStorage:
        storage = await UringStorage.open(tmp_path / "x", writable=True, create=True)
        await storage.pwrite_some(memoryview(bytes(64 * KiB)), 0)
        tasks.extend(asyncio.ensure_future(storage.pwrite_some(memoryview(b"w" * KiB), i * KiB)) for i in range(300))
        tasks.extend(asyncio.ensure_future(storage.pread_some(memoryview(bytearray(KiB)), 0)) for _ in range(300))
        await asyncio.sleep(0)
        return storage

    storage = loop.run_until_complete(start())
    fd, ring = storage.fileno(), storage._ring
    loop.close()
    assert ring is not None
    for task in tasks:
        task._log_destroy_pending = False  # that they are left over is the point
    del task
    tasks.clear()
    with pytest.warns(ResourceWarning, match="was not closed"):
        del storage
        gc.collect()
    assert ring._in_flight == 0
    with pytest.raises(OSError, match="descriptor"):
        os.fstat(fd)
    written = (tmp_path / "x").read_bytes()
    assert set(written) <= {0, ord("w")}


async def test_a_direct_file_stays_with_threads(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(bytes(8192))
    fd = os.open(tmp_path / "x", os.O_RDWR)
    storage = UringStorage(fd, path="x", direct=True)
    assert storage._library is None
    assert isinstance(storage, FileStorage)
    await storage.close()
