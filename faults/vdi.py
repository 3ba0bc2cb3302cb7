"""aiovdi as a target: small blocks, so that a run is a few dozen steps and meets many borders."""

import struct
from typing import Any

import aiovdi
from aiovdi.driver.disk import Disk
from aiovdi.driver.opening import read_header
from aiovdi.format.header import pack
from aiovdi.format.layout import new_header
from faults.reader import audit_and_read

__all__ = ["VDI"]


class VDI:
    """The driver, or a variant of it.

    Args:
        disk: the class under test.
        blocks, block_size: of the disk.
        window: how many slots are made clean at a time; small, so that windows end within a run.
    """

    def __init__(
        self,
        disk: type[Disk] = Disk,
        *,
        name: str = "aiovdi",
        blocks: int = 12,
        block_size: int = 4096,
        window: int = 2,
    ) -> None:
        self.name = name
        self.disk = disk
        self.size = blocks * block_size
        self.block_size = block_size
        self._blocks = blocks
        self._window = window
        self._header = new_header(self.size, block_size=block_size, alignment=512)

    def blank(self) -> bytes:
        image = bytearray(self._header.data_offset)
        image[:512] = pack(self._header)
        struct.pack_into(f"<{self._blocks}I", image, self._header.bmap_offset, *[0xFFFFFFFF] * self._blocks)
        return bytes(image)

    async def open(self, storage: Any) -> Disk:
        disk = self.disk(storage, await read_header(storage), writable=True)
        disk._slots.window_max = self._window
        disk._slots._window = self._window
        return disk

    def region(self, offset: int) -> str:
        if offset < self._header.bmap_offset:
            return "header"
        return "bmap" if offset < self._header.data_offset else "data"

    def read_image(self, content: bytes) -> bytes:
        return audit_and_read(content)

    def is_expected(self, error: BaseException) -> bool:
        return isinstance(error, aiovdi.StorageError | aiovdi.DiskFailed)

    def stops(self, error: BaseException) -> bool:
        return isinstance(error, aiovdi.DiskFailed)

    def leaks(self, disk: Any) -> list[str]:
        held = {
            "allocation locks": disk._locks._locks,
            "pins": disk._pins,
            "map pages held": {} if disk._metadata.is_unsettled else disk._blockmap._holds,
            "entries on their way": disk._metadata._pending,
            "requests under way": disk._lifecycle._under_way,
        }
        return [f"{what}: {found}" for what, found in held.items() if found]
