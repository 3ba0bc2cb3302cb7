"""What ``check`` can find: each kind of finding, its severity, and its exact definition.

Words used by the definitions. *Mapped*: named by an entry. *Owned*: mapped by an entry that is not
itself bad. *The file holds* a slot: the slot's last byte lies in the file. A block *is in the file*:
the bytes of it that the disk shows are. *The end*: the larger of ``blocks_allocated`` and the highest
slot in use + 1.
"""

import enum
from dataclasses import dataclass

from aiovdi.units import BlockIndex, Slot

__all__ = ["Finding", "FindingKind", "Severity"]


class Severity(enum.Enum):
    """What a fault does to data."""

    CORRUPTION = "corruption"
    """Data is lost, or the next writer would lose it."""
    LEAK = "leak"
    """Only space is lost."""
    NOTICE = "notice"
    """Nothing is lost; another program would refuse the image or read it differently."""


class FindingKind(enum.Enum):
    """The kinds, in the order of their gravity. ``label`` is the word for people and for JSON."""

    OUT_OF_RANGE = "out-of-range", Severity.CORRUPTION
    """An entry names a slot >= block_count: no writer ever hands one out. QEMU: "block index too large"."""
    DUPLICATE = "duplicate", Severity.CORRUPTION
    """An entry names a slot that an earlier block owns. ``block`` is the later one."""
    PAST_END = "past-end", Severity.CORRUPTION
    """An entry names a slot >= blocks_allocated, and its block is not in the file: a wild entry."""
    SHORT_FILE = "short-file", Severity.CORRUPTION
    """Blocks whose slots blocks_allocated covers are not in the file: it was cut. Once for the image;
    ``block`` and ``slot`` are the first of them, ``count`` is their number."""
    COUNT_LOW = "count-low", Severity.CORRUPTION
    """blocks_allocated is not above the highest owned slot: QEMU and VirtualBox would overwrite it in time."""
    ROUNDED_DOWN = "rounded-down", Severity.CORRUPTION
    """The bmap has no entry for the disk's last block. Old QEMU made such images; nobody opens them now."""
    COUNT_HIGH = "count-high", Severity.LEAK
    """blocks_allocated is above the highest owned slot + 1 and above what the file holds."""
    LEAKED = "leaked", Severity.LEAK
    """Slots below the end that the file holds and nobody owns. One finding for a run of ``count`` slots."""
    TRAILING = "trailing", Severity.LEAK
    """The file goes on after the end, for ``count`` bytes."""
    BAD_UUID = "bad-uuid", Severity.NOTICE
    """uuidCreate or uuidModify is nil (VirtualBox refuses), or a base image names a parent (QEMU refuses)."""
    UNALIGNED_SIZE = "unaligned-size", Severity.NOTICE
    """cbDisk is not a multiple of 512: QEMU and aiovdi round it up, VirtualBox rounds it down."""

    def __init__(self, label: str, severity: Severity) -> None:
        self.label = label
        self.severity = severity


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One fact that ``check`` reports."""

    kind: FindingKind
    message: str
    offset: int
    """Where in the file the evidence lies, in bytes: an entry, a header field or a slot."""
    block: BlockIndex | None = None
    slot: Slot | None = None
    found: object = None
    expected: object = None
    count: int = 1
    """How many blocks, slots or bytes the fact covers."""

    @property
    def severity(self) -> Severity:
        """What the fault does to data."""
        return self.kind.severity

    def __str__(self) -> str:
        return f"{self.severity.value}: {self.message}"
