"""What leaves a mark while something happens: the trace of a run, and the calls of its storage that do not wait.

``commute`` says what the marks mean.
"""

from collections.abc import Callable
from typing import cast

from faults.exhaustive.commute import Footprint
from faults.simulation.plan import IO
from faults.simulation.storage import SimStorage
from faults.simulation.tape import Tape
from faults.simulation.trace import Trace

__all__ = ["MarkedStorage", "MarkedTrace"]


class MarkedTrace(Trace):
    """A trace that keeps the footprint of what happens now, too."""

    def __init__(self, tape: Tape) -> None:
        super().__init__(tape)
        self.footprint = Footprint()

    def add(self, what: str, subject: object, detail: object = "") -> None:
        super().add(what, subject, detail)
        if what == "issue":
            self.footprint.issued.append(cast(IO, subject))
        elif what in ("return", "raise", "close"):
            self.footprint.tells = True


class MarkedStorage(SimStorage):
    """Its calls that do not wait leave their mark, and somebody may look before each I/O ends."""

    ended = 0
    """I/Os that have."""
    look: Callable[[int], object] = staticmethod(lambda _ended: None)

    @property
    def size(self) -> int:
        cast(MarkedTrace, self._trace).footprint.looks.append((0, self.device.length))
        return self.device.length

    def pread_now(self, buffer: bytearray | memoryview, offset: int) -> int:
        if self._cached:
            cast(MarkedTrace, self._trace).footprint.looks.append((offset, len(buffer)))
        return super().pread_now(buffer, offset)

    async def drop_cache(self, length: int, offset: int) -> None:
        cast(MarkedTrace, self._trace).footprint.looks.append((offset, length or self.device.length))
        await super().drop_cache(length, offset)

    def _spend_life(self) -> None:
        self.look(self.ended)
        self.ended += 1
        super()._spend_life()
