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

from aiovdi.driver.blockmap import CELL_BITS, CELL_MASK, BlockMap
from aiovdi.driver.lifecycle import Lifecycle, State
from aiovdi.driver.session import Session
from aiovdi.storage.base import Storage
from aiovdi.units import Slot

__all__ = ["InPlaceWrites"]


class InPlaceWrites:
    """The quick way to write, of one disk.

    Args:
        pins: the slots that I/Os are under way in, and how many; shared with the disk.
    """

    def __init__(
        self,
        storage: Storage,
        blockmap: BlockMap,
        lifecycle: Lifecycle,
        session: Session,
        pins: dict[Slot, int],
    ) -> None:
        header = session.header
        self._begin_write = storage.begin_write
        self._pages = blockmap.pages
        self._cells_before = blockmap.shift
        self._lifecycle = lifecycle
        self._session = session
        self._pins = pins
        self._block_bits = header.block_size.bit_length() - 1
        self._block_mask = header.block_size - 1
        self._block_count = header.block_count
        self._data_offset = header.slot_offset(Slot(0))
        self._slot_stride = header.slot_stride
        self._size = header.size

    def begin(self, data: memoryview, offset: int, done: Callable[[bool], object]) -> bool:
        """Begin to write ``data`` at ``offset`` of the disk. False: nothing was begun and nobody will be told.

        ``done`` is told in a later step of the loop. True: what a return of ``pwrite`` says. False: nothing
        is known; write again by ``pwrite``.
        """
        block = offset >> self._block_bits
        cell = block + self._cells_before
        page = self._pages.get(cell >> CELL_BITS)
        length = len(data)
        if page is None or not length or (offset + length - 1) >> self._block_bits != block:
            return False
        slot = Slot(page[cell & CELL_MASK])
        if slot >= self._block_count or offset + length > self._size or not self._is_plain(slot):
            return False
        at = self._data_offset + slot * self._slot_stride + (offset & self._block_mask)
        if not self._begin_write(data, at, partial(self._ended, slot, length, done)):
            return False
        self._pins[slot] = self._pins.get(slot, 0) + 1
        self._lifecycle.begin()
        return True

    def _is_plain(self, slot: Slot) -> bool:
        lifecycle, session = self._lifecycle, self._session
        return lifecycle.state is State.OPEN and session.begun and slot not in session.scan.shared

    def _ended(self, slot: Slot, length: int, done: Callable[[bool], object], result: int | Exception) -> None:
        if self._pins[slot] == 1:
            del self._pins[slot]
        else:
            self._pins[slot] -= 1
        # A flush that has failed since may have taken the data with it.
        done(result == length and self._lifecycle.failure is None)
        self._lifecycle.end()
