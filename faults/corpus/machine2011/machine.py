"""The states of a request of 2011, and the disk that they make.

::

    step ─▶ segment in place ────────────────────────────┐
      ▲     segment in a new block (padded if need be)   ┤
      └──────────────────────────────────────────────────┘
    no segment left ─▶ length ─▶ header ─▶ flush ─▶ bmap ─▶ done

Without a defect this machine keeps, under the device model: what was acknowledged survives close and
``kill -9``, and power loss too once it was flushed (or with FUA); a request that failed or was
cancelled leaves each sector old or new. It does not give back slots, and only one request allocates at
a time. The flush before the bmap, the turn and the roll-back are the mends; 2011 had none of them. And
2011 wrote a new block whole, with padding; here only one whose slot may hold something is, and nobody
gets to it meanwhile: else 1b would be mixed up with another bug, which QEMU's f0ab6f1096 mended in 2015.

Each defect of ``DEFECTS`` is switched on alone. A simulated I/O fails when it ends and never when it is
submitted; ENOSPC stands for the refusal here.
"""

import asyncio
import errno
import struct
from collections import deque
from collections.abc import Callable
from typing import Any

from aiovdi.errors import StorageError
from aiovdi.format.header import Header
from aiovdi.storage import base
from aiovdi.units import Segment
from faults.corpus.machine2011.letters import Letters
from faults.corpus.machine2011.request import Acb, Requests, Ret, failure, settled

__all__ = ["DEFECTS", "Machine"]

DEFECTS = {
    "1a": "The entry that was set before the data was written stays set when the request fails (O1 to P4).",
    "1b": "Others use an entry that is not on the storage yet, and are acknowledged (Q1 to Q11).",
    "2": "A submission that is refused ends the request with the return code of the last success.",
    "3a": "Cancel frees neither orig_buf nor block_buffer.",
    "3b": "Cancel does not cancel the bottom half, which then runs in a request that may be somebody else's.",
    "3c": "Setup leaves the old bh in a request that is used again: it fails, and no fault was injected.",
}
FREE = 0xFFFFFFFF
_ENTRIES_PER_SECTOR = 128
_COUNT_AT = 0x184
"""cBlocksAllocated: VirtualBox, VDICore.h."""


