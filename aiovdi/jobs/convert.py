"""Copy a disk from one image into another: raw to VDI and back, sparse both ways.

A new target is a valid image or none: it is written under a passing name and gets its own when it is
whole, so a Ctrl-C, an error or a ``kill -9`` leaves no half of it. How bytes go over is `copying`'s.
An NBD export is what it is: it is written into, as with ``existing``, and a VDI is created in it first.
"""

import errno
import os
from pathlib import Path

from aiovdi.driver.creating import create, new_file
from aiovdi.driver.opening import Cache, Target
from aiovdi.errors import OutOfRange
from aiovdi.jobs.building import ImageBuilder
from aiovdi.jobs.copying import Copying, Progress
from aiovdi.jobs.images import AIO, Format, naming, open_image
from aiovdi.jobs.raw import RawDisk
from aiovdi.storage import UnflushedStorage
from aiovdi.storage.base import Storage, resize
from aiovdi.storage.nbd_uri import is_uri
from aiovdi.units import SECTOR, KiB, MiB

__all__ = ["convert"]


async def convert(
    source: Target,
    target: str | os.PathLike[str],
    *,
    source_format: Format | None = None,
    target_format: Format = "vdi",
    offset: int = 0,
    length: int | None = None,
    block_size: int = 1 * MiB,
    fixed: bool = False,
    comment: str = "",
    sparse: int = 4 * KiB,
    parallel: int = 4,
    in_order: bool = True,
    existing: bool = False,
    target_is_zero: bool = False,
    overwrite: bool = False,
    cache: Cache = "writeback",
    source_cache: Cache = "writeback",
    lock: bool = True,
    progress: Progress | None = None,
) -> None:
    """Copy the disk in ``source`` to ``target``, which survives power loss by then unless ``cache`` is "unsafe".

    Args:
        source: a path, or a ``Storage``, which is neither locked nor closed.
        target: the path of a file that appears when it is complete, or an NBD URI, for which ``overwrite`` or
            ``existing`` has to be said.
        source_format: None looks for itself.
        target_format: ``"vdi"`` or ``"raw"``.
        offset, length: the part of the source to copy, multiples of 512; the default is all of it.
        block_size, fixed, comment: of a new VDI target, as for ``aiovdi.create``.
        sparse: how many zeros in a row, at a multiple of as many, are left out of the target; a multiple
            of 512. 0: write everything, also what the source has not mapped.
        parallel: how many steps of 1 MiB are under way at once.
        in_order: False lets the steps overtake each other, which may be faster from a cold disk.
        existing: write into an image or a device that exists, and zero there what the source has not
            mapped (``target_is_zero``: it reads zeros there already). If that is stopped halfway, the
            target holds half of the copy.
        overwrite: replace a file that nobody has open.
        cache: of the target. A new one is written through the page cache in any case; with ``"unsafe"`` it is
            not flushed at the end.
        source_cache, lock: of the source.
        progress: see `Progress`.

    Raises:
        FileExistsError: ``target`` exists, and neither ``existing`` nor ``overwrite`` was said.
        OutOfRange: ``offset`` and ``length`` do not lie within the source, or an existing target is too small.
        ValueError: an argument that is no multiple of 512, or a ``target`` that is no file and cannot be replaced.
        FormatError, ImageLocked, CorruptImage, StorageError, OSError: of either; a new target is not there then.
    """
    _require_multiples(offset=offset, length=length or 0, sparse=sparse)
    async with open_image(source, format=source_format, cache=source_cache, lock=lock) as image:
        length = image.size - offset if length is None else length
        if offset < 0 or length < 0 or offset + length > image.size:
            raise OutOfRange(offset=offset, length=length, size=image.size)
        copying = Copying(image, offset=offset, length=length, sparse=sparse, in_order=in_order, progress=progress)
        if not existing and is_uri(target):
            if not overwrite:
                raise FileExistsError(errno.EEXIST, "it exists, and can only be overwritten", os.fspath(target))
            existing = True
            if target_format == "vdi":
                target_is_zero = True
                with naming(target):
                    await create(target, length, block_size=block_size, fixed=fixed, comment=comment, overwrite=True)
        if existing:
            async with open_image(target, "r+", format=target_format, cache=cache) as old:
                with naming(target):
                    if old.size < length:
                        raise OutOfRange(offset=0, length=length, size=old.size)
                    await (copying.into if target_is_zero else copying.over)(old, parallel=parallel)
                    await old.flush()
            return
        async with new_file(
            _replaceable(target), overwrite=overwrite, aio=AIO, is_durable=cache != "unsafe"
        ) as storage:
            if target_format == "raw":
                await resize(storage, length)
                await copying.into(RawDisk(storage, writable=True), parallel=parallel)
            else:
                builder = await _begin(storage, length, block_size=block_size, fixed=fixed, comment=comment)
                await copying.into(builder, parallel=parallel)
                await builder.finish()


async def _begin(storage: Storage, size: int, *, block_size: int, fixed: bool, comment: str) -> ImageBuilder:
    """Begin a new VDI. The flush of new_file, before the image gets its name, covers all that is written."""
    unflushed = UnflushedStorage(storage)
    return await ImageBuilder.begin(unflushed, size, block_size=block_size, fixed=fixed, comment=comment)


def _require_multiples(**values: int) -> None:
    for name, value in values.items():
        if value % SECTOR:
            raise ValueError(f"{name}: found {value}, expected a multiple of {SECTOR}")


def _replaceable(target: str | os.PathLike[str]) -> Path:
    """Where the new file goes: behind a symbolic link, and never in the place of a device."""
    place = Path(target).resolve()
    if place.exists() and not place.is_file():
        raise ValueError(
            f"{os.fspath(target)} is not a regular file; what exists can only be written into (existing=True, or -n)"
        )
    return place
