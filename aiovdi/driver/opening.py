"""From a path or a storage to a disk: descriptor, lock, header, obstacles, in this order.

Nothing but the header and the length of the file is read, so the cost does not grow with the disk.
What was opened on the way is released when a later step refuses.
"""

import os
from collections.abc import Callable, Generator
from contextlib import AsyncExitStack
from functools import partial
from typing import Any, Literal, TypeAlias

from aiovdi.driver import locking
from aiovdi.driver.disk import Disk
from aiovdi.format.header import HEADER_BYTES, Header, parse
from aiovdi.storage import Aio, Cache, open_file
from aiovdi.storage.base import Storage, read_full

__all__ = ["Aio", "Cache", "Mode", "Opening", "Target", "open_disk", "read_header"]

Mode: TypeAlias = Literal["r", "r+"]
Target: TypeAlias = "str | os.PathLike[str] | Storage"

_WRITE_THROUGH = frozenset({"writethrough", "directsync"})


class Opening:
    """What ``open_disk`` returns: await it for the disk, or enter it for a disk that is closed on exit."""

    def __init__(self, target: Target, mode: Mode, cache: Cache, aio: Aio | None, lock: bool) -> None:
        self._target = target
        self._mode = mode
        self._cache = cache
        self._aio = aio
        self._lock = lock
        self._disk: Disk | None = None

    def __await__(self) -> Generator[Any, None, Disk]:
        return self._open().__await__()

    async def __aenter__(self) -> Disk:
        self._disk = await self._open()
        return self._disk

    async def __aexit__(self, *_: object) -> None:
        assert self._disk is not None
        await self._disk.close()

    async def _open(self) -> Disk:
        writable = self._mode == "r+"
        async with AsyncExitStack() as opened:
            if isinstance(self._target, str | os.PathLike):
                storage = await open_file(self._target, writable=writable, cache=self._cache, aio=self._aio)
                opened.push_async_callback(storage.close)
                if self._lock:
                    opened.callback(await lock_storage(storage, writable=writable, path=os.fspath(self._target)))
                name = os.fspath(self._target)
            else:
                storage, name = self._target, type(self._target).__name__
            header = await read_header(storage)
            if obstacle := (header.writable_obstacle() if writable else header.readable_obstacle()):
                raise obstacle
            disk = Disk(storage, header, writable=writable, write_through=self._cache in _WRITE_THROUGH, name=name)
            disk.on_close.append(opened.pop_all().aclose)
            return disk


def open_disk(
    target: Target,
    mode: Mode = "r",
    *,
    cache: Cache = "writeback",
    aio: Aio | None = None,
    lock: bool = True,
) -> Opening:
    """Open a VDI image: ``async with aiovdi.open(...) as disk`` or ``disk = await aiovdi.open(...)``.

    Args:
        target: a path, an NBD URI such as ``nbd+unix:///export?socket=path`` (an export of the image file's
            bytes, not of the disk in it; it has no locks), or a ``Storage``. A storage stays the caller's: it
            is neither locked nor closed.
        mode: ``"r"`` to read, ``"r+"`` to read and write.
        cache: QEMU's names. ``"writeback"``: acknowledged writes are in the page cache, ``flush`` makes
            them durable. ``"none"``: the same without the host's page cache (O_DIRECT).
            ``"writethrough"``: each write is durable when it returns. ``"directsync"``: both.
            ``"unsafe"``: flushes do nothing; only for images that can be thrown away.
        aio: ``"threads"`` or ``"io_uring"``; the default takes io_uring where the extra ``uring`` is
            installed and the kernel allows it.
        lock: take QEMU's image locks, so that two writers, or a writer and a reader, exclude each other.

    Raises (when awaited or entered):
        FormatError: not an image that can be opened in this mode; nothing was changed.
        ImageLocked: somebody else has it open.
        StorageError, OSError: the file cannot be opened or read.
    """
    if mode not in {"r", "r+"}:
        raise ValueError(f'mode: found {mode!r}, expected "r" or "r+"')
    if cache not in Cache.__args__:  # type: ignore[attr-defined]
        raise ValueError(f"cache: found {cache!r}, expected one of {', '.join(Cache.__args__)}")  # type: ignore[attr-defined]
    return Opening(target, mode, cache, aio, lock)


async def read_header(storage: Storage) -> Header:
    """The header of the image in ``storage``. Raises FormatError or StorageError."""
    raw = bytearray(min(HEADER_BYTES, storage.size))
    length = storage.pread_now(raw, 0)
    if length < len(raw):
        length += await read_full(storage, memoryview(raw)[length:], length)
    return parse(bytes(raw[:length]), file_size=storage.size)


async def lock_storage(storage: Storage, *, writable: bool, path: str) -> Callable[[], None]:
    """Lock the file on the descriptor that does its I/O. Returns what unlocks it, to be called before closing.

    Closing alone would unlock it only where no child process shares the descriptor. An NBD export has
    neither a descriptor nor locks: who else writes to it is between its server and its clients.
    """
    if not hasattr(storage, "fileno"):
        return lambda: None
    fd: int = storage.fileno()
    await locking.acquire(fd, writable=writable, path=path)
    return partial(locking.release, fd)
