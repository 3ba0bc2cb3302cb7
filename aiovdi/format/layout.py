"""Where things lie in a new image, and who else will open it.

The bmap starts at 1 MiB and the data at the next multiple of 1 MiB after it, as VirtualBox does
since 4.x; QEMU takes any multiple of 512. So the header, the bmap and the data never share a page or
a physical sector, and a guest's aligned I/O stays aligned in the file. The gaps are holes and cost
no space. Blocks larger than 1 MiB are aligned to 1 MiB only, which is where VirtualBox puts them too.
"""

import uuid

from aiovdi.errors import FormatError
from aiovdi.format.bmap import ENTRY_BYTES, ZERO
from aiovdi.format.fields import V1, V1_PLUS_HEADER_BYTES
from aiovdi.format.header import NIL, Geometry, Header, ImageType, Version
from aiovdi.units import SECTOR, KiB, MiB, TiB, align_up

__all__ = ["TEXT", "LayoutError", "compatibility_warnings", "new_header"]

TEXT = "<<< Oracle VirtualBox Disk Image >>>\n"
"""What VirtualBox writes since 7.1. Nothing may depend on it; some tools do all the same."""

COMMENT_BYTES_MAX = 255
_U32_MAX = 0xFFFFFFFF


class LayoutError(FormatError, ValueError):
    """No image of the format can have what was asked for. Nothing was written."""

    def __init__(self, field: str, *, found: object, expected: str) -> None:
        super().__init__(V1[field].name, found=found, expected=expected, offset=V1[field].offset)


def new_header(
    size: int,
    *,
    block_size: int = MiB,
    fixed: bool = False,
    comment: str = "",
    uuid_create: uuid.UUID | None = None,
    alignment: int = MiB,
) -> Header:
    """The header of a new image of ``size`` bytes that VirtualBox and QEMU both accept.

    A ``fixed`` image counts all of its slots as allocated; a dynamic one none. ``alignment`` is for
    the bmap and the data; 512 gives QEMU's packed layout.

    Raises:
        LayoutError: a ``FormatError`` and a ``ValueError``. A size that is not a positive multiple of
            512, a block size that is not a power of two of at least 512, more blocks than a bmap can
            number or a bmap that pushes the data past 4 GiB, or a comment over 255 bytes of UTF-8.
    """
    _require_size(size)
    _require_block_size(block_size)
    _require_alignment(alignment)
    _require_comment(comment)
    block_count = _block_count(size, block_size)
    return Header(
        text=TEXT,
        version=Version(1, 1),
        header_size=V1_PLUS_HEADER_BYTES,
        image_type=ImageType.FIXED if fixed else ImageType.DYNAMIC,
        flags=0,
        comment=comment,
        bmap_offset=alignment,
        data_offset=_data_offset(block_count, alignment),
        legacy_geometry=Geometry(0, 0, 0, SECTOR),
        disk_size=size,
        block_size=block_size,
        block_extra=0,
        block_count=block_count,
        blocks_allocated=block_count if fixed else 0,
        uuid_create=uuid_create or uuid.uuid4(),
        uuid_modify=uuid.uuid4(),
        uuid_parent=NIL,
        uuid_parent_modify=NIL,
        lchs_geometry=Geometry(0, 0, 0, SECTOR),
    )


def _require_size(size: int) -> None:
    if size <= 0 or size % SECTOR:
        raise LayoutError("disk_size", found=size, expected=f"a positive multiple of {SECTOR}")


def _require_block_size(block_size: int) -> None:
    if not SECTOR <= block_size <= _U32_MAX or block_size & (block_size - 1):
        raise LayoutError("block_size", found=block_size, expected=f"a power of two from {SECTOR} to 2 GiB")


def _require_alignment(alignment: int) -> None:
    if not SECTOR <= alignment <= _U32_MAX or alignment % SECTOR:
        raise LayoutError("bmap_offset", found=alignment, expected=f"a multiple of {SECTOR} below 4 GiB")


def _require_comment(comment: str) -> None:
    length = len(comment.encode(errors="surrogatepass"))
    if length > COMMENT_BYTES_MAX or any(letter == "\0" or "\ud800" <= letter <= "\udfff" for letter in comment):
        expected = f"at most {COMMENT_BYTES_MAX} bytes of UTF-8 without NUL"
        raise LayoutError("comment", found=f"{length} bytes: {comment!r:.40}", expected=expected)


def _block_count(size: int, block_size: int) -> int:
    """Blocks for ``size`` bytes. Each may need a slot, and slots end below ZERO."""
    count = align_up(size, block_size) // block_size
    if count > ZERO:
        raise LayoutError("block_count", found=count, expected=f"at most {ZERO}; take larger blocks")
    return count


def _data_offset(block_count: int, alignment: int) -> int:
    """The first multiple of ``alignment`` after the bmap. offData has 32 bits: with 1 MiB blocks, near 1 PiB."""
    offset = align_up(alignment + block_count * ENTRY_BYTES, alignment)
    if offset > _U32_MAX:
        raise LayoutError("data_offset", found=offset, expected="an offset below 4 GiB; take larger blocks")
    return offset


_QEMU_BLOCKS_MAX = 536_870_784


def compatibility_warnings(header: Header) -> list[str]:
    """Who else would refuse this image, or make none like it, and why; one sentence each.

    From VirtualBox's ``VDI.cpp`` of 2026 and QEMU's ``block/vdi.c`` of 2025. A parsed header may
    break any of these; one from ``new_header`` only those about its size and its block size.
    """
    return [sentence for broken, sentence in _foreign_limits(header) if broken]


def _foreign_limits(h: Header) -> list[tuple[bool, str]]:
    return [
        (h.version != (1, 1), f"QEMU opens only version 1.1, and this is {h.version}."),
        (h.block_size != MiB, f"QEMU opens only blocks of 1 MiB, and these have {h.block_size} bytes."),
        (
            h.block_count > _QEMU_BLOCKS_MAX,
            f"QEMU opens at most {_QEMU_BLOCKS_MAX} blocks, and this has {h.block_count}.",
        ),
        (h.block_extra > 0, "QEMU ignores cbBlockExtra and would read every block at a wrong place."),
        (
            h.bmap_offset % SECTOR > 0 or h.data_offset % SECTOR > 0,
            f"QEMU opens only images whose block map and data start at a multiple of {SECTOR}.",
        ),
        (h.legacy_geometry.sector_size != SECTOR, f"QEMU requires a sector size of {SECTOR} in LegacyGeometry."),
        ({h.uuid_parent, h.uuid_parent_modify} != {NIL}, "QEMU refuses an image that names a parent."),
        (h.is_rounded_down, "QEMU and VirtualBox refuse a block map that does not cover the disk."),
        (NIL in {h.uuid_create, h.uuid_modify}, "VirtualBox refuses a nil creation or modification UUID."),
        (
            not 128 * KiB <= h.block_size <= 128 * MiB,
            f"VirtualBox opens only blocks from 128 KiB to 128 MiB, and these have {h.block_size} bytes.",
        ),
        (h.size < MiB, f"VirtualBox makes no disk below 1 MiB, and this has {h.size} bytes."),
        (
            h.size >= 4096 * TiB - 3 * MiB,
            f"VirtualBox makes no disk of 4 PiB - 3 MiB or more, and this has {h.size} bytes.",
        ),
    ]
