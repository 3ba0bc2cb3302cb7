"""Writes that need no step of their own: into a slot that the block has, by one I/O that can begin at once.

Most writes are such. They need no coroutine: they are begun, and their end is told.

Rule 1: whatever is not plain is left to ``Disk.pwrite``: another block, no slot yet, an entry that is not
    in memory, a session that has not begun, a storage that wants to wait.
Rule 2: so is every end but that of a whole write on a disk that has not stopped. To write the same bytes
    once more does no harm, and ``pwrite`` has the words for what is wrong.
Rule 3: from its beginning to its end a write counts as under way and pins its slot, as any other does.
"""

from collections.abc import Callable
from functools import partial

from aiovdi.driver.blockmap import CELL_BITS, CELL_MASK
from aiovdi.driver.lifecycle import State
from aiovdi.driver.reader import Reader
from aiovdi.driver.session import Session
from aiovdi.format.header import Header
from aiovdi.storage.base import Storage
from aiovdi.units import Slot

__all__ = ["InPlaceWriter"]


class InPlaceWriter(Reader):
    """A disk on which plain writes can be begun."""

    def __init__(self, storage: Storage, header: Header, *, writable: bool, write_through: bool, name: str) -> None:
        super().__init__(storage, header, writable=writable, name=name)
        self._write_through = write_through
        self._session = Session(storage, header, self._lifecycle, self._blockmap)
        self._begin_write = storage.begin_write

    def begin_pwrite(self, data: memoryview, offset: int, done: Callable[[bool], object]) -> bool:
        """Begin to write a view of bytes, if that takes but one I/O into a block that has its place; else False,
        and ``pwrite`` has to be called.

        For a caller that wants no task for each write. ``done`` is called once, in a later step of the loop:
        with True where ``pwrite`` would return, and with False where nothing is known and ``pwrite``, called
        with the same data, will tell. Until then ``data`` is the disk's. Never raises.
        """
        block = offset >> self._block_bits
        cell = block + self._cells_before
        page = self._pages.get(cell >> CELL_BITS)
        length = len(data)
        if page is None or not length or (offset + length - 1) >> self._block_bits != block:
            return False
        slot = Slot(page[cell & CELL_MASK])
        if slot >= self._header.block_count or offset + length > self._size or not self._takes_plain_writes(slot):
            return False
        at = self._data_offset + slot * self._slot_stride + (offset & self._block_mask)
        if not self._begin_write(data, at, partial(self._in_place_ended, slot, length, done)):
            return False
        self._pin(slot)
        self._lifecycle.begin()
        return True

    def _takes_plain_writes(self, slot: Slot) -> bool:
        session = self._session
        is_open = self._lifecycle.state is State.OPEN and session.begun
        return is_open and not self._write_through and slot not in session.scan.shared

    def _in_place_ended(self, slot: Slot, length: int, done: Callable[[bool], object], result: int | Exception) -> None:
        self._unpin(range(slot, slot + 1))
        try:
            # A flush that has failed since may have taken the data with it.
            done(result == length and self._lifecycle.failure is None)
        finally:
            self._lifecycle.end()
