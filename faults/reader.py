"""A second VDI reader, naive on purpose: the whole image as bytes, every rule checked, nothing shared with aiovdi.

From VirtualBox's ``VDICore.h``: signature at 64, offBlocks at 0x154, offData at 0x158, cbDisk at 0x170,
cbBlock at 0x178, cbBlockExtra at 0x17C, cBlocks at 0x180, cBlocksAllocated at 0x184.
"""

import struct

__all__ = ["audit_and_read"]


def audit_and_read(image: bytes) -> bytes:
    """The content of the disk in ``image``.

    Raises:
        ValueError: what QEMU or VirtualBox could be hurt by: a slot with two owners, an entry outside, a
            count not above every mapped slot, a mapped slot that the file does not cover.
    """
    if len(image) < 512 or image[64:68] != b"\x7f\x10\xda\xbe":
        raise ValueError(f"no header in an image of {len(image)} bytes")
    bmap_offset, data_offset = struct.unpack_from("<II", image, 0x154)
    disk_size, block_size, extra, blocks, allocated = struct.unpack_from("<QIIII", image, 0x170)
    entries = struct.unpack_from(f"<{blocks}I", image, bmap_offset)
    zeros = memoryview(bytes(block_size))
    content = [zeros] * blocks
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
        content[block] = memoryview(image)[start : start + block_size]
    return b"".join(content)[:disk_size]
