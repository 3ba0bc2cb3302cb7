"""Headers built field after field, in the order of ``VDICore.h``: tests and code share no table of offsets."""

import struct
from collections.abc import Callable

import pytest

MiB = 1 << 20
CREATED = bytes(range(16))
MODIFIED = bytes(range(16, 32))
NO_UUID = bytes(16)


def build_v1(
    *,
    text: bytes = b"<<< Oracle VM VirtualBox Disk Image >>>\n",
    signature: int = 0xBEDA107F,
    version: int = 0x00010001,
    header_size: int = 400,
    image_type: int = 1,
    flags: int = 0,
    comment: bytes = b"",
    bmap_offset: int = 512,
    data_offset: int = 1024,
    geometry: tuple[int, int, int, int] = (0, 0, 0, 512),
    disk_size: int = 16 * MiB,
    block_size: int = MiB,
    block_extra: int = 0,
    block_count: int = 16,
    blocks_allocated: int = 0,
    uuid_create: bytes = CREATED,
    uuid_modify: bytes = MODIFIED,
    uuid_parent: bytes = NO_UUID,
    uuid_parent_modify: bytes = NO_UUID,
    lchs: tuple[int, int, int, int] = (0, 0, 0, 512),
) -> bytes:
    """512 bytes of a header of version 1.x. Without arguments: 16 MiB, nothing allocated, nothing wrong."""
    raw = struct.pack("<64sII", text, signature, version)
    raw += struct.pack("<III256sII", header_size, image_type, flags, comment, bmap_offset, data_offset)
    raw += struct.pack("<4II", *geometry, 0)
    raw += struct.pack("<QIIII", disk_size, block_size, block_extra, block_count, blocks_allocated)
    raw += uuid_create + uuid_modify + uuid_parent + uuid_parent_modify
    if header_size >= 400:
        raw += struct.pack("<4I", *lchs)
    return raw.ljust(512, b"\0")


def build_v0(
    *,
    image_type: int = 1,
    flags: int = 0,
    comment: bytes = b"from 2006",
    disk_size: int = 4 * MiB,
    block_size: int = MiB,
    block_count: int = 4,
    blocks_allocated: int = 1,
    uuid_parent: bytes = NO_UUID,
) -> bytes:
    """The 420 bytes of a header of version 0.2, and a bmap of which block 0 is allocated."""
    raw = struct.pack("<64sII", b"<<< innotek VirtualBox Disk Image >>>\n", 0xBEDA107F, 0x00000002)
    raw += struct.pack("<II256s4I", image_type, flags, comment, 0, 0, 0, 512)
    raw += struct.pack("<QIII", disk_size, block_size, block_count, blocks_allocated)
    raw += CREATED + MODIFIED + uuid_parent
    return raw + struct.pack("<4I", 0, *[0xFFFFFFFF] * 3)


@pytest.fixture(scope="session")
def v1() -> Callable[..., bytes]:
    """``v1(field=value, …)`` is a header of version 1.1 with 400 bytes, or what the fields make of it."""
    return build_v1


@pytest.fixture(scope="session")
def v0() -> Callable[..., bytes]:
    """``v0(field=value, …)`` is a header of version 0.2 and its bmap."""
    return build_v0
