"""The course of events O1 to P4 of the 2011 report, on a re-creation of that driver and on this one, side by side.

    O1 to O5   a write to sector X of a block that has no bmap entry; the I/O of its data fails
    P1 to P4   a write to sector X+1, in the same block, which is acknowledged

Then the process quits gracefully, and the image is opened again: is sector X+1 there? Both disks have a
storage of the same kind, in memory, whose first write of data fails. What stands in a column is what
was seen there: what the disk told, what memory had, what the storage was asked.
"""

import errno
import os
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Protocol

from aiovdi.demo.driver2011 import Driver2011
from aiovdi.driver.opening import open_disk
from aiovdi.errors import StorageError
from aiovdi.format.bmap import FREE, free_bytes
from aiovdi.format.header import Header, pack
from aiovdi.format.layout import new_header
from aiovdi.storage.memory import MemoryStorage
from aiovdi.units import SECTOR, BlockIndex, MiB

__all__ = ["BadSector", "Column", "blank", "play", "table"]

X = b"sector X.".ljust(SECTOR, b".")
X_PLUS_1 = b"sector X+1.".ljust(SECTOR, b".")
_ROWS = ("O1", "O2", "O3", "O4", "O5", "P1", "P2", "P3", "P4", "")
_WIDTH = 44


class Writer(Protocol):
    """What the course needs of a disk."""

    async def pwrite(self, data: bytes, offset: int, /) -> None: ...
    async def flush(self) -> None: ...
    async def close(self) -> None: ...


@dataclass
class Column:
    """What was seen on one disk."""

    name: str
    steps: dict[str, str] = field(default_factory=dict)
    """By the report's letter; "" is what the reopened image holds."""
    is_kept: bool = False
    """Whether sector X+1 is what was acknowledged."""


class BadSector(MemoryStorage):
    """A storage whose first write of data fails with EIO, and that remembers what it was asked."""

    def __init__(self, header: Header, content: bytes) -> None:
        super().__init__(content)
        self._header = header
        self.asked: list[str] = []
        self.failures = 0
        self.at_failure: Callable[[], object] | None = None
        """Called once, when that write has failed."""

    async def pwrite_some(self, data: memoryview, offset: int, *, fua: bool = False) -> int:
        self.asked.append(self._region(offset))
        if self.at_failure is not None and self.asked[-1] == "data":
            self.at_failure()
            self.at_failure = None
            self.failures += 1
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return await super().pwrite_some(data, offset, fua=fua)

    async def flush(self) -> None:
        self.asked.append("flush")
        await super().flush()

    def _region(self, offset: int) -> str:
        if offset < self._header.bmap_offset:
            return "header"
        return "entry" if offset < self._header.data_offset else "data"


async def play() -> tuple[Column, Column]:
    """Both disks, each on a new image: the one of 2011, and aiovdi's."""
    header = new_header(16 * MiB)
    then, now = BadSector(header, blank(header)), BadSector(header, blank(header))
    old = await Driver2011.open(then)
    new = await open_disk(now, "r+")
    block = BlockIndex(0)
    return (
        await _course("the driver of 2011, re-created", old, then, lambda: old.is_mapped(block)),
        await _course("aiovdi", new, now, lambda: new._blockmap.peek(block) not in (None, FREE)),
    )


def table(columns: tuple[Column, Column]) -> list[str]:
    """The columns as lines of text."""
    lines = [f"    {columns[0].name:{_WIDTH}}{columns[1].name}"]
    lines += [f"{row:4}" + "".join(f"{each.steps[row]:{_WIDTH}}" for each in columns).rstrip() for row in _ROWS]
    return lines


async def _course(name: str, disk: Writer, storage: BadSector, has_entry: Callable[[], bool]) -> Column:
    column = Column(name)
    steps = column.steps

    def fail() -> None:
        steps["O2"] = f"bmap entry in memory: {'set' if has_entry() else 'not yet'}"
        steps["O3"] = f"the storage is asked: {', '.join(storage.asked)}"
        steps["O4"] = "the I/O of the data fails"

    storage.at_failure = fail
    storage.asked.clear()
    steps["O1"] = "write to sector X"
    steps["O5"] = await _told(disk.pwrite(X, 0))
    storage.asked.clear()
    failures = storage.failures
    steps["P1"] = "write to sector X+1, in the same block"
    steps["P4"] = await _told(disk.pwrite(X_PLUS_1, SECTOR))
    steps["P2"] = f"the storage is asked: {', '.join(storage.asked)}"
    steps["P3"] = "some of that fails" if storage.failures > failures else "all of that succeeds"
    await disk.flush()
    await disk.close()
    found = await _reopened(storage.to_bytes())
    column.is_kept = found == X_PLUS_1
    steps[""] = f"flushed, closed, opened again: X+1 is {'there' if column.is_kept else 'GONE'}"
    return column


async def _told(request: Awaitable[None]) -> str:
    try:
        await request
    except StorageError as error:
        return f"told: {os.strerror(error.errno or 0)}"
    return "told: done"


async def _reopened(content: bytes) -> bytes:
    async with open_disk(MemoryStorage(content)) as disk:
        return bytes(await disk.pread(SECTOR, SECTOR))


def blank(header: Header) -> bytes:
    """A new image in which nothing is mapped."""
    image = bytearray(header.data_offset)
    raw = pack(header)
    image[: len(raw)] = raw
    entries = free_bytes(header.block_count * 4)
    image[header.bmap_offset : header.bmap_offset + len(entries)] = entries
    return bytes(image)
