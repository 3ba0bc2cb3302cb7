"""What happened in a run, in order: for the hash that says two runs are one, and for the timeline of a report."""

import hashlib
from contextvars import ContextVar
from typing import NamedTuple

from faults.simulation.tape import Tape

__all__ = ["Event", "Trace", "acting"]

acting: ContextVar[str] = ContextVar("acting", default="")
"""The name of the request on whose behalf a task steps; tasks that it creates inherit it."""


class Event(NamedTuple):
    """One thing that happened."""

    what: str
    """Of a request ``submit``, then ``return`` or ``raise``; of an I/O ``issue``, then ``end``.

    Of a session ``open`` and ``close``, and ``power`` or ``kill`` when it was over.
    """
    subject: object
    """The request or I/O: its ``str`` must be the same in every process."""
    detail: object = ""
    by: str = ""
    """On whose behalf; "" where nobody is known, as for what happens in the simulated world."""
    drawn: int = 0
    """Choices that the run had made by then: it joins the timeline with the tape."""

    def __str__(self) -> str:
        return f"{self.what} {self.subject} {self.detail}".rstrip()


class Trace:
    """The events of one run, whose choices come from ``tape``."""

    def __init__(self, tape: Tape | None = None) -> None:
        self.events: list[Event] = []
        self._draws = [] if tape is None else tape.draws

    def add(self, what: str, subject: object, detail: object = "") -> None:
        """Something happened now."""
        self.events.append(Event(what, subject, detail, acting.get(), len(self._draws)))

    def digest(self) -> str:
        """A hash of everything that happened. Costs the formatting of every event, so only where it is asked for."""
        digest = hashlib.blake2b(digest_size=16)
        for event in self.events:
            digest.update(str(event).encode())
            digest.update(b"\n")
        return digest.hexdigest()
