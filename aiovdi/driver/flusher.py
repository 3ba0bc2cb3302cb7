"""When is something on stable storage? Flushes are numbered, and a change carries a stamp.

A change that ended is stamped with the number of flushes begun by then. It is durable once a flush
with a higher number has succeeded, for that one began after the change ended (rule 1 of the device
model). Requests that ask for a flush while one runs share the next one.

A flush says nothing if an FUA write that overlapped it failed, since that one may have used up an error.
A failed flush is reported once and is never tried again: the kernel may have marked the lost pages
clean, so that the next flush would succeed and prove nothing. The disk stops instead.
"""

import asyncio
from collections.abc import Callable

from aiovdi.driver.lifecycle import Lifecycle
from aiovdi.errors import StorageError
from aiovdi.settling import own, to_the_end
from aiovdi.storage.base import Storage, flush, write_full

__all__ = ["Flusher", "Stamp"]

Stamp = int


class Flusher:
    """Flushes of one storage, and what they cover."""

    def __init__(self, storage: Storage, lifecycle: Lifecycle) -> None:
        self._storage = storage
        self._lifecycle = lifecycle
        self._begun: Stamp = 0
        self._covered: Stamp = 0
        self._running: asyncio.Task[StorageError | None] | None = None
        self._fua: list[asyncio.Task[None]] = []
        """FUA writes under way."""
        self.on_covered: list[Callable[[], None]] = []
        """Called after each flush that succeeded."""

    def stamp(self) -> Stamp:
        """For a change that has just ended."""
        return self._begun

    def covers(self, stamp: Stamp) -> bool:
        """Whether what carries ``stamp`` is on stable storage."""
        return self._covered > stamp

    async def flush(self) -> None:
        """Make everything that ended before this call durable.

        Raises:
            StorageError: this flush failed, and the disk has stopped.
            DiskFailed: it had stopped before.
        """
        wanted = self._begun + 1
        while self._covered < wanted:
            self._lifecycle.refuse_if_failed()
            if self._running is None:
                self._running = own(self._run())
            error = await to_the_end(self._running)
            if error is not None:
                raise StorageError.wrap(error, operation="flush")

    async def _run(self) -> StorageError | None:
        """One flush. A task of the disk's own, since its outcome must be known whoever is cancelled."""
        self._begun += 1
        mine = self._begun
        try:
            await flush(self._storage)
            await self._settle_fua()
        except StorageError as error:
            self._lifecycle.fail(error)
            return error
        except BaseException as error:
            self._lifecycle.fail(error)
            raise
        finally:
            self._running = None
        if self._lifecycle.failure is not None:
            return None  # it stopped meanwhile; whoever waits for this flush is refused
        self._covered = mine
        for tell in self.on_covered:
            tell()
        return None

    async def _settle_fua(self) -> None:
        """Wait for the FUA writes that overlapped a flush: one that fails may have used up the error of an older
        write, which the flush would have told otherwise (Linux keeps one error for both, for each open file)."""
        if under_way := list(self._fua):
            await asyncio.wait(under_way)

    async def write_fua(self, data: memoryview, offset: int) -> None:
        """Write ``data`` at ``offset`` of the storage, durable on return. Raises StorageError.

        It may report, and use up, the failure of an older write, so it stops the disk as a flush does.
        """
        task = own(self._write_fua(data, offset))
        self._fua.append(task)
        try:
            await to_the_end(task)
        finally:
            self._fua.remove(task)

    async def _write_fua(self, data: memoryview, offset: int) -> None:
        try:
            await write_full(self._storage, data, offset, fua=True)
        except BaseException as error:
            self._lifecycle.fail(error)
            raise
