"""What a header must satisfy to be read, to be read without a parent, and to be written.

Each rule is one line: the field to blame, what was expected, and when it holds. ``VALID`` is what
VirtualBox's ``vdiValidateHeader`` checks, less what real images break without harm: nil UUIDs, a
legacy geometry without a sector size, a block count that old QEMU rounded down, and an allocation
count above the block count (the last two read-only). Nobody's text is looked at: VirtualBox 7.1
changed it and broke every reader that did.
"""

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, NamedTuple

from aiovdi.errors import FormatError, UnsupportedFeature
from aiovdi.format.fields import PREHEADER_BYTES, V1_HEADER_BYTES, ImageType
from aiovdi.units import SECTOR

if TYPE_CHECKING:
    from aiovdi.format.header import Header

__all__ = ["READABLE", "VALID", "WRITABLE", "Rule", "first_broken"]


class Rule(NamedTuple):
    """One condition on a header."""

    field: str
    """Attribute of ``Header`` whose value is shown as found."""
    expected: str
    """What would have been accepted; ``{header.…}`` is filled in."""
    holds: "Callable[[Header], bool]"
    error: type[FormatError] = FormatError

    def blame(self, header: "Header") -> FormatError:
        """The error that says how ``header`` breaks this rule."""
        return self.error(
            header.fields[self.field].name,
            found=getattr(header, self.field),
            expected=self.expected.format(header=header),
            offset=header.fields[self.field].offset,
        )


def first_broken(rules: Iterable[Rule], header: "Header") -> FormatError | None:
    """The error for the first rule that ``header`` breaks; None if it keeps them all."""
    return next((rule.blame(header) for rule in rules if not rule.holds(header)), None)


def _is_power_of_two(value: int) -> bool:
    return value > 0 and value & (value - 1) == 0


# VirtualBox shifts fFlags left by 8 and compares with its VD_IMAGE_FLAGS mask of 0x30100.
_KNOWN_FLAGS = 0x301

VALID = (
    Rule("header_size", f"at least {V1_HEADER_BYTES}", lambda h: h.is_v0 or h.header_size >= V1_HEADER_BYTES),
    Rule("flags", f"no flag outside {_KNOWN_FLAGS:#x}", lambda h: not h.flags & ~_KNOWN_FLAGS, UnsupportedFeature),
    Rule("disk_size", "more than 0", lambda h: h.disk_size > 0),
    Rule("block_count", "more than 0", lambda h: h.block_count > 0),
    Rule(
        "block_size",
        f"a power of two, at least {SECTOR}",
        lambda h: _is_power_of_two(h.block_size) and h.block_size >= SECTOR,
    ),
    Rule("block_extra", "0 or a power of two", lambda h: h.block_extra == 0 or _is_power_of_two(h.block_extra)),
    Rule(
        "bmap_offset",
        f"at least {PREHEADER_BYTES + V1_HEADER_BYTES}, the end of the header",
        lambda h: h.is_v0 or h.bmap_offset >= PREHEADER_BYTES + V1_HEADER_BYTES,
    ),
    Rule(
        "data_offset",
        "at least {header.bmap_end}, the end of the block map",
        lambda h: h.data_offset >= h.bmap_end,
    ),
    # Old QEMU rounded down, which lacks less than one block. More than that is no rounding.
    Rule(
        "block_count",
        "enough blocks for a disk of {header.disk_size} bytes",
        lambda h: h.block_count >= h.disk_size // h.block_size,
    ),
    Rule(
        "lchs_geometry",
        f"a sector size of {SECTOR}",
        lambda h: h.lchs_geometry is None or h.lchs_geometry.sector_size == SECTOR,
    ),
)

# VirtualBox 3.0.0-3.1.8 wrote base images with a stale parent UUID, so only a type that has a parent counts.
READABLE = (
    Rule(
        "uuid_parent",
        "no parent: aiovdi does not open differencing images on their own",
        lambda h: h.image_type not in {ImageType.UNDO, ImageType.DIFF} or h.uuid_parent.int == 0,
        UnsupportedFeature,
    ),
)

_REMEDY = "; open it read-only, or make a copy with `aiovdi convert`"

# A bmap entry or a sector of data that straddled a sector of the file could be torn by power loss,
# and rewriting the header must not touch the bmap.
WRITABLE = (
    # QEMU counts past the end by itself, when slots have leaked before; what it wrote can be read all the same.
    Rule(
        "blocks_allocated",
        "at most cBlocks, which is {header.block_count}, for writing" + _REMEDY,
        lambda h: h.blocks_allocated <= h.block_count,
        UnsupportedFeature,
    ),
    Rule("version", "1.0 or 1.1 for writing" + _REMEDY, lambda h: h.version in {(1, 0), (1, 1)}, UnsupportedFeature),
    Rule(
        "bmap_offset",
        f"{SECTOR} or more, and a multiple of 4, for writing" + _REMEDY,
        lambda h: h.bmap_offset >= SECTOR and h.bmap_offset % 4 == 0,
        UnsupportedFeature,
    ),
    Rule(
        "data_offset",
        f"a multiple of {SECTOR} for writing" + _REMEDY,
        lambda h: h.data_offset % SECTOR == 0,
        UnsupportedFeature,
    ),
    Rule(
        "block_extra",
        f"a multiple of {SECTOR} for writing" + _REMEDY,
        lambda h: h.block_extra % SECTOR == 0,
        UnsupportedFeature,
    ),
    Rule(
        "block_count",
        "blocks for all of a disk of {header.disk_size} bytes (old QEMU rounded down) for writing" + _REMEDY,
        lambda h: not h.is_rounded_down,
        UnsupportedFeature,
    ),
)
