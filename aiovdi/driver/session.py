"""The first and the last thing that a writer does to an image.

*Prologue*, once, before the first change. Nothing that was read before it counts as stable: an
earlier process may have been killed, or have failed its flush, and the page cache would not tell.
So: flush; forget cached header and map and read them again; write the header with a new
modification UUID and a count that covers the map; flush.

*Close*: bring what is in doubt to an end, flush, cut the file to the highest mapped slot, write the
exact count, flush. If a step fails the count stays high, which is a leak; low would be corruption.
"""

import asyncio
import dataclasses
import uuid
from contextlib import suppress

from aiovdi.driver.blockmap import BlockMap
from aiovdi.driver.flusher import Flusher
from aiovdi.driver.lifecycle import Lifecycle
from aiovdi.driver.metadata import MetadataWriter
from aiovdi.driver.scan import Scan, scan_map
from aiovdi.driver.slots import Slots
from aiovdi.errors import CorruptImage
from aiovdi.format.header import HEADER_BYTES, Header, ImageType, parse
from aiovdi.settling import join, own
from aiovdi.storage.base import Storage, read_full, resize

__all__ = ["Session"]


class Session:
    """One stretch of changes to an image, from the first to the close."""

    def __init__(self, storage: Storage, header: Header, lifecycle: Lifecycle, blockmap: BlockMap) -> None:
        self._storage = storage
        self._blockmap = blockmap
        self._lifecycle = lifecycle
        self._beginning: asyncio.Task[None] | None = None
        self.header = header
        self.begun = False
        self.scan = Scan()
        self.flusher = Flusher(storage, lifecycle)

    def attach(self, metadata: MetadataWriter, slots: Slots) -> None:
        """Tell the parts that the session starts and ends."""
        self._metadata = metadata
        self._slots = slots

    # Prologue

    async def begin(self) -> None:
        """Run the prologue if it has not been run. Requests that come meanwhile wait for the same run.

        Raises:
            StorageError: a step failed; the next change tries again, unless it was a flush.
            DiskFailed: the disk has stopped.
            CorruptImage: the header on stable storage is not the one that was opened.
        """
        while not self.begun:
            self._lifecycle.refuse_if_failed()
            if self._beginning is None:
                self._beginning = own(self._begin())
            await join(self._beginning)

    async def _begin(self) -> None:
        try:
            await self.flusher.flush()
            header, raw = await self._read_again()
            self.scan = await scan_map(self._storage, header)
            count = min(max(header.blocks_allocated, self.scan.end), header.block_count)
            self._metadata.adopt_header(raw)
            await self._metadata.write_header(blocks_allocated=count, uuid_modify=uuid.uuid4())
            await self.flusher.flush()
            self._slots.adopt(self.scan, count)
            self.header = header
            self.begun = True
        finally:
            self._beginning = None

    async def _read_again(self) -> tuple[Header, bytes]:
        with suppress(OSError):  # a hint, which not every filesystem takes
            await self._storage.drop_cache(self.header.data_offset, 0)
        self._blockmap.forget()
        raw = bytearray(HEADER_BYTES)
        length = await read_full(self._storage, memoryview(raw), 0)
        header = parse(bytes(raw[:length]), file_size=self._storage.size)
        if _identity(header) != _identity(self.header):
            raise CorruptImage("the header on the storage is not the one that was read when the image was opened")
        return header, bytes(raw)

    # Close

    async def finish(self) -> None:
        """Run the closing steps. Raises StorageError or DiskFailed; the image is safe to open even then."""
        if self._beginning is not None:
            await asyncio.wait([self._beginning])  # nobody waits for it any more, but it goes on
        if self.begun:  # also on a disk that has stopped: no I/O outlives the storage
            await self._slots.drain()
            await self._metadata.drain()
        self._lifecycle.refuse_if_failed()
        if not self.begun:
            return
        await self._settle()
        if self._is_dynamic():
            await self._cut()
        await self.flusher.flush()

    async def _settle(self) -> None:
        """Every entry that the storage has is one that is known, also after a power loss."""
        await self._metadata.settle()
        await self.flusher.flush()
        assert not self._slots.has_doubtful

    def _is_dynamic(self) -> bool:
        return self.header.image_type is not ImageType.FIXED

    async def _cut(self) -> None:
        """Give back what no block owns at the end of the file, and count exactly."""
        end = self.scan.end
        size = self.header.data_offset + end * self.header.slot_stride
        if self._storage.can_grow and self._storage.size != size:
            await resize(self._storage, size)
        await self._metadata.write_header(blocks_allocated=min(end, self.header.block_count))


def _identity(header: Header) -> Header:
    """What cannot change under an open image: all but the count and the modification UUID."""
    return dataclasses.replace(header, blocks_allocated=0, uuid_modify=uuid.UUID(int=0))
