"""Which I/O fails, and how. A plan is asked once for each I/O, at the moment it would end.

*Rules* name an I/O by what it is and when it comes, as QEMU's blkdebug does. A *storm* lets the tape decide
for every I/O: see ``storm``.
"""

import errno
import shlex
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from faults.simulation.tape import Tape

__all__ = ["FINE", "IO", "Fate", "FewFaults", "NoFaults", "Plan", "Rule", "Rules", "parse_rule"]


@dataclass(eq=False, slots=True)
class IO:
    """One physical I/O: what it is, and where it goes."""

    number: int
    kind: str
    """``read``, ``write``, ``flush``, ``resize``, ``discard``."""
    offset: int
    length: int
    region: str
    """Which part of the storage, in the words of the target: ``header``, ``bmap``, ``data``."""
    fua: bool = False

    @property
    def tells_of_older(self) -> bool:
        """Whether its error may be that of older writes, which it used up."""
        return self.kind == "flush" or self.fua

    def __str__(self) -> str:
        if self.kind == "flush":
            return f"flush #{self.number}"
        where = f"to {self.offset}" if self.kind == "resize" else f"{self.length} bytes at {self.offset}"
        return f"{self.kind} #{self.number} {self.region} {where}{' FUA' if self.fua else ''}"


class Fate(NamedTuple):
    """What becomes of an I/O."""

    errno: int = 0
    """0: it succeeds."""
    effect: str = "all"
    """Of a write that fails: ``none`` of its units take effect, ``all``, or ``some`` of the tape's choosing.

    Of one that succeeds: ``all``, or a word of ``corruption``.
    """
    short: bool = False
    """It succeeds for a part of the range only."""
    pages: str = "retry_ok"
    """Of a flush, or an FUA write, that fails: what the kernel does with pages. See the device model, rule 7."""

    def __str__(self) -> str:
        if self.errno:
            return f"fails with {errno.errorcode.get(self.errno, self.errno)}, effect: {self.effect}"
        return "is short" if self.short else "succeeds" if self.effect == "all" else f"succeeds, effect: {self.effect}"


FINE = Fate()


class Plan(Protocol):
    """Decides the fate of each I/O."""

    injected: int
    """How many were given a fate that is an error. A short I/O is none."""

    def fate(self, io: IO) -> Fate:
        """Called once for each I/O, in the order in which they end."""


class NoFaults:
    """Everything succeeds."""

    injected = 0

    def fate(self, io: IO) -> Fate:  # noqa: ARG002
        return FINE


@dataclass
class Rule:
    """One line of a hand-written plan.

    With ``budget`` the disk is full after so many bytes of matching I/O: every one that would take more meets
    the rule, and a smaller one that still fits does not. Otherwise ``nth`` says which.

    ``event`` is ``kind`` or ``kind:region``; ``nth`` counts matching I/Os from 1 (0: every one); ``state``
    must be the plan's state for the rule to count, and ``new_state`` is what it becomes.
    """

    event: str
    fate: Fate = field(default_factory=lambda: Fate(errno.EIO, "none"))
    nth: int = 1
    once: bool = True
    offset: int | None = None
    """Only I/Os whose range holds this byte."""
    budget: int | None = None
    state: int = 0
    new_state: int | None = None
    seen: int = 0
    taken: int = 0
    """Bytes of the I/Os that the budget has let through."""

    def is_due(self, io: IO) -> bool:
        """Whether this one, which matches, is the one."""
        self.seen += 1
        if self.budget is None:
            return self.nth in (0, self.seen) or (not self.once and self.seen >= self.nth)
        fits = self.taken + io.length <= self.budget
        self.taken += io.length if fits else 0
        return not fits

    def matches(self, io: IO) -> bool:
        kind, _, region = self.event.partition(":")
        return (
            kind in (io.kind, "any")
            and region in ("", io.region)
            and (self.offset is None or io.offset <= self.offset < io.offset + io.length)
        )


def parse_rule(text: str) -> Rule:
    """A rule from words like ``event=write:bmap nth=2 errno=ENOSPC effect=some once=off state=1 new-state=2``.

    Raises:
        ValueError: an unknown word or value, named.
    """
    words = dict(word.partition("=")[::2] for word in shlex.split(text))
    known = {"event", "nth", "errno", "effect", "short", "once", "offset", "state", "new-state", "pages", "budget"}
    if unknown := words.keys() - known:
        raise ValueError(
            f"rule {text!r}: found {', '.join(sorted(unknown))}, expected some of {', '.join(sorted(known))}"
        )
    if "event" not in words:
        raise ValueError(f"rule {text!r}: expected event=KIND or event=KIND:REGION")
    short = words.get("short", "off") == "on"
    number = 0 if short else _errno(words.get("errno", "ENOSPC" if "budget" in words else "EIO"))
    return Rule(
        event=words["event"],
        fate=Fate(number, words.get("effect", "none" if number else "all"), short, words.get("pages", "retry_ok")),
        nth=int(words.get("nth", "1")),
        once=words.get("once", "on") == "on",
        offset=int(words["offset"]) if "offset" in words else None,
        budget=int(words["budget"]) if "budget" in words else None,
        state=int(words.get("state", "0")),
        new_state=int(words["new-state"]) if "new-state" in words else None,
    )


def _errno(word: str) -> int:
    if word.isdigit():
        return int(word)
    if word not in _ERRNO_NAMES:
        raise ValueError(f"errno: found {word!r}, expected a name such as EIO or a number")
    return _ERRNO_NAMES[word]


_ERRNO_NAMES = {name: number for number, name in errno.errorcode.items()}


class Rules:
    """A plan of rules. The first that matches and is due decides."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        self.rules = list(rules)
        self.state = 0
        self.injected = 0

    def fate(self, io: IO) -> Fate:
        for rule in self.rules:
            if rule.state in (0, self.state) and rule.matches(io) and rule.is_due(io):
                self.state = self.state if rule.new_state is None else rule.new_state
                self.injected += rule.fate.errno != 0 or rule.fate.effect != "all"
                return rule.fate
        return FINE


class FewFaults:
    """A plan in which at most ``limit`` I/Os fail, and the tape says which: for exhaustive search."""

    def __init__(self, tape: Tape, limit: int = 1) -> None:
        self._tape = tape
        self._limit = limit
        self.injected = 0

    def fate(self, io: IO) -> Fate:
        if self.injected < self._limit and self._tape.draw("fail", 2):
            self.injected += 1
            effects = 2 if io.kind in ("write", "resize") else 1
            return Fate(errno.EIO, ("none", "all")[self._tape.draw("fail.effect", effects)])
        return FINE
