"""Where a block may live: every slot of the file is clean, dirty, doubtful or mapped.

::

    (beyond the end) ──┐
                       ├─ window: made to read zeros, counted in the header, flushed ─▶ clean
    dirty ─────────────┘                                                                  │ take_clean
      ▲  ▲                                                                                ▼
      │  └──── its data was issued, and failed or was cancelled ──────────────────── (taken)
      │                                                                        commit │   │ commit failed
      └── sector rewritten, and a flush has covered that ── doubtful ◀────────────────┼───┘
                                                                                      ▼
                                                                                   mapped

Rule 1: only a clean slot is handed out, the lowest first. It reads zeros, a flush has covered that,
and the header on stable storage counts it, so an entry that names it is safe whatever else is lost.
Rule 2: clean slots are made in batches, *windows*. A barrier per window replaces a barrier per
allocation.
Rule 3: a slot that an I/O is under way for is pinned, and no pinned slot is made clean.
Rule 4: the header never counts more slots than the image has blocks: VirtualBox refuses that. And a
window takes only a share of the slots that are not counted yet, since a kill leaves it counted.
"""

import asyncio
import errno
import heapq
from collections.abc import Container, Iterator

from aiovdi.driver.blockmap import SectorIndex
from aiovdi.driver.flusher import Flusher, Stamp
from aiovdi.driver.metadata import MetadataWriter
from aiovdi.driver.scan import Scan
from aiovdi.errors import StorageError, VDIError
from aiovdi.format.header import Header
from aiovdi.settling import join, own
from aiovdi.storage.base import Storage, resize, write_zeroes
from aiovdi.units import GiB, Slot, runs_of

__all__ = ["Slots"]

_SHARE = 4
_GROWTH = 8
"""Few large windows: a flush amid many writes has them all to write back, and they wait for it."""
_TOO_LARGE = frozenset({errno.ENOSPC, errno.EFBIG, errno.EDQUOT})


