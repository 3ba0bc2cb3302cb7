"""Where each header field lies. Rule: no other file knows an offset inside the header.

Two tables: ``V0`` for version 0.2 and ``V1`` for 1.0, 1.1 and "1.1+" (1.1 with the 16 bytes of LCHS
geometry). A table maps our name of a field to its place, its kind, and its name in VirtualBox's
``VDICore.h``, from which all of this was read. Everything is little endian.
"""

import enum
import struct
import uuid
from collections.abc import Callable
from typing import Any, NamedTuple

from aiovdi.errors import FormatError

__all__ = [
    "HEADER_BYTES",
    "SIGNATURE",
    "V0",
    "V1",
    "Field",
    "Geometry",
    "ImageType",
    "Version",
]

SIGNATURE = 0xBEDA107F
HEADER_BYTES = 512
"""Enough bytes from the start of the file to parse any header: the longest known one ends at 472."""

PREHEADER_BYTES = 72
"""Text, signature and version. cbHeader counts from here."""

V0_HEADER_BYTES = 348
"""Length of the header of version 0.2, which does not store it. The bmap follows at once, at 420."""

V1_HEADER_BYTES = 384
V1_PLUS_HEADER_BYTES = 400
"""From this cbHeader on the header ends with the LCHS geometry."""


class ImageType(enum.IntEnum):
    """u32Type. DYNAMIC is VDICore.h's NORMAL."""

    DYNAMIC = 1
    FIXED = 2
    UNDO = 3
    DIFF = 4


class Version(NamedTuple):
    """u32Version: major in the high half, minor in the low half."""

    major: int
    minor: int

    def __str__(self) -> str:
        return f"{self.major}.{self.minor}"


class Geometry(NamedTuple):
    """What a BIOS believed the disk's shape to be. All zero until a guest has booted from it."""

    cylinders: int
    heads: int
    sectors: int
    sector_size: int


class Kind(NamedTuple):
    """How a field's bytes become a value and back. ``encode`` gives the arguments of ``struct.pack``."""

    code: str
    decode: Callable[..., Any]
    encode: Callable[[Any], tuple[Any, ...]]


def _decode_text(raw: bytes) -> str:
    """Up to the first NUL, if any. Others' bytes are never a reason to fail."""
    return raw.partition(b"\0")[0].decode("utf-8", errors="replace")


def _one(value: int) -> tuple[int]:
    return (value,)


def _text_kind(length: int) -> Kind:
    return Kind(f"{length}s", _decode_text, lambda text: (text.encode(),))


_U32 = Kind("I", int, _one)
_U64 = Kind("Q", int, _one)
_GUID = Kind("16s", lambda raw: uuid.UUID(bytes_le=raw), lambda value: (value.bytes_le,))
_GEOMETRY = Kind("4I", Geometry, tuple)
_VERSION = Kind("I", lambda raw: Version(*divmod(raw, 1 << 16)), lambda version: (version[0] << 16 | version[1],))
_TYPE = Kind("I", ImageType, _one)


class Field(NamedTuple):
    """A header field: its name in ``VDICore.h``, its first byte in the file, its kind."""

    name: str
    offset: int
    kind: Kind

    @property
    def end(self) -> int:
        """Offset of the byte after the field."""
        return self.offset + struct.calcsize("<" + self.kind.code)

    def load(self, raw: bytes) -> Any:
        """The field's value. Raises FormatError if it is none (an unknown image type)."""
        values = struct.unpack_from("<" + self.kind.code, raw, self.offset)
        try:
            return self.kind.decode(*values)
        except ValueError as error:
            raise FormatError(self.name, found=values[0], expected=_members(), offset=self.offset) from error

    def store(self, raw: bytearray, value: Any) -> None:
        """Put ``value`` into its place in ``raw``."""
        struct.pack_into("<" + self.kind.code, raw, self.offset, *self.kind.encode(value))


def _members() -> str:
    return "one of " + ", ".join(f"{member.value} ({member.name.lower()})" for member in ImageType)


_PREHEADER = {
    "text": Field("szFileInfo", 0x000, _text_kind(64)),
    "signature": Field("u32Signature", 0x040, _U32),
    "version": Field("u32Version", 0x044, _VERSION),
}

V0 = _PREHEADER | {
    "image_type": Field("u32Type", 0x048, _TYPE),
    "flags": Field("fFlags", 0x04C, _U32),
    "comment": Field("szComment", 0x050, _text_kind(256)),
    "legacy_geometry": Field("LegacyGeometry", 0x150, _GEOMETRY),
    "disk_size": Field("cbDisk", 0x160, _U64),
    "block_size": Field("cbBlock", 0x168, _U32),
    "block_count": Field("cBlocks", 0x16C, _U32),
    "blocks_allocated": Field("cBlocksAllocated", 0x170, _U32),
    "uuid_create": Field("uuidCreate", 0x174, _GUID),
    "uuid_modify": Field("uuidModify", 0x184, _GUID),
    "uuid_parent": Field("uuidLinkage", 0x194, _GUID),
}

V1 = _PREHEADER | {
    "header_size": Field("cbHeader", 0x048, _U32),
    "image_type": Field("u32Type", 0x04C, _TYPE),
    "flags": Field("fFlags", 0x050, _U32),
    "comment": Field("szComment", 0x054, _text_kind(256)),
    "bmap_offset": Field("offBlocks", 0x154, _U32),
    "data_offset": Field("offData", 0x158, _U32),
    "legacy_geometry": Field("LegacyGeometry", 0x15C, _GEOMETRY),
    # u32Dummy at 0x16C was the BIOS translation mode of old versions; 0 since, and read by nobody.
    "disk_size": Field("cbDisk", 0x170, _U64),
    "block_size": Field("cbBlock", 0x178, _U32),
    "block_extra": Field("cbBlockExtra", 0x17C, _U32),
    "block_count": Field("cBlocks", 0x180, _U32),
    "blocks_allocated": Field("cBlocksAllocated", 0x184, _U32),
    "uuid_create": Field("uuidCreate", 0x188, _GUID),
    "uuid_modify": Field("uuidModify", 0x198, _GUID),
    "uuid_parent": Field("uuidLinkage", 0x1A8, _GUID),
    "uuid_parent_modify": Field("uuidParentModify", 0x1B8, _GUID),
    "lchs_geometry": Field("LCHSGeometry", 0x1C8, _GEOMETRY),
}
