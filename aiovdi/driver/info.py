"""What an image is, in the terms of ``qemu-img info`` and a few of its own."""

import os
import uuid
from dataclasses import dataclass

from aiovdi.format.header import Header, ImageType
from aiovdi.storage.base import Storage

__all__ = ["Info", "describe"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Info:
    """Facts about an image. Sizes in bytes."""

    filename: str
    format: str
    virtual_size: int
    cluster_size: int
    """Size of a block; the name is that of ``qemu-img info``."""
    actual_size: int
    """What the file takes on its filesystem; a sparse file takes less than its length."""
    dirty_flag: bool
    """Always False: VDI has no such flag, and an image is safe to open whatever happened before."""
    version: str
    image_type: ImageType
    comment: str
    block_count: int
    blocks_allocated: int
    """As the header counts. After an unclean end it may count up to one window of slots too many."""
    bmap_offset: int
    data_offset: int
    uuid_create: uuid.UUID
    uuid_modify: uuid.UUID
    uuid_parent: uuid.UUID


def describe(header: Header, storage: Storage, *, filename: str) -> Info:
    """The facts about the image with this header in this storage."""
    return Info(
        filename=filename,
        format="vdi",
        virtual_size=header.size,
        cluster_size=header.block_size,
        actual_size=_actual_size(storage),
        dirty_flag=False,
        version=str(header.version),
        image_type=header.image_type,
        comment=header.comment,
        block_count=header.block_count,
        blocks_allocated=header.blocks_allocated,
        bmap_offset=header.bmap_offset,
        data_offset=header.data_offset,
        uuid_create=header.uuid_create,
        uuid_modify=header.uuid_modify,
        uuid_parent=header.uuid_parent,
    )


def _actual_size(storage: Storage) -> int:
    fileno = getattr(storage, "fileno", None)
    return storage.size if fileno is None else os.fstat(fileno()).st_blocks * 512