class Slots:
    """The slots of one image that are not mapped, and the making of clean ones."""

    window_min = 64
    window_max = 4096
    window_bytes_max = 4 * GiB

    def __init__(
        self,
        storage: Storage,
        header: Header,
        metadata: MetadataWriter,
        flusher: Flusher,
        pins: Container[Slot],
    ) -> None:
        self._storage = storage
        self._header = header
        self._metadata = metadata
        self._flusher = flusher
        self._clean: list[Slot] = []
        self._dirty: list[Slot] = []
        self._doubtful: dict[Slot, tuple[SectorIndex, Stamp | None]] = {}
        self._pins = pins
        self._window = self._fitting(self.window_min)
        self._making_at = 0
        """With fewer clean slots than this the next window is made, ahead of need."""
        self._making: asyncio.Task[VDIError | None] | None = None
        flusher.on_covered.append(self._wash)
        self.adopt(Scan(), header.blocks_allocated)

    def adopt(self, scan: Scan, count: int) -> None:
        """Start from a scanned map. Whatever is not in it is dirty: a lost allocation may have left bytes there."""
        self.used = scan.used
        self.count = count
        self._gaps = _each(self.used.gaps(Slot(min(scan.end, self._header.block_count))))
        self._end = scan.end
        self._tail_is_cut = False

    # Handing out

    async def take_clean(self) -> Slot:
        """The lowest clean slot, making a window first where there is none.

        Raises:
            StorageError: no window could be made (ENOSPC: the storage, or the image, is full).
            DiskFailed: the disk has stopped.
        """
        while not self._clean:
            if (error := await join(self._make())) is not None:
                raise StorageError.wrap(error, operation="allocate") if isinstance(error, StorageError) else error
        slot = heapq.heappop(self._clean)
        if len(self._clean) < self._making_at and self._end < self._header.block_count:
            self._make()  # ahead of need; if it fails, whoever finds no clean slot tries again and is told
        return slot

    def publish(self, slot: Slot) -> None:
        """``slot`` has an owner now."""
        self.used.add(slot)

    def spoil(self, slot: Slot) -> None:
        """Bytes of a request that failed or was cancelled may lie in ``slot``."""
        heapq.heappush(self._dirty, slot)

    def doubt(self, slot: Slot, sector: SectorIndex) -> None:
        """The storage may or may not hold an entry that names ``slot``, in ``sector`` of the bmap."""
        self._doubtful[slot] = (sector, None)

    def settled(self, sector: SectorIndex) -> None:
        """``sector`` was rewritten with published entries only. A flush must still cover that."""
        stamp = self._flusher.stamp()
        for slot, (doubted, _) in self._doubtful.items():
            if doubted == sector:
                self._doubtful[slot] = (sector, stamp)

    def _wash(self) -> None:
        """A flush succeeded: no entry can name the slots whose rewrite it covered."""
        for slot, (_, stamp) in list(self._doubtful.items()):
            if stamp is not None and self._flusher.covers(stamp):
                del self._doubtful[slot]
                self.spoil(slot)

    @property
    def has_doubtful(self) -> bool:
        """Whether an entry that was never published may name a slot."""
        return bool(self._doubtful)

    async def drain(self) -> None:
        """Wait for a window that is being made."""
        while self._making is not None:
            await asyncio.wait([self._making])

    # Making a window

    def _make(self) -> asyncio.Task[VDIError | None]:
        """The running making of a window. It belongs to the disk: a request that is cancelled leaves it."""
        if self._making is None:
            self._making = own(self._make_window())
        return self._making

    async def _make_window(self) -> VDIError | None:
        try:
            if self._doubtful and not self._dirty and self._end >= self._header.block_count:
                await self._metadata.settle()
                await self._flusher.flush()
            while (error := await self._try_window(self._window)) is not None and self._window > 1:
                self._window //= 2
            self._window = min(self._window * _GROWTH, self._fitting(self.window_max))
            return error
        except VDIError as failure:
            return failure
        finally:
            self._making = None

    async def _try_window(self, size: int) -> StorageError | None:
        """Make up to ``size`` slots clean. Returns the error that a smaller window may avoid."""
        reused = self._reuse(size)
        end = max(self._end, min(self._end + min(size - len(reused), self._spare()), self._header.block_count))
        fresh = range(self._end, end)
        if not reused and not fresh:
            return self._full()
        try:
            await self._extend(end)
            await self._scrub(reused)
            await self._count(min(max([end, *(slot + 1 for slot in reused)]), self._header.block_count))
            await self._flusher.flush()
        except BaseException as error:
            for slot in reused:
                self.spoil(slot)
            if isinstance(error, StorageError) and error.errno in _TOO_LARGE and error.operation != "flush":
                return error
            raise
        self._end = Slot(end)
        for slot in (*reused, *map(Slot, fresh)):
            heapq.heappush(self._clean, slot)
        self._making_at = len(self._clean) // 2
        return None

    def _spare(self) -> int:
        """How many slots a window may take from those that nobody has counted yet.

        What a killed process leaves counted is lost to QEMU and VirtualBox, which allocate at the count, until
        the next clean close here. A share of what is left leaves them the rest.
        """
        return max(1, (self._header.block_count - self._end) // _SHARE)

    def _reuse(self, most: int) -> list[Slot]:
        """Up to ``most`` dirty slots that no I/O is under way for, ascending."""
        pinned: list[Slot] = []
        found: list[Slot] = []
        while self._dirty and len(found) < most:
            slot = heapq.heappop(self._dirty)
            (pinned if slot in self._pins else found).append(slot)
        for slot in pinned:
            self.spoil(slot)
        while len(found) < most and (gap := next(self._gaps, None)) is not None:
            found.append(gap)
        return sorted(found)

    async def _extend(self, end: int) -> None:
        """Let the slots from ``self._end`` to ``end`` read zeros, and the file cover them whole."""
        old, new = self._offset(self._end), self._offset(end)
        if not self._storage.can_grow:
            if new > self._storage.size:
                raise self._out_of_space(new)
            await write_zeroes(self._storage, length=new - old, offset=old)
            return
        if not self._tail_is_cut and self._storage.size > old:
            await resize(self._storage, old)
        self._tail_is_cut = True
        if new > self._storage.size:
            await resize(self._storage, new)
        if not self._storage.extends_with_zeros:
            await write_zeroes(self._storage, length=new - old, offset=old)

    async def _scrub(self, slots: list[Slot]) -> None:
        """Let dirty ``slots`` read zeros. Never by discard, which proves nothing."""
        for first, last in runs_of(slots):
            length = self._offset(last + 1) - self._offset(first)
            await write_zeroes(self._storage, length=length, offset=self._offset(first))

    async def _count(self, count: int) -> None:
        """Raise the header's count, if it is below ``count``. QEMU and VirtualBox allocate at it without looking."""
        if count > self.count:
            await self._metadata.write_header(blocks_allocated=count)
            self.count = count

    def _offset(self, slot: int) -> int:
        return self._header.data_offset + slot * self._header.slot_stride

    def _fitting(self, slots: int) -> int:
        return max(4, min(slots, self.window_bytes_max // self._header.slot_stride))

    def _full(self) -> StorageError:
        mapped, count = len(self.used), self._header.block_count
        text = f"no slot is left: {mapped} of {count} are mapped, {len(self._doubtful)} doubtful"
        return StorageError(errno.ENOSPC, text, operation="allocate", offset=self._offset(self._end))

    def _out_of_space(self, needed: int) -> StorageError:
        text = f"the storage cannot grow: {needed} bytes needed, {self._storage.size} there"
        return StorageError(errno.ENOSPC, text, operation="allocate", offset=self._storage.size)


def _each(runs: Iterator[tuple[Slot, Slot]]) -> Iterator[Slot]:
    return (Slot(slot) for first, stop in runs for slot in range(first, stop))
