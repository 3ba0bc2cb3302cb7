"""The bytes below a disk: one port, many back ends, one conformance suite (``tests/storage``).

::

    base        the port. Its docstring is the contract; the loops for short I/O stand there too
    memory      pages in memory
    file        a file or a block device, portable, through ``aiofiles``
    uring       the same with its reads, writes and flushes on io_uring (the extra ``uring``)
    nbd         what another program serves over NBD, named by a URI
    aligned     byte-granular access to what takes only whole units, such as O_DIRECT
    unflushed   nothing is made durable (``cache="unsafe"``)

    threads     blocking calls awaited as futures that settle
    writers     small writes on threads, with few wake-ups
    posix · zeroing     the system calls
    nbd_uri · nbd_connection · nbd_failures    where an export is; one connection to it; why there is none

A storage that sits on a descriptor, also when wrapped, has ``fileno()``, for the image locks.
"""

import errno
import os
from typing import Literal, TypeAlias

from aiovdi.errors import StorageError
from aiovdi.storage import uring
from aiovdi.storage.aligned import AlignedStorage
from aiovdi.storage.base import Storage
from aiovdi.storage.file import FileStorage
from aiovdi.storage.memory import MemoryStorage
from aiovdi.storage.nbd import NbdStorage
from aiovdi.storage.nbd_uri import is_uri
from aiovdi.storage.unflushed import UnflushedStorage

__all__ = [
    "AlignedStorage",
    "FileStorage",
    "MemoryStorage",
    "NbdStorage",
    "Storage",
    "UnflushedStorage",
    "open_file",
]

Cache: TypeAlias = Literal["writeback", "none", "writethrough", "directsync", "unsafe"]
Aio: TypeAlias = Literal["threads", "io_uring"]

_DIRECT = frozenset({"none", "directsync"})


async def open_file(
    path: str | os.PathLike[str],
    *,
    writable: bool,
    create: bool = False,
    exclusive: bool = False,
    cache: Cache = "writeback",
    aio: Aio | None = None,
) -> Storage:
    """Open a file, a block device or an NBD export as storage.

    Args:
        path: where it is; an NBD URI (`aiovdi.storage.nbd_uri`) names an export, which is not made here.
        writable: False opens for reading only; writes then fail with EBADF.
        create: make the file if it does not exist.
        exclusive: make the file, and refuse if it exists.
        cache: QEMU's names. ``"none"`` and ``"directsync"`` go past the page cache (O_DIRECT) of a file;
            ``"unsafe"`` drops flushes. That each write is durable under ``"writethrough"`` and
            ``"directsync"`` is the caller's part: it writes with ``fua``.
        aio: ``"threads"`` or ``"io_uring"``; None takes io_uring where it works.

    Raises:
        OSError: as open(2), for example FileExistsError.
        StorageError: EINVAL where the filesystem has no O_DIRECT; ENOSYS where io_uring was asked
            for by name and does not work.
        ValueError: an NBD URI that asks for what is not known here.
    """
    if is_uri(path):
        storage = await _open_export(str(path), writable=writable, create=create or exclusive)
    else:
        storage = await _open_path(path, writable=writable, create=create, exclusive=exclusive, cache=cache, aio=aio)
    if storage.alignment > 1:
        storage = AlignedStorage(storage)
    return UnflushedStorage(storage) if cache == "unsafe" else storage


async def _open_export(uri: str, *, writable: bool, create: bool) -> Storage:
    if create:
        raise OSError(errno.ENOTSUP, f"{uri}: an NBD export cannot be made from here")
    return await NbdStorage.open(uri, writable=writable)


async def _open_path(
    path: str | os.PathLike[str], *, writable: bool, create: bool, exclusive: bool, cache: Cache, aio: Aio | None
) -> Storage:
    kind = _kind(aio)
    direct = cache in _DIRECT
    try:
        return await kind.open(path, writable=writable, create=create, exclusive=exclusive, direct=direct)
    except OSError as error:
        if direct and error.errno == errno.EINVAL:
            message = f'{os.fspath(path)}: cannot be opened with O_DIRECT, which cache="{cache}" needs'
            raise StorageError(errno.EINVAL, message, operation="open") from error
        raise


def _kind(aio: Aio | None) -> type[FileStorage]:
    if aio == "io_uring" and not uring.works():
        message = 'io_uring does not work here: the extra "uring" is not installed, or the kernel refuses it'
        raise StorageError(errno.ENOSYS, message, operation="open")
    # Where it is only installed and does not work, a UringStorage finds out and does everything on threads.
    return uring.UringStorage if aio != "threads" and uring.is_installed() else FileStorage
