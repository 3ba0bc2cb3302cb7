"""aiovdi as a target: small blocks, so that a run is a few dozen steps and meets many borders.

Its shapes: a map of one sector, as a rule; now and then a map of several sectors with blocks of one; an
image with a past, in which blocks lie in any order, some are zero, and slots that nobody has are full of
old bytes, and the same where a storage has old bytes wherever it has grown; a storage that cannot grow, with old
bytes everywhere, as a block device is; and a map that begins just before the end of a sector, which is the end of
a page too, so that a few blocks have entries in both.
"""

import struct
from collections import Counter
from dataclasses import replace
from functools import cached_property
from typing import Any

import aiovdi
from aiovdi.driver.disk import Disk
from aiovdi.driver.opening import read_header
from aiovdi.driver.slots import Slots
from aiovdi.format.bmap import ENTRY_BYTES, FREE, ZERO
from aiovdi.format.header import pack
from aiovdi.format.layout import new_header
from aiovdi.units import Slot, align_up
from faults.judges.reader import audit, audit_and_read, audit_changed, audit_closed
from faults.simulation.image import Content, Image, joined
from faults.simulation.tape import Tape
from faults.target import Target

__all__ = ["VDI"]

OLD_BYTES = b"\xee"
MAP_OF_SPLIT = 16 * 1024 - 16
"""Four entries before the end of a page of the map in the driver's memory, which is the end of a sector of the file."""
PAST = {0: 2, 1: 0, 2: ZERO, 3: 3, 4: ZERO, 5: 5}
"""The map of an image with a past; slots 1 and 4 are nobody's."""


class VDI(Target):
    """The driver, or a variant of it.

    Args:
        disk: the class under test.
        blocks, block_size: of the disk.
        window: how many slots are made clean at a time; small, so that windows end within a run.
        grows: whether the storage below can; if not it has room for every block, with old bytes in it.
        extends_with_zeros: whether it has zeros where it has grown.
        writes_through: whether the disk makes every write durable.
        past: whether the image was used before, see ``PAST``; it reads as zeros like a new one.
        splits: whether the map begins at ``MAP_OF_SPLIT``.
        shapes: whether a run may choose another geometry.
    """

    drains = True
    stops_for_good = True

    def __init__(
        self,
        disk: type[Disk] = Disk,
        *,
        name: str = "aiovdi",
        blocks: int = 12,
        block_size: int = 4096,
        window: int = 2,
        grows: bool = True,
        extends_with_zeros: bool = True,
        writes_through: bool = False,
        past: bool = False,
        splits: bool = False,
        shapes: bool = True,
    ) -> None:
        self.name = name
        self.disk = disk
        self.size = blocks * block_size
        self.block_size = block_size
        self.grows = grows
        self.extends_with_zeros = extends_with_zeros
        self.writes_through = writes_through
        self._blocks = blocks
        self._window = window
        self._shapes = shapes
        self._past = PAST if past else {}
        header = new_header(self.size, block_size=block_size, alignment=512)
        if splits:
            data_offset = align_up(MAP_OF_SPLIT + blocks * ENTRY_BYTES, 512)
            header = replace(header, bmap_offset=MAP_OF_SPLIT, data_offset=data_offset)
        self._header = replace(header, blocks_allocated=len(self._past))

    def blank(self) -> bytes:
        return self._blank

    @cached_property
    def _blank(self) -> bytes:
        image = bytearray(self._header.data_offset)
        image[:512] = pack(self._header)
        bmap = [self._past.get(block, FREE) for block in range(self._blocks)]
        struct.pack_into(f"<{self._blocks}I", image, self._header.bmap_offset, *bmap)
        zeros = [
            bytes(self.block_size) if slot in bmap else OLD_BYTES * self.block_size for slot in range(len(self._past))
        ]
        return bytes(image) + b"".join(zeros) + OLD_BYTES * (0 if self.grows else self.size)

    async def open(self, storage: Any) -> Disk:
        disk = self.disk(storage, await read_header(storage), writable=True, write_through=self.writes_through)
        disk._slots.window_max = self._window
        disk._slots._window = self._window
        return disk

    def region(self, offset: int) -> str:
        if offset < self._header.bmap_offset:
            return "header"
        return "bmap" if offset < self._header.data_offset else "data"

    def read_image(self, content: Content) -> Content:
        if not isinstance(content, Image):
            return audit_and_read(content)
        found = audit(content)
        size = found.block_size
        blocks = [Image((), size) if start is None else content.part(start, size) for start in found.starts]
        return joined(blocks, found.disk_size)

    def audit_closed(self, content: Content) -> None:
        audit_closed(content, grows=self.grows)

    def audit_changed(self, before: Content, after: Content) -> None:
        audit_changed(before, after)

    def is_expected(self, error: BaseException) -> bool:
        return isinstance(error, aiovdi.StorageError | aiovdi.DiskFailed)

    def stops(self, error: BaseException) -> bool:
        return isinstance(error, aiovdi.DiskFailed)

    def is_closed(self, error: BaseException) -> bool:
        return isinstance(error, aiovdi.ImageClosed)

    def leaks(self, disk: Any) -> list[str]:
        held = {
            "allocation locks": disk._locks._locks,
            "pins": disk._pins,
            "map pages held": [None] * abs(sum(disk._blockmap._holds.values()) - len(disk._metadata._unsettled)),
            "map pages held by nobody": [held for held in disk._blockmap._holds.values() if not held],
            "entries on their way": disk._metadata._pending,
            "FUA writes under way": getattr(disk._flusher, "_fua", []),
            "requests under way": [None] * disk._lifecycle.count,
        }
        return [f"{what}: {len(found)}" for what, found in held.items() if found] + _astray(disk._slots)

    def squeeze(self, disk: Any) -> None:
        """Another page of the map comes in, and there is room for one."""
        disk._blockmap._pages_max = 0
        disk._blockmap._admit(-1, memoryview(b""))

    def shaped(self, tape: Tape) -> Target:
        return self._drawn[tape.draw("shape", len(self._drawn))] if self._shapes else self

    @cached_property
    def _drawn(self) -> list["VDI"]:
        """The shapes, each as often as it is to be drawn."""
        wide = VDI(self.disk, name=self.name, blocks=400, block_size=512, window=self._window)
        full = VDI(self.disk, name=self.name, window=self._window, grows=False)
        used = VDI(self.disk, name=self.name, window=self._window, past=True)
        tiny = VDI(self.disk, name=self.name, blocks=1, block_size=2048, window=self._window)
        through = VDI(self.disk, name=self.name, window=self._window, writes_through=True)
        stale = VDI(self.disk, name=self.name, window=self._window, extends_with_zeros=False, past=True)
        split = VDI(self.disk, name=self.name, window=self._window, splits=True)
        return [self, self, self, wide, full, used, tiny, through, stale, split]


def _astray(slots: Slots) -> list[str]:
    """Slots below the end of what was made that are in none of the states, or in two: each has exactly one."""
    if slots._making is not None:
        return []  # some are between two states
    gaps = list(slots._gaps)
    slots._gaps = iter(gaps)
    known = Counter([*slots._clean, *slots._dirty, *slots._doubtful, *gaps])
    wrong = [slot for slot in map(Slot, range(slots._end)) if known[slot] + (slot in slots.used) != 1]
    return [f"slots without one state: {', '.join(map(str, wrong))}"] if wrong else []
