"""The one writer of metadata: bmap entries, and the header's count.

An entry is committed in three steps that nobody else can come between: its sector is written with
all entries that were waiting for it (group commit), the entries are published, the waiters go on.
While a sector is being written no second write of it is issued; entries that arrive wait for the
next round. So no older content of a sector can overtake a newer one.

If the write fails, nobody knows what the storage holds. The sector is then *unsettled*: each entry
in it is doubtful until a rewrite with the published entries has succeeded, and its slot until a
later flush has covered that rewrite.
"""

import asyncio
from collections.abc import Callable
from typing import Any, Protocol
from uuid import UUID

from aiovdi.driver.blockmap import BlockMap, SectorIndex
from aiovdi.driver.flusher import Flusher, Stamp
from aiovdi.driver.lifecycle import Lifecycle
from aiovdi.errors import StorageError, VDIError
from aiovdi.format.header import patch
from aiovdi.settling import Settling, own, settle_all
from aiovdi.storage.base import Storage, write_full
from aiovdi.units import BlockIndex, Slot, runs_of

__all__ = ["Entry", "MetadataWriter", "Outcome"]


class Entry(Settling[None]):
    """One bmap entry on its way. Cancelling a waiter withdraws it, until its write is issued."""

    def __init__(self, block: BlockIndex, slot: Slot, withdraw: Callable[["Entry"], None]) -> None:
        super().__init__()
        self.block = block
        self.slot = slot
        self.issued = False
        self._withdraw = withdraw

    def cancel(self, msg: Any | None = None) -> bool:
        if self.issued or self.done():
            return False
        self._withdraw(self)
        return asyncio.Future.cancel(self, msg)


class Outcome(Protocol):
    """Where the writer tells what became of an entry, before any waiter wakes."""

    def _publish(self, block: BlockIndex, slot: Slot) -> None: ...
    def _doubt(self, slot: Slot, sector: SectorIndex) -> None: ...
    def _withdraw(self, slot: Slot) -> None: ...
    def _settled(self, sector: SectorIndex) -> None: ...


