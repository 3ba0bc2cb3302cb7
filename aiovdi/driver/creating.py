"""A new image comes into being whole or not at all.

It is written beside its place under a passing name, flushed, and then given its name: by a link,
which fails if the name is taken, or by a rename, which replaces. So neither Ctrl-C nor a power cut
leaves half an image under the name that was asked for.

An NBD export and a block device have no other place: there it is written where it is. First the old
header goes, last the new one comes, so what is left by one who was stopped is no image, old or new.
"""

import errno
import os
import warnings
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import aiofiles.os

from aiovdi.driver.folder import Folder, PathFolder
from aiovdi.driver.opening import Aio, Target, lock_storage
from aiovdi.errors import StorageError
from aiovdi.format import bmap
from aiovdi.format.header import Header, ImageType, pack
from aiovdi.format.layout import compatibility_warnings, new_header
from aiovdi.storage import open_file
from aiovdi.storage.base import Storage, flush, resize, write_full, write_zeroes
from aiovdi.storage.nbd_uri import is_uri
from aiovdi.units import SECTOR, KiB, MiB

__all__ = ["CompatibilityWarning", "create", "new_file"]

_CHUNK_BYTES = 256 * KiB
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
        target: a path, an NBD URI, or an empty ``Storage``, which stays the caller's. An export or a device must
            have room for the map, and for all of a fixed image; the disk gets ENOSPC where it has no room for more.
        size: a positive multiple of 512.
        block_size: a power of two, at least 512. QEMU opens only 1 MiB.
        fixed: allocate all space now, and need no map updates later.
        comment: up to 255 bytes of UTF-8, stored in the header.
        overwrite: replace an existing file that nobody has open, or write into an export or a device.

    Raises:
        FileExistsError: ``target`` exists, or is not empty, and ``overwrite`` is false.
        LayoutError: the format has no image of this size and block size. It is a ValueError too.
        ImageLocked: the file to be replaced is in use.
        StorageError, OSError: it could not be written; nothing is left behind. ENOSPC: there is too little room.
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
    path: str | os.PathLike[str],
    *,
    overwrite: bool,
    aio: Aio | None = None,
    is_durable: bool = True,
    folder: Folder | None = None,
) -> AsyncIterator[Storage]:
    """A storage that becomes the file ``path`` when the block ends, and vanishes if it raises.

    An NBD export or a block device it is itself, with whatever it holds, and of fixed size.

    ``is_durable``: by then it survives power loss, too. ``folder``: where its name is; by default the directory
    that ``path`` says.

    Raises FileExistsError, at once and again at the end, and ImageLocked.
    """
    if folder is None and _stays_in_place(path):
        async with _in_place(path, overwrite=overwrite, aio=aio, is_durable=is_durable) as storage:
            yield storage
        return
    place = Path(path)
    folder = folder or PathFolder(place.parent, aio=aio)
    if await folder.has(place.name):
        if not overwrite:
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(place))
        await folder.require_unused(place.name)  # nobody's image is replaced under him
    passing = place.with_name(f".{place.name}.{os.urandom(4).hex()}.part").name
    try:
        storage = await _created(folder, passing, place)
        try:
            yield storage
            if is_durable:
                await flush(storage)
        finally:
            await storage.close()
        await _name(folder, passing, place, overwrite=overwrite)
        if is_durable:
            await folder.flush()
    except BaseException:
        with suppress(FileNotFoundError):
            folder.unlink_now(passing)
        raise


def _stays_in_place(path: str | os.PathLike[str]) -> bool:
    """It is an NBD export or a block device, which no file can replace."""
    return is_uri(path) or Path(path).is_block_device()


@asynccontextmanager
async def _in_place(
    path: str | os.PathLike[str], *, overwrite: bool, aio: Aio | None, is_durable: bool
) -> AsyncIterator[Storage]:
    if not overwrite:
        raise FileExistsError(errno.EEXIST, "it exists, and can only be overwritten", os.fspath(path))
    storage = await open_file(path, writable=True, aio=aio)
    try:
        unlock = await lock_storage(storage, writable=True, path=os.fspath(path))
        try:
            yield storage
            if is_durable:
                await flush(storage)
        finally:
            unlock()
    finally:
        await storage.close()


async def _created(folder: Folder, passing: str, place: Path) -> Storage:
    """An error names what was asked for, and not the passing name."""
    try:
        return await folder.create(passing)
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(place)) from error


async def _name(folder: Folder, passing: str, place: Path, *, overwrite: bool) -> None:
    if overwrite:
        await folder.replace(passing, place.name)
    else:
        try:
            await folder.link(passing, place.name)
        except OSError as error:
            if error.errno not in {errno.EPERM, errno.ENOTSUP, errno.EMLINK}:
                raise
            if await folder.has(place.name):  # a filesystem without links: this look is the best that can be had
                raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(place)) from None
            await folder.replace(passing, place.name)
        else:
            await folder.unlink(passing)


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
        raise StorageError(errno.ENOSPC, text, operation="allocate", offset=storage.size, length=end - storage.size)
    else:
        await write_zeroes(storage, length=SECTOR, offset=0)  # no old header above a new map
        await flush(storage)
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
