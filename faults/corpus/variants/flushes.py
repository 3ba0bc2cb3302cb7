"""Broken stable storage: what a flush covers, what a failed one means, what FUA includes."""

from aiovdi.driver.disk import Disk
from aiovdi.driver.flusher import Flusher
from aiovdi.driver.session import Session
from aiovdi.errors import StorageError
from aiovdi.settling import own, to_the_end
from aiovdi.storage.base import flush
from aiovdi.units import BlockIndex
from faults.corpus.variants.parts import NoFlush, Other, WithFlusher, WithSession, standing_in

__all__ = [
    "AcknowledgedAfterFailedFlush",
    "FlushBesideFua",
    "FlushJoinsRunning",
    "FlushNotForwarded",
    "FlushRetried",
    "FuaSkipsEntry",
    "NoPrologueFlush",
    "StalePages",
    "UnsettledLeft",
]


class FlushJoinsRunning(WithFlusher):
    """A flush is answered by one that began before it, which covers nothing that was written since.

    A power loss takes what was acknowledged and flushed. Found in group commits of many kinds.
    Breaks: ``wanted = begun + 1``.
    """

    class flusher(Flusher):  # noqa: N801
        async def flush(self) -> None:
            self._lifecycle.refuse_if_failed()
            if self._running is None:
                self._running = own(self._run())
            error = await to_the_end(self._running)
            if error is not None:
                raise StorageError.wrap(error, operation="flush")


class FlushNotForwarded(Disk):
    """A flush of the disk is none of the storage. QEMU's VDI driver had no flush hook of its own.

    Breaks: the flush step of ``flush`` and of FUA; the driver's own barriers stay.
    """

    async def _flush_storage(self) -> None:
        return


class FlushBesideFua(WithFlusher):
    """A flush counts although an FUA write that overlapped it failed, and used up the error of an older write.

    What the flush acknowledges is gone after a power loss. This harness's mutants led to it in this driver.
    Breaks: a flush waits for the FUA writes that it overlaps, and looks once more whether the disk has stopped.
    """

    class flusher(Flusher):  # noqa: N801
        async def _run(self) -> StorageError | None:
            self._begun += 1
            mine = self._begun
            try:
                await flush(self._storage)
            except StorageError as error:
                self._lifecycle.fail(error)
                return error
            finally:
                self._running = None
            self._covered = mine
            for tell in self.on_covered:
                tell()
            return None


class FlushRetried(WithFlusher):
    """A failed flush is tried again, and the second one succeeds because the lost pages count as clean.

    What was flushed is gone after a power loss: PostgreSQL's fsync surprise of 2018. Breaks: a failed
    flush stops the disk.
    """

    class flusher(Flusher):  # noqa: N801
        async def _run(self) -> StorageError | None:
            try:
                await flush(self._storage)
            except StorageError:
                return await super()._run()
            return await super()._run()


class AcknowledgedAfterFailedFlush(Disk):
    """A write is acknowledged though a flush has failed since its I/O ended, and may have taken it back.

    A read shows the old content where the filesystem reverts a page that it cannot write. This harness
    found it in this driver. Breaks: the last look before the acknowledgement.
    """

    def _vouch(self) -> None:
        return


class FuaSkipsEntry(Disk):
    """An FUA write makes the data durable and not the entry that leads to it.

    Breaks: the question whether the way to the data is on stable storage.
    """

    def _is_durable(self, block: BlockIndex) -> bool:  # noqa: ARG002
        return True


class UnsettledLeft(Disk):
    """Nobody rewrites a bmap sector whose write has failed, so the storage keeps an entry that nobody knows.

    Zeros that were acknowledged and flushed turn into the bytes of the failed write. Breaks: settle before
    flush and before zeroing.
    """

    async def _settle_unsettled(self) -> None:
        return


class _NoDropping(Other):
    async def drop_cache(self, length: int, offset: int) -> None:  # noqa: ARG002
        return


class NoPrologueFlush(WithSession):
    """What a killed session has left in the page cache counts as stable: FUA on a mapped block skips its entry.

    Breaks: the two flushes of the prologue (one alone is enough under the model).
    """

    class session(Session):  # noqa: N801
        async def _begin(self) -> None:
            with standing_in(self, "flusher", NoFlush):
                await super()._begin()


class StalePages(WithSession):
    """The map is read from pages that a failed flush has left clean and that the medium never got.

    The next session writes in place through an entry that only the page cache has. Breaks: forgetting
    what is cached before it is read again.
    """

    class session(Session):  # noqa: N801
        async def _begin(self) -> None:
            with standing_in(self, "_storage", _NoDropping):
                await super()._begin()
