"""What was written in a run, in the format of dm-log-writes, for the tools that replay such logs.

The format is the kernel's (``drivers/md/dm-log-writes.c``; QEMU's blklogwrites writes it too): sectors of
512 bytes, little-endian. The first holds magic, version, number of entries and sector size; then each
entry has a sector of its own (first sector, sectors, flags, bytes of data that follow), and its data.

Rule 1: entries are in the order in which writes took effect, and a flush stands where it was issued, so
that whatever stands before it in the log is what it made durable.
Rule 2: the log knows whole sectors only. A write to a part of one is logged with what is around it.
Rule 3: what a failed I/O did is not in the log.
"""

import struct
from typing import NamedTuple

__all__ = ["DISCARD", "FLUSH", "FUA", "Entry", "WriteLog"]

SECTOR = 512
MAGIC = 0x6A736677736872
FLUSH, FUA, DISCARD = 1, 2, 4


class Entry(NamedTuple):
    """One record of the log."""

    sector: int
    sectors: int
    flags: int
    data: bytes = b""


class WriteLog:
    """The log of one storage."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []

    def write(self, first: int, content: bytes, *, fua: bool) -> None:
        """Sectors from ``first`` on now hold ``content``."""
        content = content.ljust(-(-len(content) // SECTOR) * SECTOR, b"\0")
        self.entries.append(Entry(first, len(content) // SECTOR, FUA if fua else 0, content))

    def flush(self, begun: int) -> None:
        """A flush succeeded that was issued when the log had ``begun`` entries."""
        self.entries.insert(min(begun, len(self.entries)), Entry(0, 0, FLUSH))

    def dump(self) -> bytes:
        """The whole log, as it lies on a log device."""
        sectors = [struct.pack("<QQQI", MAGIC, 1, len(self.entries), SECTOR).ljust(SECTOR, b"\0")]
        for first, count, flags, data in self.entries:
            sectors.append(struct.pack("<QQQQ", first, count, flags, 0).ljust(SECTOR, b"\0"))
            sectors.append(data)
        return b"".join(sectors)
