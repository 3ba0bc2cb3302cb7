"""The header: bytes to meaning, and back.

Rule 1: read leniently, write strictly. ``parse`` takes versions 0.2, 1.0 and 1.1 with headers of any
length that VirtualBox accepts; ``pack`` writes the one kind that VirtualBox and QEMU both open.
Rule 2: an existing header is patched, never rebuilt: what we do not understand is not ours to drop.
Rule 3: nothing is believed that the file's length does not support, so no later allocation can be
larger than the file justifies.
"""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from aiovdi.errors import BadSignature, FormatError, UnsupportedVersion
from aiovdi.format import rules
from aiovdi.format.bmap import ENTRY_BYTES
from aiovdi.format.fields import (
    HEADER_BYTES,
    PREHEADER_BYTES,
    SIGNATURE,
    V0,
    V0_HEADER_BYTES,
    V1,
    V1_PLUS_HEADER_BYTES,
    Field,
    Geometry,
    ImageType,
    Version,
)
from aiovdi.units import SECTOR, BlockIndex, Slot, align_up

__all__ = [
    "HEADER_BYTES",
    "NIL",
    "SIGNATURE",
    "Geometry",
    "Header",
    "ImageType",
    "Version",
    "pack",
    "parse",
    "patch",
]

NIL = uuid.UUID(int=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """The header's fields, in bytes where they are sizes or offsets."""

    text: str
    """szFileInfo: free text that names the maker. It decides nothing."""
    version: Version
    header_size: int
    """cbHeader: counted from byte 72. 348 for version 0.2, which does not store it."""
    image_type: ImageType
    flags: int
    comment: str
    bmap_offset: int
    data_offset: int
    legacy_geometry: Geometry
    disk_size: int
    """cbDisk exactly as stored; see ``size``."""
    block_size: int
    block_extra: int
    """cbBlockExtra: bytes before each slot's data. 0 in every image ever seen."""
    block_count: int
    blocks_allocated: int
    """cBlocksAllocated: QEMU and VirtualBox put the next new block into this slot, without looking."""
    uuid_create: uuid.UUID
    uuid_modify: uuid.UUID
    uuid_parent: uuid.UUID
    """uuidLinkage: the parent's uuid_create."""
    uuid_parent_modify: uuid.UUID
    """The parent's uuid_modify when this image was made. Nil for version 0.2, which does not store it."""
    lchs_geometry: Geometry | None
    """None where the header is too short to hold it."""

    @property
    def is_v0(self) -> bool:
        """Version 0.2, whose header has another shape."""
        return self.version.major == 0

    @property
    def fields(self) -> Mapping[str, Field]:
        """Where this version keeps each field."""
        return V0 if self.is_v0 else V1

    @property
    def size(self) -> int:
        """Size of the disk: ``disk_size`` rounded up to a sector, as QEMU does. (VirtualBox rounds down.)"""
        return align_up(self.disk_size, SECTOR)

    @property
    def bmap_end(self) -> int:
        """Offset of the byte after the last bmap entry."""
        return self.bmap_offset + self.block_count * ENTRY_BYTES

    @property
    def slot_stride(self) -> int:
        """Distance between the data of neighbouring slots."""
        return self.block_extra + self.block_size

    @property
    def is_rounded_down(self) -> bool:
        """The bmap lacks an entry for the disk's last, partial block: an old QEMU's bug.

        Such an image can be salvaged: the blocks that have an entry are whole, the tail reads as zeros.
        """
        return self.block_size * self.block_count < self.disk_size

    def slot_offset(self, slot: Slot) -> int:
        """File offset of the first data byte of ``slot``, after its extra bytes."""
        return self.data_offset + slot * self.slot_stride + self.block_extra

    def entry_offset(self, block: BlockIndex) -> int:
        """File offset of the bmap entry of ``block``."""
        return self.bmap_offset + block * ENTRY_BYTES

    def readable_obstacle(self) -> FormatError | None:
        """Why this image cannot be read on its own; None if it can. (It has a parent.)"""
        return rules.first_broken(rules.READABLE, self)

    def writable_obstacle(self) -> FormatError | None:
        """Why this image cannot be opened ``"r+"``; None if it can. The message names the remedy."""
        return self.readable_obstacle() or rules.first_broken(rules.WRITABLE, self)


def parse(raw: bytes, *, file_size: int | None = None) -> Header:
    """Read the header from the first ``HEADER_BYTES`` bytes of a file (fewer, if the file is shorter).

    ``file_size`` is the file's length in bytes. With it, an image whose bmap does not lie in the file
    is refused, so that reading the bmap costs no more than the file's own length.

    Raises:
        BadSignature: not a VDI image.
        UnsupportedVersion: neither 0.2 nor 1.x.
        UnsupportedFeature: an unknown flag.
        FormatError: a field that contradicts another one, or a header cut short.
    """
    table = _table(raw)
    _require_length(raw, PREHEADER_BYTES + V0_HEADER_BYTES if table is V0 else V1["uuid_parent_modify"].end)
    values: dict[str, Any] = {name: field.load(raw) for name, field in table.items() if field.end <= len(raw)}
    del values["signature"]
    header = Header(**(_derived_v0(values) if table is V0 else _trimmed_v1(raw, values)))
    if broken := rules.first_broken(rules.VALID, header):
        raise broken
    if file_size is not None:
        _require_bmap(header, file_size)
    return header


def _table(raw: bytes) -> Mapping[str, Field]:
    """The table of fields for the version that ``raw`` claims."""
    _require_length(raw, PREHEADER_BYTES)
    signature, version = V1["signature"], V1["version"]
    if (found := signature.load(raw)) != SIGNATURE:
        raise BadSignature(signature.name, found=found, expected=f"{SIGNATURE:#x}", offset=signature.offset)
    claimed: Version = version.load(raw)
    if claimed.major == 1:
        return V1
    if claimed == (0, 2):
        return V0
    raise UnsupportedVersion(version.name, found=claimed, expected="0.2 or 1.x", offset=version.offset)


def _derived_v0(values: dict[str, Any]) -> dict[str, Any]:
    """What version 0.2 does not store: the bmap follows the header, and the data the bmap."""
    bmap_offset = PREHEADER_BYTES + V0_HEADER_BYTES
    return values | {
        "header_size": V0_HEADER_BYTES,
        "bmap_offset": bmap_offset,
        "data_offset": bmap_offset + values["block_count"] * ENTRY_BYTES,
        "block_extra": 0,
        "uuid_parent_modify": NIL,
        "lchs_geometry": None,
    }


def _trimmed_v1(raw: bytes, values: dict[str, Any]) -> dict[str, Any]:
    """The LCHS geometry counts only where cbHeader covers it."""
    if values["header_size"] < V1_PLUS_HEADER_BYTES:
        return values | {"lchs_geometry": None}
    _require_length(raw, V1["lchs_geometry"].end)
    return values


def _require_length(raw: bytes, length: int) -> None:
    if len(raw) < length:
        raise FormatError("header", found=f"{len(raw)} bytes", expected=f"at least {length}", offset=0)


def _require_bmap(header: Header, file_size: int) -> None:
    if header.bmap_end > file_size:
        raise FormatError(
            header.fields["block_count"].name,
            found=header.block_count,
            expected=f"a block map that ends within the file of {file_size} bytes, not at {header.bmap_end}",
            offset=header.fields["block_count"].offset,
        )


def pack(header: Header) -> bytes:
    """The first ``HEADER_BYTES`` bytes of a new image of version 1.1 with a header of 400 bytes."""
    assert header.version == (1, 1), "only version 1.1 is written"
    assert header.header_size == V1_PLUS_HEADER_BYTES
    raw = bytearray(HEADER_BYTES)
    for name, field in V1.items():
        field.store(raw, SIGNATURE if name == "signature" else getattr(header, name))
    return bytes(raw)


def patch(raw: bytes, *, blocks_allocated: int | None = None, uuid_modify: uuid.UUID | None = None) -> bytes:
    """A copy of ``raw`` with these fields replaced and every other byte as it was.

    ``raw`` is the start of a file that ``parse`` accepts as version 1.x.
    """
    assert V1["version"].load(raw).major == 1, "version 0.2 is never written"
    patched = bytearray(raw)
    if blocks_allocated is not None:
        V1["blocks_allocated"].store(patched, blocks_allocated)
    if uuid_modify is not None:
        V1["uuid_modify"].store(patched, uuid_modify)
    return bytes(patched)
