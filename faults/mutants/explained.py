"""Why a mutant may survive: ``explained.txt`` says so, by function, operator and text, never by line.

::

    [module]
    function | operator | text        any number of these; ``*`` is any, ``…`` at the end any rest
        why none of them can be told from the real one

A reason begins with one word. *same*: what is done is the same, or nothing under the device model tells them
apart. *slower*: the promises are kept with more I/O, or later. *twice*: another check does it too. *unasked*:
no run of the harness asks for it, on purpose, and what does is named.
"""

from collections.abc import Iterator
from importlib.resources import files
from typing import NamedTuple

from faults.mutants.operators import Mutant

__all__ = ["EXPLAINED", "WORDS", "Explained", "parse", "reason_for"]

WORDS = ("same", "slower", "twice", "unasked")


class Explained(NamedTuple):
    """Mutants with a reason."""

    module: str
    function: str
    operator: str
    text: str
    reason: str

    def holds_for(self, mutant: Mutant) -> bool:
        """Whether ``mutant`` is one of them."""
        return self.module == mutant.module and all(
            _fits(pattern, found)
            for pattern, found in (
                (self.function, mutant.function),
                (self.operator, mutant.operator),
                (self.text, mutant.text),
            )
        )


def _fits(pattern: str, found: str) -> bool:
    return pattern in ("*", found) or (pattern.endswith("…") and found.startswith(pattern[:-1]))


def parse(text: str) -> Iterator[Explained]:
    """The rows of a table.

    Raises:
        ValueError: a line is none of those above.
    """
    module, named = "", list[tuple[str, str, str]]()
    for line in filter(str.strip, text.splitlines()):
        if line.startswith("["):
            module = line.strip("[]")
        elif line.startswith(" "):
            reason = line.strip()
            if reason.partition(":")[0] not in WORDS or not named:
                raise ValueError(f"found {reason!r}, expected mutants, then why: {', '.join(WORDS)}: …")
            yield from (Explained(module, *mutant, reason) for mutant in named)
            named = []
        else:
            named.append(_named(line))


def _named(line: str) -> tuple[str, str, str]:
    function, found, rest = line.partition(" | ")
    operator, found_too, text = rest.partition(" | ")
    if not (found and found_too):
        raise ValueError(f"found {line!r}, expected function | operator | text")
    return function.strip(), operator.strip(), text.strip()


EXPLAINED = tuple(parse(files(__package__).joinpath("explained.txt").read_text(encoding="utf-8")))


def reason_for(mutant: Mutant, *, by_name: bool = False) -> str:
    """Why ``mutant`` may survive; empty: nobody has said, or, ``by_name``, not of this mutant in particular."""
    rows = (row for row in EXPLAINED if row.holds_for(mutant))
    return next((row.reason for row in rows if not (by_name and row.text.endswith(("*", "…")))), "")
