"""A new image comes into being whole or not at all.

It is written beside its place under a passing name, flushed, and then given its name: by a link,
which fails if the name is taken, or by a rename, which replaces. So neither Ctrl-C nor a power cut
leaves half an image under the name that was asked for.
"""

import errno
import os
import warnings
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import aiofiles.os

from aiovdi.driver.opening import Aio, Target, lock_storage
from aiovdi.errors import StorageError
from aiovdi.format import bmap
from aiovdi.format.header import Header, ImageType, pack
from aiovdi.format.layout import compatibility_warnings, new_header
from aiovdi.storage import open_file
from aiovdi.storage.base import Storage, flush, resize, write_full, write_zeroes
from aiovdi.units import KiB, MiB

__all__ = ["CompatibilityWarning", "create", "new_file"]

_CHUNK_BYTES = 256 * KiB
_link = aiofiles.os.wrap(os.link)
_replace = aiofiles.os.wrap(os.replace)
_exists = aiofiles.os.wrap(os.path.lexists)
_unlink = aiofiles.os.wrap(os.unlink)
_preallocate = aiofiles.os.wrap(os.posix_fallocate)


class CompatibilityWarning(UserWarning):
    """The image is valid, but VirtualBox or QEMU would refuse it."""


async def create(
    target: Target,
    size: int,
    *,
    block_size: int = 1 * MiB,
    fixed: bool = False,
    comment: str = "",
    overwrite: bool = False,
    aio: Aio | None = None,
) -> None:
    """Make a new image of ``size`` bytes, all zeros.

    Args:
        target: a path, or an empty ``Storage``, which stays the caller's.
        size: a positive multiple of 512.
        block_size: a power of two, at least 512. QEMU opens only 1 MiB.
        fixed: allocate all space now, and need no map updates later.
        comment: up to 255 bytes of UTF-8, stored in the header.
        overwrite: replace an existing file that nobody has open.

    Raises:
        FileExistsError: ``target`` exists, or is not empty, and ``overwrite`` is false.
        LayoutError: the format has no image of this size and block size. It is a ValueError too.
        ImageLocked: the file to be replaced is in use.
        StorageError, OSError: it could not be written; nothing is left behind.
    """
    header = new_header(size, block_size=block_size, fixed=fixed, comment=comment)
    for text in compatibility_warnings(header):
        warnings.warn(text, CompatibilityWarning, stacklevel=2)
    if not isinstance(target, str | os.PathLike):
        if target.size and target.can_grow and not overwrite:
            raise FileExistsError(errno.EEXIST, f"the storage is not empty, it holds {target.size} bytes")
        await _write_empty(target, header)
        return
    async with new_file(target, overwrite=overwrite, aio=aio) as storage:
        await _write_empty(storage, header)


@asynccontextmanager
async def new_file(
    path: str | os.PathLike[str], *, overwrite: bool, aio: Aio | None = None, is_durable: bool = True
) -> AsyncIterator[Storage]:
    """A storage that becomes the file ``path`` when the block ends, and vanishes if it raises.

    ``is_durable``: by then it survives power loss, too.

    Raises FileExistsError, at once and again at the end, and ImageLocked.
    """
    place = Path(path)
    if await _exists(place):
        if not overwrite:
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(place))
        await _require_unused(place)
    passing = place.with_name(f".{place.name}.{os.urandom(4).hex()}.part")
    try:
        storage = await open_file(passing, writable=True, exclusive=True, aio=aio)
        try:
            yield storage
            if is_durable:
                await flush(storage)
        finally:
            await storage.close()
        await _name(passing, place, overwrite=overwrite)
        if is_durable:
            await _sync_directory(place.parent)
    except BaseException:
        with suppress(FileNotFoundError):
            passing.unlink()
        raise


async def _require_unused(place: Path) -> None:
    """Refuse to replace an image under somebody who has it open."""
    storage = await open_file(place, writable=True)
    try:
        unlock = await lock_storage(storage, writable=True, path=str(place))
        unlock()
    finally:
        await storage.close()


async def _name(passing: Path, place: Path, *, overwrite: bool) -> None:
    if overwrite:
        await _replace(passing, place)
    else:
        try:
            await _link(passing, place)
        except OSError as error:
            if error.errno not in {errno.EPERM, errno.ENOTSUP, errno.EMLINK}:
                raise
            if await _exists(place):  # a filesystem without links: this look is the best that can be had
                raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(place)) from None
            await _replace(passing, place)
        else:
            await _unlink(passing)


async def _sync_directory(place: Path) -> None:
    """A new name is on stable storage once its directory is."""
    fd = os.open(place, os.O_RDONLY | os.O_DIRECTORY)
    try:
        await aiofiles.os.wrap(os.fsync)(fd)
    finally:
        os.close(fd)


async def _write_empty(storage: Storage, header: Header) -> None:
    """Header last: a file with half a map is not an image yet."""
    end = header.data_offset + header.blocks_allocated * header.slot_stride
    if storage.can_grow:
        if storage.size:
            # Not for an empty file: ext4 takes any truncation to zero for a replacement, and writes all back at close.
            await resize(storage, 0)
        await resize(storage, end)
    elif storage.size < end:
        text = f"the storage cannot grow: {end} bytes needed, {storage.size} there"
        raise StorageError(errno.ENOSPC, text, operation="allocate", offset=storage.size)
    if header.blocks_allocated:
        await _allocate(storage, start=header.data_offset, end=end)
    await _write_map(storage, header)
    await flush(storage)
    await write_full(storage, memoryview(pack(header)), 0)
    await flush(storage)


async def _allocate(storage: Storage, *, start: int, end: int) -> None:
    """Let the slots of a fixed image read zeros, and take their space now where the filesystem can do that."""
    if not (storage.can_grow and storage.extends_with_zeros):
        await write_zeroes(storage, length=end - start, offset=start)
    fileno = getattr(storage, "fileno", None)
    if fileno is None or not storage.can_grow:
        return
    try:
        await _preallocate(fileno(), 0, end)
    except OSError as error:
        if error.errno not in {errno.EINVAL, errno.EOPNOTSUPP, errno.ENODEV, errno.EBADF}:
            raise StorageError.wrap(error, operation="allocate", length=end) from error


async def _write_map(storage: Storage, header: Header) -> None:
    per_chunk = _CHUNK_BYTES // bmap.ENTRY_BYTES
    fixed = header.image_type is ImageType.FIXED
    free = bmap.free_bytes(_CHUNK_BYTES)
    for first in range(0, header.block_count, per_chunk):
        count = min(per_chunk, header.block_count - first)
        entries = bmap.encode(range(first, first + count)) if fixed else free[: count * bmap.ENTRY_BYTES]
        await write_full(storage, memoryview(entries), header.bmap_offset + first * bmap.ENTRY_BYTES)
