"""The back ends that the contract is tried on, and a way to hold their I/O up without sleeping.

``test_contract`` knows only the port and these fixtures: a new back end needs one entry in ``GROWING``
or ``FIXED``, and one case in ``hold_up`` if its I/O can be held up.
"""

import asyncio
import errno
import shutil
import subprocess
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from queue import SimpleQueue
from typing import Any, TypeAlias

import pytest

from aiovdi.storage import AlignedStorage, FileStorage, MemoryStorage, NbdStorage, Storage, UnflushedStorage, uring
from tests.storage.exporting import Exporter
from tests.storage.serving import served

Make: TypeAlias = Callable[..., Awaitable[Storage]]


class PickyMemory(MemoryStorage):
    """Memory that takes only whole units, as O_DIRECT does, except for the last one of what is there."""

    def __init__(self, content: bytes = b"", *, unit: int, **options: Any) -> None:
        super().__init__(content, **options)
        self.alignment = unit

    def _check(self, offset: int, length: int) -> None:
        if offset % self.alignment or length % self.alignment:
            raise OSError(errno.EINVAL, f"{length} bytes at {offset} are not units of {self.alignment}")

    async def pread_some(self, buffer: memoryview, offset: int) -> int:
        self._check(offset, len(buffer))
        return await super().pread_some(buffer, offset)

    async def pwrite_some(self, data: memoryview, offset: int, *, fua: bool = False) -> int:
        self._check(offset, len(data))
        return await super().pwrite_some(data, offset, fua=fua)

    async def write_zeroes(self, length: int, offset: int, *, fua: bool = False) -> None:
        self._check(offset, length)
        await super().write_zeroes(length, offset, fua=fua)


async def _memory(_: Path, content: bytes) -> Storage:
    return MemoryStorage(content)


async def _memory_with_stale_ends(_: Path, content: bytes) -> Storage:
    return MemoryStorage(content, extends_with_zeros=False)


def _picky(unit: int) -> Callable[[Path, bytes], Awaitable[Storage]]:
    async def make(_: Path, content: bytes) -> Storage:
        return AlignedStorage(PickyMemory(content, unit=unit))

    return make


async def _threads(path: Path, content: bytes) -> Storage:
    path.write_bytes(content)
    return await FileStorage.open(path, writable=True)


async def _uring(path: Path, content: bytes) -> Storage:
    if not uring.works():
        pytest.skip("io_uring does not work here: no extra, no kernel support, or a sandbox forbids it")
    path.write_bytes(content)
    return await uring.UringStorage.open(path, writable=True)


async def _direct(path: Path, content: bytes) -> Storage:
    path.write_bytes(content)
    try:
        return AlignedStorage(await FileStorage.open(path, writable=True, direct=True))
    except OSError as error:
        if error.errno == errno.EINVAL:
            pytest.skip(f"the filesystem of {path.parent} has no O_DIRECT")
        raise


async def _unflushed(path: Path, content: bytes) -> Storage:
    return UnflushedStorage(await _threads(path, content))


async def _fixed_memory(_: Path, content: bytes) -> Storage:
    return MemoryStorage(content, can_grow=False)


class _WithServer(NbdStorage):
    """A connection whose server goes when it is closed."""

    server: AsyncExitStack

    async def close(self) -> None:
        await super().close()
        await self.server.aclose()


async def _nbd(path: Path, content: bytes) -> Storage:
    async with AsyncExitStack() as server:
        exporter = await server.enter_async_context(Exporter(path.with_suffix(".sock"), content))
        storage = await _WithServer.open(exporter.uri, writable=True)
        storage.server = server.pop_all()
    return storage


async def _nbd_of_ours(path: Path, content: bytes) -> Storage:
    async with AsyncExitStack() as server:
        uri = await server.enter_async_context(
            served(MemoryStorage(content, can_grow=False), path.with_suffix(".sock"))
        )
        storage = await _WithServer.open(uri, writable=True)
        storage.server = server.pop_all()
    return storage


async def _nbdkit(path: Path, content: bytes) -> Storage:
    if (nbdkit := shutil.which("nbdkit")) is None:
        pytest.skip("nbdkit is not installed (Debian: nbdkit)")
    path.write_bytes(content)
    socket = path.with_suffix(".sock")
    socket.unlink(missing_ok=True)
    # It goes to the background once it listens, and ends with its only client.
    arguments = [nbdkit, "--unix", socket, "--pidfile", path.with_suffix(".pid"), "--filter=exitlast", "file", path]
    await asyncio.to_thread(subprocess.run, arguments, check=True)
    return await NbdStorage.open(f"nbd+unix:///?socket={socket}", writable=True)


