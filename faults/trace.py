"""What happened in a run, in order: for the hash that says two runs are one, and for the timeline of a report."""

import hashlib
from typing import NamedTuple

__all__ = ["Event", "Trace"]


class Event(NamedTuple):
    """One thing that happened."""

    what: str
    """Of a request ``submit``, then ``return`` or ``raise``; of an I/O ``issue``, then ``end``.

    Of a session ``open`` and ``close``, and ``power`` or ``kill`` when it was over.
    """
    subject: object
    """The request or I/O: its ``str`` must be the same in every process."""
    detail: object = ""

    def __str__(self) -> str:
        return f"{self.what} {self.subject} {self.detail}".rstrip()


class Trace:
    """The events of one run."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def add(self, what: str, subject: object, detail: object = "") -> None:
        """Something happened now."""
        self.events.append(Event(what, subject, detail))

    def digest(self) -> str:
        """A hash of everything that happened. Costs the formatting of every event, so only where it is asked for."""
        digest = hashlib.blake2b(digest_size=16)
        for event in self.events:
            digest.update(str(event).encode())
            digest.update(b"\n")
        return digest.hexdigest()
