"""Small VDI images made field by field, and a second, naive reader of them that shares no code with aiovdi."""

import struct
import uuid
from collections.abc import Mapping, Sequence

FREE, ZERO = 0xFFFFFFFF, 0xFFFFFFFE
SECTOR = 512


def make_image(
    *,
    blocks: int = 8,
    block_size: int = 4096,
    disk_size: int | None = None,
    entries: Mapping[int, int] | Sequence[int] = (),
    slots: Mapping[int, bytes] | None = None,
    count: int | None = None,
    image_type: int = 1,
    bmap_offset: int = 512,
    data_offset: int | None = None,
    block_extra: int = 0,
    version: int = 0x00010001,
    file_size: int | None = None,
) -> bytes:
    """A VDI image. ``entries`` are bmap entries (the rest is FREE), ``slots`` the content of slots."""
    pairs = entries.items() if isinstance(entries, Mapping) else enumerate(entries)
    bmap = [FREE] * blocks
    for block, entry in pairs:
        bmap[block] = entry
    mapped = [entry for entry in bmap if entry < ZERO]
    data = data_offset or -(-(bmap_offset + 4 * blocks) // SECTOR) * SECTOR
    stride = block_size + block_extra
    end = data + (max([entry for entry in mapped if entry < blocks], default=-1) + 1) * stride
    image = bytearray(max(end, data) if file_size is None else file_size)
    header = struct.pack(
        "<64sIIIII256sIIIIIIIQIIII16s16s16s16sIIII",
        *(b"<<< made by a test >>>\n", 0xBEDA107F, version, 400, image_type, 0, b"", bmap_offset, data),
        *(0, 0, 0, SECTOR, 0, disk_size or blocks * block_size, block_size, block_extra, blocks),
        max([entry + 1 for entry in mapped if entry < blocks], default=0) if count is None else count,
        *(uuid.UUID(int=n + 1).bytes_le for n in range(2)),
        *(bytes(16), bytes(16), 0, 0, 0, SECTOR),
    )
    image[: len(header)] = header
    struct.pack_into(f"<{blocks}I", image, bmap_offset, *bmap)
    for slot, content in (slots or {}).items():
        start = data + slot * stride + block_extra
        image[start : start + len(content)] = content
    return bytes(image)


class Naive:
    """The fields of an image and what its disk reads, the slow and plain way."""

    def __init__(self, image: bytes) -> None:
        self.image = image
        assert image[64:68] == bytes.fromhex("7f10dabe"), "the signature is gone"
        self.bmap_offset, self.data_offset = struct.unpack_from("<II", image, 0x154)
        (self.disk_size,) = struct.unpack_from("<Q", image, 0x170)
        self.block_size, self.extra, self.block_count, self.count = struct.unpack_from("<IIII", image, 0x178)
        self.bmap = list(struct.unpack_from(f"<{self.block_count}I", image, self.bmap_offset))
        self.stride = self.block_size + self.extra

    @property
    def mapped(self) -> dict[int, int]:
        return {block: entry for block, entry in enumerate(self.bmap) if entry < ZERO}

    def disk(self) -> bytes:
        """The whole virtual disk."""
        return b"".join(self._block(entry) for entry in self.bmap)[: self.disk_size].ljust(self.disk_size, b"\0")

    def _block(self, entry: int) -> bytes:
        if entry >= ZERO:
            return bytes(self.block_size)
        start = self.data_offset + entry * self.stride + self.extra
        return self.image[start : start + self.block_size].ljust(self.block_size, b"\0")

    def complaints(self) -> list[str]:
        """What would make this image unsafe in QEMU or VirtualBox."""
        slots = list(self.mapped.values())
        found = []
        if len(set(slots)) < len(slots):
            found.append(f"a slot has two owners: {self.mapped}")
        if slots and self.count <= max(slots):
            found.append(f"the count {self.count} is not above the highest mapped slot {max(slots)}")
        if self.count > self.block_count:
            found.append(f"the count {self.count} is above cBlocks {self.block_count}")
        if slots and len(self.image) < self.data_offset + (max(slots) + 1) * self.stride:
            found.append(f"the file of {len(self.image)} bytes does not cover slot {max(slots)}")
        return found


# Where make_image puts things by default.
HEADER = range(512)
BMAP = range(512, 1024)
DATA = range(1024, 1 << 40)
BLOCK = 4096

PERMUTED = [5, FREE, 0, 3, ZERO, 4, 1, FREE]


def permuted_image(**layout: int) -> bytes:
    """Blocks in another order than their slots, each slot with a letter of its own; three that no slot backs."""
    block_size = layout.get("block_size", BLOCK)
    slots = {slot: bytes([65 + slot]) * block_size for slot in range(6)}
    return make_image(entries=PERMUTED, slots=slots, **layout)  # type: ignore[arg-type]
