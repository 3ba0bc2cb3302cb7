"""The 2011 machine as a target: the image is that of ``faults.vdi``, the disk is the machine.

Opening reads the whole map. It flushes first, and drops what is cached: the session before may have been
killed, and 2011's order of writes says nothing about what it left in flight.
"""

import struct
from typing import Any

from aiovdi.driver.opening import read_header
from aiovdi.errors import StorageError
from aiovdi.storage import base
from faults.corpus.machine2011.machine import DEFECTS, Machine
from faults.simulation.image import Content
from faults.vdi import VDI

__all__ = ["Machine2011"]


class Machine2011(VDI):
    """The machine, with one of its defects or with none.

    Args:
        defect: one of ``DEFECTS``, or None.

    Raises:
        ValueError: there is no such defect.
    """

    drains = False
    stops_for_good = False

    def __init__(self, defect: str | None = None, *, blocks: int = 12, block_size: int = 4096) -> None:
        if defect is not None and defect not in DEFECTS:
            raise ValueError(f"defect: found {defect!r}, expected one of {', '.join(DEFECTS)}")
        super().__init__(
            name=f"machine of 2011, defect: {defect or 'none'}", blocks=blocks, block_size=block_size, shapes=False
        )
        self._defect = defect

    async def open(self, storage: Any) -> Any:
        await base.flush(storage)
        await storage.drop_cache(self._header.data_offset, 0)
        header = await read_header(storage)
        raw = bytearray(512)
        await base.read_full(storage, memoryview(raw), 0)
        bmap = bytearray(self._blocks * 4)
        await base.read_full(storage, memoryview(bmap), header.bmap_offset)
        return Machine(storage, header, bytes(raw), list(struct.unpack(f"<{self._blocks}I", bmap)), self._defect)

    def is_expected(self, error: BaseException) -> bool:
        return isinstance(error, StorageError)

    def stops(self, error: BaseException) -> bool:
        return isinstance(error, StorageError)

    def leaks(self, disk: Machine) -> list[str]:
        return disk.leaks()

    def squeeze(self, disk: Any) -> None:
        """It keeps the whole map."""

    def audit_closed(self, content: Content) -> None:
        """Its close gives nothing back."""

    def audit_changed(self, before: Content, after: Content) -> None:
        """It knows no UUIDs."""