GROWING: Mapping[str, Callable[[Path, bytes], Awaitable[Storage]]] = {
    "memory": _memory,
    "memory-stale": _memory_with_stale_ends,
    "threads": _threads,
    "io_uring": _uring,
    "direct": _direct,
    "aligned-512": _picky(512),
    "aligned-4096": _picky(4096),
    "unflushed": _unflushed,
}

FIXED: Mapping[str, Callable[[Path, bytes], Awaitable[Storage]]] = {
    "memory-fixed": _fixed_memory,
    "nbd": _nbd,
    "nbd-of-ours": _nbd_of_ours,
    "nbdkit": _nbdkit,
}

BACKENDS = {**GROWING, **FIXED}


def pytest_asyncio_loop_factories(item: pytest.Item) -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    """The contract, and what is done with connections, is tried on uvloop too, where that is installed."""
    factories: dict[str, Callable[[], asyncio.AbstractEventLoop]] = {"asyncio": asyncio.new_event_loop}
    if "test_contract" in item.nodeid or "test_nbd" in item.nodeid:
        try:
            import uvloop
        except ImportError:
            return factories
        factories["uvloop"] = uvloop.new_event_loop
    return factories


@pytest.fixture(params=BACKENDS)
def backend(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def can_grow(backend: str) -> bool:
    """Whether the back end under test is one that can grow."""
    return backend in GROWING


@pytest.fixture
async def make(backend: str, tmp_path: Path) -> AsyncIterator[Make]:
    """``await make(content)``: a storage of the back end under test, closed when the test ends."""
    async with _making(backend, tmp_path) as make_one:
        yield make_one


@pytest.fixture(params=GROWING)
async def make_growing(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Make]:
    """The same, of the back ends that can grow."""
    async with _making(request.param, tmp_path) as make_one:
        yield make_one


@pytest.fixture(params=FIXED)
async def make_fixed(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Make]:
    """The same, of the back ends that cannot."""
    async with _making(request.param, tmp_path) as make_one:
        yield make_one


@asynccontextmanager
async def _making(backend: str, tmp_path: Path) -> AsyncIterator[Make]:
    made: list[Storage] = []

    async def make_one(content: bytes = b"") -> Storage:
        storage = await BACKENDS[backend](tmp_path / f"{len(made)}.img", content)
        made.append(storage)
        return storage

    yield make_one
    for storage in made:
        await storage.close()


@pytest.fixture
def make_now(tmp_path: Path) -> Callable[[str, bytes], Awaitable[Storage]]:
    """``await make_now(backend, content)``, for tests that run a loop of their own."""

    async def make_one(backend: str, content: bytes = b"") -> Storage:
        return await BACKENDS[backend](tmp_path / "own-loop.img", content)

    return make_one


@pytest.fixture
def hold_up(monkeypatch: pytest.MonkeyPatch) -> Callable[[Storage], Callable[[], None]]:
    """``release = hold_up(storage)``: I/O that is issued from now on stays in flight until ``release()``."""

    def hold_writes(writers: Any) -> Callable[[], None]:
        if writers._loop is None:
            writers._start()
        jobs, writers._jobs = writers._jobs, SimpleQueue()  # which no thread reads
        count, writers._count = writers._count, 0

        def release() -> None:
            held, writers._jobs, writers._count = writers._jobs, jobs, count
            while not held.empty():
                jobs.put(held.get())

        return release

    def hold(storage: Any) -> Callable[[], None]:
        while hasattr(storage, "_inner"):
            storage = storage._inner
        if isinstance(storage, MemoryStorage):
            open_again = asyncio.Event()
            storage._latency = open_again.wait
            return open_again.set
        if isinstance(storage, NbdStorage):
            storage._connection.pause_writing()
            return storage._connection.resume_writing
        gate = threading.Event()
        blockers = [storage._threads.submit(gate.wait) for _ in range(storage._threads._max_workers)]
        assert not any(blocker.done() for blocker in blockers)
        monkeypatch.setattr(uring, "_DEPTH", 0)
        release_writes = hold_writes(storage._writers)

        def release() -> None:
            monkeypatch.undo()
            gate.set()
            release_writes()
            if (ring := getattr(storage, "_ring", None)) is not None:
                ring._submit()

        return release

    return hold
