"""A second VDI reader, naive on purpose: the whole image as bytes, every rule checked, nothing shared with aiovdi.

From VirtualBox's ``VDICore.h``: signature at 64, offBlocks at 0x154, offData at 0x158, cbDisk at 0x170,
cbBlock at 0x178, cbBlockExtra at 0x17C, cBlocks at 0x180, cBlocksAllocated at 0x184.
"""

import struct
from typing import NamedTuple, Protocol

__all__ = ["Found", "Readable", "audit", "audit_and_read", "audit_changed", "audit_closed"]


class Readable(Protocol):
    """What can be read as bytes can."""

    def __len__(self) -> int: ...
    def __getitem__(self, part: slice, /) -> bytes: ...


class Found(NamedTuple):
    """Where the content of the disk is. All in bytes."""

    disk_size: int
    block_size: int
    starts: list[int | None]
    """For each block where it begins in the image; None: it is zeros."""


def audit_and_read(image: bytes) -> bytes:
    """The content of the disk in ``image``. Raises ValueError as ``audit`` does."""
    found = audit(image)
    zeros = memoryview(bytes(found.block_size))
    whole = memoryview(image)
    content = [zeros if start is None else whole[start : start + found.block_size] for start in found.starts]
    return b"".join(content)[: found.disk_size]


def audit(image: Readable) -> Found:
    """Where the content of the disk is in ``image``.

    Raises:
        ValueError: what QEMU or VirtualBox could be hurt by: a slot with two owners, an entry outside, a
            count not above every mapped slot, a mapped slot that the file does not cover.
    """
    header = image[:512]
    if len(header) < 512 or header[64:68] != b"\x7f\x10\xda\xbe":
        raise ValueError(f"no header in an image of {len(image)} bytes")
    bmap_offset, data_offset = struct.unpack_from("<II", header, 0x154)
    disk_size, block_size, extra, blocks, allocated = struct.unpack_from("<QIIII", header, 0x170)
    if not 0 < disk_size <= blocks * block_size:
        raise ValueError(f"no header: {blocks} blocks of {block_size} bytes, for a disk of {disk_size}")
    entries = struct.unpack(f"<{blocks}I", image[bmap_offset : bmap_offset + 4 * blocks])
    starts: list[int | None] = [None] * blocks
    owner: dict[int, int] = {}
    for block, slot in enumerate(entries):
        if slot >= 0xFFFFFFFE:
            continue
        if slot in owner:
            raise ValueError(f"blocks {owner[slot]} and {block} share slot {slot}")
        if slot >= blocks:
            raise ValueError(f"block {block} is in slot {slot}, and there are only {blocks}")
        if slot >= allocated:
            raise ValueError(
                f"block {block} is in slot {slot}, and the header counts {allocated}: the next owner is near"
            )
        start = data_offset + slot * (block_size + extra) + extra
        if start + block_size > len(image):
            raise ValueError(f"block {block} in slot {slot} ends at {start + block_size}, the file at {len(image)}")
        owner[slot] = block
        starts[block] = start
    return Found(disk_size, block_size, starts)


def audit_closed(image: Readable, *, grows: bool) -> None:
    """What a clean close promises besides: nothing is counted, and nothing kept, that no block owns.

    Raises:
        ValueError: the header counts more slots than the map reaches, or the file (where it ``grows``) does not
            end where the last of them does.
    """
    bmap_offset, data_offset = struct.unpack_from("<II", image[:512], 0x154)
    block_size, extra, blocks, allocated = struct.unpack_from("<IIII", image[:512], 0x178)
    entries = struct.unpack(f"<{blocks}I", image[bmap_offset : bmap_offset + 4 * blocks])
    end = max((slot + 1 for slot in entries if slot < 0xFFFFFFFE), default=0)
    if allocated != end:
        raise ValueError(f"it was closed, and the header counts {allocated} slots where the map ends at {end}")
    length = data_offset + end * (block_size + extra)
    if grows and len(image) != length:
        raise ValueError(f"it was closed, and the file has {len(image)} bytes where {length} are owned")


def audit_changed(before: Readable, after: Readable) -> None:
    """Whoever changes an image gives it a new modification UUID first, so that a child of it is not believed any more.

    Raises:
        ValueError: it is still the old one.
    """
    if before[0x198:0x1A8] == after[0x198:0x1A8]:
        raise ValueError("the image has changed, and its modification UUID has not")
