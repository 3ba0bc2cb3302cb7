"""The letters of a bug report, at the steps of the code that re-creates what it tells.

A re-creation *marks* a step where its code takes it; the timeline of a failure then shows the report's
own letter there (O1 to P4, say), and the two can be laid side by side.

Rule 1: a letter comes from the step that the code marks, never from the words of a timeline.
Rule 2: a mark changes nothing but the trace. Where nobody keeps a trace it is nothing at all.
"""

from typing import Any, NamedTuple

__all__ = ["Mark", "mark"]


class Mark(NamedTuple):
    """A letter, and what it names: the last step of the client that acts, if nothing else is said."""

    letter: str
    text: str = ""
    """A step of its own, in these words, where neither a request nor an I/O shows it."""
    of: str = ""
    """The next event of this kind that the client has; of ``power`` the next at all. ``submit`` looks back, to where
    the request began: which of a report's requests it is may only show later."""

    def __str__(self) -> str:
        return " ".join(word for word in (self.letter, self.text, self.of) if word)


def mark(storage: Any, letter: str, text: str = "", *, of: str = "") -> None:
    """Say that the code which uses ``storage`` takes the step that a report calls ``letter``."""
    if (trace := getattr(storage, "_trace", None)) is not None:
        trace.add("mark", Mark(letter, text, of))
