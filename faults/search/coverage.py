"""Which faults met which I/O, and when: counted from traces, so that a search can say what it never tried.

A *cell* is a fault, an operation and a phase: ``EIO × write:bmap × serving``. An operation that a search
has met in a phase could have met every fault that its kind can have; those that it did not are listed.
A search that found nothing is worth as much as this list is short.
"""

import errno
from collections import Counter
from dataclasses import dataclass, field
from typing import NamedTuple

from faults.simulation.plan import IO, Fate
from faults.simulation.trace import Event, Trace

__all__ = ["Cell", "Coverage"]

FAULTS = {
    "read": ("EIO", "EINTR", "short", "power", "kill"),
    "write": ("EIO", "ENOSPC", "EINTR", "short", "power", "kill"),
    "flush": ("EIO", "ENOSPC", "power", "kill"),
    "resize": ("EIO", "ENOSPC", "power", "kill"),
    "discard": ("EIO", "power", "kill"),
}
"""By kind of I/O. ``power`` and ``kill`` take what is in flight with them."""


class Cell(NamedTuple):
    """What met what, and when."""

    fault: str
    operation: str
    """``kind`` or ``kind:region`` of an I/O, or the kind of a request that was cancelled."""
    phase: str
    """``opening`` until the first request, ``serving`` while there is one, ``closing`` when all have ended."""

    def __str__(self) -> str:
        return " × ".join(self)


@dataclass
class Coverage:
    """Counts over many runs; a sum of two is the coverage of both."""

    cells: Counter[Cell] = field(default_factory=Counter)
    met: Counter[tuple[str, str]] = field(default_factory=Counter)
    """Operation and phase of every I/O."""
    kills: int = 0
    """Processes that were killed. Where none ever is, as in a story, no cell waits for it."""

    def count(self, trace: Trace) -> None:
        """Take in one run."""
        watch = _Watch(self)
        for event in trace.events:
            watch.see(event)

    def __iadd__(self, other: "Coverage") -> "Coverage":
        self.cells.update(other.cells)
        self.met.update(other.met)
        self.kills += other.kills
        return self

    def missing(self) -> list[Cell]:
        """Cells that could have been, and never were."""
        possible = [
            Cell(fault, operation, phase)
            for operation, phase in sorted(self.met)
            for fault in FAULTS.get(operation.partition(":")[0], ())
            if fault != "kill" or self.kills
        ]
        return [cell for cell in possible if cell not in self.cells]


class _Watch:
    """Reads one trace from its beginning."""

    def __init__(self, coverage: Coverage) -> None:
        self._coverage = coverage
        self._requests = 0
        self._phase = "opening"
        self._in_flight: dict[IO, str] = {}

    def see(self, event: Event) -> None:
        if isinstance(event.subject, IO):
            self._see_io(event, event.subject)
        elif event.what in ("power", "kill"):
            for io, phase in self._in_flight.items():
                self._coverage.cells[Cell(event.what, _operation(io), phase)] += 1
            self._in_flight.clear()
            self._coverage.kills += event.what == "kill"
        elif event.what == "open":
            self._requests, self._phase = 0, "opening"
        else:
            self._see_request(event)

    def _see_io(self, event: Event, io: IO) -> None:
        if event.what == "issue":
            self._in_flight[io] = self._phase
            self._coverage.met[_operation(io), self._phase] += 1
            return
        phase = self._in_flight.pop(io, self._phase)
        if isinstance(event.detail, Fate) and (fault := _fault(event.detail)):
            self._coverage.cells[Cell(fault, _operation(io), phase)] += 1

    def _see_request(self, event: Event) -> None:
        if event.what == "raise" and event.detail == "CancelledError":
            kind = getattr(event.subject, "kind", "request")
            self._coverage.cells[Cell("cancel", kind, self._phase)] += 1
        self._requests += (event.what == "submit") - (event.what in ("return", "raise"))
        self._phase = "serving" if self._requests else "closing"


def _operation(io: IO) -> str:
    return f"{io.kind}:{io.region}" if io.region else io.kind


def _fault(fate: Fate) -> str:
    if fate.errno:
        return errno.errorcode.get(fate.errno, str(fate.errno))
    return "short" if fate.short else ""
