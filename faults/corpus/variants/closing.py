"""Broken ends of a session: a close that does not wait, or says what is not so yet."""

from contextlib import suppress

from aiovdi.driver.disk import Disk
from aiovdi.driver.lifecycle import Lifecycle
from aiovdi.driver.session import Session
from aiovdi.driver.slots import Slots
from aiovdi.errors import StorageError
from faults.corpus.variants.parts import WithLifecycle, WithSession, WithSlots

__all__ = [
    "CloseDoesNotWait",
    "CloseOverDoubt",
    "CloseRacesPrologue",
    "CloseRacesWindow",
    "CutBeforeFlush",
    "NothingIsClosed",
]


class CloseDoesNotWait(WithLifecycle):
    """The closing steps begin while a write is in flight.

    It is acknowledged after the flush that should have covered it, or lands when the image is somebody else's.
    Breaks: only a disk without requests under way is taken apart.
    """

    class lifecycle(Lifecycle):  # noqa: N801
        async def idle(self) -> None:
            return


class CloseRacesPrologue(WithSession):
    """A prologue whose request was cancelled goes on, and writes its header when the image is closed, or another's.

    Found in this driver by its tests (the prologue outlived the close). Breaks: close waits for it.
    """

    class session(Session):  # noqa: N801
        async def finish(self) -> None:
            if self.begun:
                await super().finish()


class CloseRacesWindow(WithSlots):
    """A window that is being made extends the file and raises the count, while the close cuts and lowers.

    Breaks: close waits for the window.
    """

    class slots(Slots):  # noqa: N801
        async def drain(self) -> None:
            return


class CloseOverDoubt(WithSession):
    """The exact count is written while the storage may have an entry that nobody knows, above it.

    QEMU and VirtualBox then allocate its slot. Breaks: settle before the count is lowered.
    """

    class session(Session):  # noqa: N801
        async def _settle(self) -> None:
            await self.flusher.flush()


class CutBeforeFlush(WithSession):
    """The file is cut and the count lowered before a flush has covered what took the last entries back.

    A power loss keeps the old entry and the new length. Breaks: the first flush of the close.
    """

    class session(Session):  # noqa: N801
        async def _settle(self) -> None:
            await self._metadata.settle()


class NothingIsClosed(Disk):
    """The closing steps are left out and their errors with them: no exact count, no flush.

    What close acknowledges is gone after a power loss. Breaks: close is a flush.
    """

    async def _finish(self) -> None:
        with suppress(StorageError):
            await self._slots.drain()