class MetadataWriter:
    """Writes the sectors of the bmap, and the header, of one image."""

    def __init__(
        self, storage: Storage, blockmap: BlockMap, flusher: Flusher, lifecycle: Lifecycle, outcome: Outcome
    ) -> None:
        self._storage = storage
        self._blockmap = blockmap
        self._flusher = flusher
        self._lifecycle = lifecycle
        self._outcome = outcome
        self._pending: list[Entry] = []
        self._settlers: list[Settling[None]] = []
        self._unsettled: dict[SectorIndex, StorageError] = {}
        self._stamps: dict[SectorIndex, Stamp] = {}
        self._worker: asyncio.Task[None] | None = None
        self._header = b""
        flusher.on_covered.append(self._forget_covered)

    # Entries

    async def commit(self, block: BlockIndex, slot: Slot) -> None:
        """Return when the storage has the entry and readers see it.

        Raises:
            StorageError: it may or may not be on the storage; the slot is doubtful.
            DiskFailed: the disk stopped before the entry was issued; it was withdrawn.
            asyncio.CancelledError: withdrawn if not yet issued, else settled either way.
        """
        entry = Entry(block, slot, self._on_withdraw)
        self._pending.append(entry)
        self._wake()
        await entry

    async def settle(self) -> None:
        """Rewrite every sector that is unsettled now. Raises StorageError if one stays so."""
        if self._unsettled:
            settler = Settling[None]()
            self._settlers.append(settler)
            self._wake()
            await settler

    @property
    def is_unsettled(self) -> bool:
        """Whether the storage may hold another entry for some block than the published one."""
        return bool(self._unsettled)

    def is_durable(self, block: BlockIndex) -> bool:
        """Whether the published entry of ``block`` is on stable storage."""
        sector = self._blockmap.sector_of(block)
        return sector not in self._unsettled and sector not in self._stamps

    async def drain(self) -> None:
        """Wait until nothing is on its way."""
        while self._worker is not None:
            await asyncio.wait([self._worker])

    def _on_withdraw(self, entry: Entry) -> None:
        self._pending.remove(entry)
        self._outcome._withdraw(entry.slot)

    def _forget_covered(self) -> None:
        self._stamps = {sector: stamp for sector, stamp in self._stamps.items() if not self._flusher.covers(stamp)}

    # Rounds

    def _wake(self) -> None:
        if self._worker is None:
            self._worker = own(self._work())

    async def _work(self) -> None:
        try:
            while self._pending or self._settlers:
                await self._round()
        finally:
            self._worker = None
            if self._pending or self._settlers:
                self._wake()

    async def _round(self) -> None:
        """Write each sector that has something to say, neighbours together, all of them at once."""
        settlers, self._settlers = self._settlers, []
        entries = self._issue()
        sectors = {self._blockmap.sector_of(entry.block) for entry in entries}
        asked = set(self._unsettled) if settlers else set()
        runs = runs_of(sorted(sectors | asked))
        try:
            if len(runs) == 1:
                await self._write(*runs[0], entries)
            else:
                await settle_all(*(self._write(first, last, entries) for first, last in runs))
        finally:
            error = next((self._unsettled[sector] for sector in sorted(asked) if sector in self._unsettled), None)
            for settler in settlers:
                _resolve(settler, error)

    def _issue(self) -> list[Entry]:
        """Take the entries that wait; from here on none can be withdrawn."""
        entries, self._pending = self._pending, []
        for entry in entries:
            entry.issued = True
        try:
            self._lifecycle.refuse_if_failed()
        except VDIError as refusal:
            for entry in entries:
                self._outcome._withdraw(entry.slot)
                entry.set_exception(refusal)
            return []
        return entries

    async def _write(self, first: SectorIndex, last: SectorIndex, entries: list[Entry]) -> None:
        """Write sectors ``first`` to ``last`` with those of ``entries`` that lie there."""
        entries = [entry for entry in entries if first <= self._blockmap.sector_of(entry.block) <= last]
        offset, content = self._blockmap.image(first, last, {entry.block: entry.slot for entry in entries})
        try:
            await write_full(self._storage, memoryview(content), offset)
        except BaseException as error:
            failure = _as_storage_error(error, offset, len(content))
            self._failed(first, last, entries, failure)
            if not isinstance(error, Exception):
                raise  # the loop is being torn down
        else:
            self._committed(first, last, entries)

    def _committed(self, first: SectorIndex, last: SectorIndex, entries: list[Entry]) -> None:
        for sector in range(first, last + 1):
            self._stamps[sector] = self._flusher.stamp()
            if self._unsettled.pop(sector, None) is not None:
                self._outcome._settled(sector)
                self._blockmap.release(sector)
        for entry in entries:
            self._outcome._publish(entry.block, entry.slot)
            entry.set_result(None)

    def _failed(self, first: SectorIndex, last: SectorIndex, entries: list[Entry], failure: StorageError) -> None:
        for sector in range(first, last + 1):
            if sector not in self._unsettled:
                self._blockmap.hold(sector)
            self._unsettled[sector] = failure
        for entry in entries:
            self._outcome._doubt(entry.slot, self._blockmap.sector_of(entry.block))
            _resolve(entry, failure)

    # The header

    def adopt_header(self, raw: bytes) -> None:
        """Take ``raw``, the header sector as the storage holds it, as what later changes start from."""
        self._header = raw

    async def write_header(self, *, blocks_allocated: int, uuid_modify: UUID | None = None) -> None:
        """Write the header sector with these fields changed. Raises StorageError.

        Its callers take turns (the opening of a session, the making of a window, the close), so no
        count can be overtaken by an older one.
        """
        raw = patch(self._header, blocks_allocated=blocks_allocated, uuid_modify=uuid_modify)
        await write_full(self._storage, memoryview(raw), 0)
        self._header = raw


def _resolve(waiter: asyncio.Future[None], error: StorageError | None) -> None:
    """Let ``waiter`` go on, each with an error object of its own."""
    if waiter.done():
        return
    if error is None:
        waiter.set_result(None)
    else:
        waiter.set_exception(StorageError.wrap(error, operation="write"))


def _as_storage_error(error: BaseException, offset: int, length: int) -> StorageError:
    if isinstance(error, StorageError):
        return error
    wrapped = StorageError(0, f"the outcome is not known: {error!r}", operation="write", offset=offset, length=length)
    wrapped.__cause__ = error
    return wrapped