class Machine(Requests):
    """The disk in an image whose header and map were read. Offsets and lengths are in bytes."""

    def __init__(self, storage: Any, header: Header, raw: bytes, bmap: list[int], defect: str | None) -> None:
        super().__init__(header.block_size, defect, Letters(storage, defect))
        self._storage = storage
        self._header = header
        self._raw = bytearray(raw)
        self.bmap = bmap
        self._spent: set[int] = set()
        """Slots that a failed bmap write may have given away."""
        self._unsaved: set[int] = set()
        """Blocks whose entry only memory has."""
        self._turn: Acb | None = None
        self._waiting: deque[Acb] = deque()
        self._flushing = asyncio.Lock()
        self.failure: StorageError | None = None

    # What a user calls

    async def pread(self, length: int, offset: int) -> bytes:
        """``length`` bytes from ``offset``. Raises StorageError."""
        buffer = bytearray(length)
        await self.request(buffer, offset, is_write=False)
        return bytes(buffer)

    async def pwrite(self, data: bytes, offset: int, *, fua: bool = False) -> None:
        """Write ``data`` at ``offset``. Raises StorageError."""
        self._refuse_if_failed()
        await self.request(bytearray(data), offset, is_write=True, fua=fua)
        self._refuse_if_failed()

    async def write_zeroes(self, length: int, offset: int, *, fua: bool = False) -> None:
        """In 2011 zeros were written like anything else. Raises StorageError."""
        await self.pwrite(bytes(length), offset, fua=fua)

    async def discard(self, length: int, offset: int) -> None:
        """What is discarded reads as zeros. Raises StorageError."""
        await self.pwrite(bytes(length), offset)

    async def flush(self) -> None:
        """Make what was acknowledged durable. Raises StorageError; after that only reading goes on."""
        self._refuse_if_failed()
        self._letters.take("asks flush" if self._unsaved else "")
        task = asyncio.ensure_future(self._flush())
        await settled(task)
        task.result()
        if self._unsaved:
            self._letters.take("flushed")
            self._letters.take("crash")

    async def close(self) -> None:
        """Raises StorageError."""
        await self.flush()

    def leaks(self) -> list[str]:
        """What is still held though no request is under way."""
        held = {"buffers": self.buffers, "turn": int(self._turn is not None), "waiting": len(self._waiting)}
        return [f"{what}: {count}" for what, count in held.items() if count]

    # The states

    def _step(self, acb: Acb, ret: Ret) -> None:
        """A segment has ended, or none has begun."""
        if ret:
            self._finish(acb, ret)
        elif not acb.left:
            self._end_data(acb)
        elif acb.is_write:
            self._write_segment(acb, acb.left[0])
        else:
            self._read_segment(acb, acb.left.popleft())

    def _read_segment(self, acb: Acb, segment: Segment) -> None:
        slot = self.bmap[segment.block]
        if slot == FREE or self._is_hidden(segment.block):
            self._step(acb, 0)
            return
        part = memoryview(acb.buf)[segment.at : segment.at + segment.length]
        self._submit(acb, base.read_full(self._storage, part, self._offset(slot) + segment.start), self._step)

    def _write_segment(self, acb: Acb, segment: Segment) -> None:
        is_new = self.bmap[segment.block] == FREE
        if not self._may_go_on(acb, segment.block, is_new=is_new):
            self._waiting.append(acb)
            return
        acb.left.popleft()
        part = memoryview(acb.buf)[segment.at : segment.at + segment.length]
        if is_new:
            self._turn = acb
            self._write_new(acb, segment, part)
        else:
            if segment.block in self._unsaved and self._turn is not acb:
                acb.trusts = True
                self._letters.take("asks again")
                self._letters.take("in place")
            offset = self._offset(self.bmap[segment.block]) + segment.start
            self._submit(acb, base.write_full(self._storage, part, offset), self._data_written)

    def _may_go_on(self, acb: Acb, block: int, *, is_new: bool) -> bool:
        """One request allocates at a time; who needs what it allocates waits until the storage has it."""
        return self._turn in (None, acb) or (not is_new and not self._is_hidden(block))

    def _is_hidden(self, block: int) -> bool:
        """Whether the entry is for nobody but the request that allocates."""
        if self._turn is None or block not in self._turn.blocks:
            return False
        return self._defect != "1b" or self._turn.is_padding

    def _write_new(self, acb: Acb, segment: Segment, part: memoryview) -> None:
        taken = {*self.bmap, *self._spent}
        slot = next((slot for slot in range(self._header.block_count) if slot not in taken), None)
        if slot is None:
            self._finish(acb, -errno.ENOSPC)
            return
        self.bmap[segment.block] = slot
        self._unsaved.add(segment.block)
        self._letters.take("asks")
        self._letters.take("entry set", f"sets entry {segment.block} in memory")
        acb.blocks.append(segment.block)
        if acb.block_buffer is None:
            self.buffers += 1
        acb.block_buffer = bytearray(self._header.block_size)
        acb.block_buffer[segment.start : segment.start + segment.length] = part
        self._write_block(acb, segment, self._offset(slot))

    def _write_block(self, acb: Acb, segment: Segment, offset: int) -> None:
        """Past the end of the file all is zeros; elsewhere a write that failed or was lost may have left bytes."""
        part = memoryview(acb.block_buffer or b"")
        acb.is_padding = self._storage.size > offset
        if not acb.is_padding:
            part, offset = part[segment.start : segment.start + segment.length], offset + segment.start
        self._letters.take("data")
        self._submit(acb, base.write_full(self._storage, part, offset), self._data_written)

    def _data_written(self, acb: Acb, ret: Ret) -> None:
        self._letters.take("data failed" if ret and acb.blocks else "written" if acb.trusts and not ret else "")
        self._step(acb, ret)

    def _end_data(self, acb: Acb) -> None:
        end = max((self._offset(self.bmap[block]) for block in acb.blocks), default=0) + self._header.block_size
        if acb.blocks and end > self._storage.size:
            self._submit(acb, base.resize(self._storage, end), self._then(self._write_header))
        elif acb.blocks:
            self._write_header(acb)
        elif acb.fua:
            self._submit(acb, self._flush(), self._finish)
        else:
            self._finish(acb, 0)

    def _write_header(self, acb: Acb) -> None:
        """The count covers the new slots before any entry does."""
        count = max(struct.unpack_from("<I", self._raw, _COUNT_AT)[0], *(self.bmap[block] + 1 for block in acb.blocks))
        struct.pack_into("<I", self._raw, _COUNT_AT, count)
        self._submit(acb, base.write_full(self._storage, memoryview(bytes(self._raw)), 0), self._then(self._barrier))

    def _barrier(self, acb: Acb) -> None:
        self._submit(acb, self._flush(), self._then(self._write_bmap))

    def _write_bmap(self, acb: Acb) -> None:
        """The sectors from the first new entry to the last."""
        if self.failure is not None:  # what the header said may be lost, and no later flush would tell
            self._finish(acb, -errno.EIO)
            return
        acb.is_doubtful = True
        first = min(acb.blocks) // _ENTRIES_PER_SECTOR * _ENTRIES_PER_SECTOR
        entries = self.bmap[first : (max(acb.blocks) // _ENTRIES_PER_SECTOR + 1) * _ENTRIES_PER_SECTOR]
        content = struct.pack(f"<{len(entries)}I", *entries)
        offset = self._header.bmap_offset + first * 4
        self._submit(acb, base.write_full(self._storage, memoryview(content), offset), self._bmap_written)

    def _bmap_written(self, acb: Acb, ret: Ret) -> None:
        if ret:
            self._finish(acb, ret)
            return
        self._unsaved.difference_update(acb.blocks)
        acb.blocks = []
        self._leave(acb)
        self._end_data(acb)

    def _undo(self, acb: Acb) -> None:
        if acb.is_doubtful:
            self._spent.update(self.bmap[block] for block in acb.blocks)
        if self._defect != "1a":
            for block in acb.blocks:
                self.bmap[block] = FREE
            self._unsaved.difference_update(acb.blocks)
        acb.blocks = []

    def _finish(self, acb: Acb, ret: Ret) -> None:
        self._letters.take("told an error" if ret and acb.blocks else "told" if acb.trusts and not ret else "")
        super()._finish(acb, ret)

    def _recalled(self, acb: Acb, then: Callable[[Acb, Ret], None], ret: Ret) -> None:
        if then == self._bmap_written and not ret:
            self._unsaved.difference_update(acb.blocks)
            acb.blocks = []  # the entries are there, whoever wanted them

    def _leave(self, acb: Acb) -> None:
        if acb in self._waiting:
            self._waiting.remove(acb)
        if self._turn is acb:
            self._turn = None
        if self._turn is None:
            waiting, self._waiting = self._waiting, deque()
            for other in waiting:
                self._step(other, 0)

    async def _flush(self) -> None:
        """One at a time: of two, one may be told the error and the other not."""
        async with self._flushing:
            self._refuse_if_failed()
            try:
                await base.flush(self._storage)
            except StorageError as error:
                self.failure = error
                raise

    def _refuse_if_failed(self) -> None:
        if self.failure is not None:
            raise failure(-errno.EIO)

    def _offset(self, slot: int) -> int:
        return self._header.data_offset + slot * self._header.slot_stride
