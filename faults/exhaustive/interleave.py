"""Every run of a small program of requests, with an honest verdict.

A program is written as clients with the operations of a sweep. ``w0 f | w1`` is a write and a flush of
one client, and a write of another, at any time. ``w0+1`` is the same one block further on. ``w0!`` is
cancelled once, at any time. What stands before a semicolon is the prelude: one client, alone, with no
choice and no fault, so that a program may begin with a disk in use: ``w0+2 f; w0 | w0+1``.

What is exhausted: the orders of ``guided`` at every moment; if asked for, faults, each of every kind at
every I/O; and every image of every crash before every I/O and at the end.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from faults.exhaustive.commute import commute, commute_unqueued
from faults.exhaustive.everycrash import LIVES_MAX, EveryCrash
from faults.exhaustive.everyfault import EveryFault
from faults.exhaustive.explore import Exploration, explore
from faults.exhaustive.guided import ORDERS, GuidedSession
from faults.exhaustive.path import Path
from faults.runs.programs import parse_program
from faults.runs.run import ENDS as RUN_ENDS
from faults.runs.run import Outcome, Script, run
from faults.search.subject import Subject
from faults.simulation.plan import NoFaults, Plan
from faults.simulation.tape import Draw, Tape

__all__ = ["ENDS", "MARK", "Interleaving", "interleave", "program_subject"]

MARK = " explore "
ENDS = {"close": (), "power": ("power",), "kill": ("kill",), "any": ("power", "kill")}
"""Ends of a session, and the crashes that are tried besides the close at its end."""

_ONLY: dict[str, Sequence[int]] = {"power after close": [0], "close.early": [0], "crash.mode": [0], "cached": [0]}
"""Draws that are no choice here: every crash is looked at in the run itself, and nothing is cached."""


@dataclass
class Interleaving:
    """A search: how far it went, and what it found."""

    program: str
    orders: str
    end: str
    faults: int
    exploration: Exploration
    crashes: EveryCrash
    failed: Subject | None = None
    """What replays the failure: the program, or the program with the crash as its end."""
    tape: list[Draw] = field(default_factory=list)

    @property
    def verdict(self) -> str:
        """What the search may claim."""
        left_out = f", but for {self.crashes.left_out} crashes of too many images" if self.crashes.left_out else ""
        return self.exploration.verdict + left_out

    @property
    def scope(self) -> str:
        """Of what, in words."""
        said = [ORDERS[self.orders], "one cancel at every moment of each request marked with !"]
        said = said[: 1 + ("!" in self.program)]
        if self.faults:
            said.append(f"every fault at every I/O, {self.faults} in a run")
        if self.crashes.kinds:
            kinds = " and ".join(kind.replace("power", "power loss") for kind in self.crashes.kinds)
            said.append(f"{kinds} before every I/O and at the end, with every image")
        return "; ".join(said)

    def as_json(self) -> dict[str, Any]:
        """Everything that a line of text says, and how long the longest run was."""
        explored, crashes = self.exploration, self.crashes
        return {
            "verdict": self.verdict,
            "scope": self.scope,
            "runs": explored.runs,
            "repeats": explored.repeats,
            "longest": explored.longest,
            "crashes": len(crashes.spaces),
            "images": crashes.images,
            "failed": self.failed is not None,
            "interrupted": explored.was_interrupted,
        }

    def __str__(self) -> str:
        runs = f"{self.exploration.runs} runs, {self.exploration.repeats} given up as repeats"
        images = f"{len(self.crashes.spaces)} different crashes with {self.crashes.images} images"
        end = "\ninterrupted" if self.exploration.was_interrupted else ""
        return f"{self.verdict}: {runs}, {images}\n  of {self.scope}{end}"


def program_subject(
    subject: Subject,
    text: str,
    *,
    end: str = "close",
    faults: int = 0,
    orders: str = "moments",
    crashes: EveryCrash | None = None,
) -> Subject:
    """The program as a subject: what a failure of a search replays.

    Args:
        end: ``close``, or the crash that ends a run after as many I/Os as the tape says.
        crashes: is shown every crash of every run that explores.

    Raises:
        ValueError: the subject is a story, or the program has an unknown word.
    """
    target = subject.target
    if target is None:
        raise ValueError(f"{subject.name} is a story; a program needs a target that takes requests")
    for name, found, known in (("end", end, RUN_ENDS), ("orders", orders, ORDERS)):
        if found not in known:
            raise ValueError(f"{name}: found {found!r}, expected one of {', '.join(known)}")
    script = Script(
        (parse_program(text, target),),
        partial(_plan, faults),
        end,
        LIVES_MAX,
        partial(GuidedSession, orders=orders, crashes=crashes),
    )

    def again(tape: Tape) -> Outcome:
        return run(target, tape, schedule="fifo", script=script)

    return Subject(f"{subject.name}{MARK}{end} {faults} {text}", again, target=target)


def interleave(
    subject: Subject,
    text: str,
    *,
    end: str = "any",
    faults: int = 0,
    orders: str = "moments",
    deviations: int | None = None,
    limit: int = 1_000_000,
    reduced: bool = True,
    after_run: Callable[[Outcome], object] = lambda _: None,
) -> Interleaving:
    """Make every run of the program ``text``, at most ``limit`` of them.

    Args:
        end: which crashes are tried, see ``ENDS``.
        faults: at most so many I/Os of a run are at fault.
        orders: one of ``guided.ORDERS``.
        deviations: how often tasks overtake each other, where ``orders`` lets them.
        reduced: without it, runs that only repeat others are made all the same.
        after_run: is told each outcome.

    Raises:
        ValueError: as ``program_subject``.
    """
    if end not in ENDS:
        raise ValueError(f"end: found {end!r}, expected one of {', '.join(ENDS)}")
    crashes = EveryCrash(ENDS[end])
    program = program_subject(subject, text, faults=faults, orders=orders, crashes=crashes)
    rule = commute if orders != "any" or deviations is not None else commute_unqueued
    path = Path(deviations, _ONLY, rule if reduced else _never)
    exploration = explore(program.run, limit=limit, deviations=deviations, path=path, after_run=after_run)
    found = Interleaving(text, orders, end, faults, exploration, crashes)
    if exploration.tape is not None:
        crash = crashes.found
        kind = "close" if crash is None or crash.ended is None else "power" if crash.power else "kill"
        found.failed = program_subject(subject, text, end=kind, faults=faults)
        found.tape = crash.draws(exploration.tape) if crash else exploration.tape
    return found


def _never(_one: object, _other: object) -> bool:
    return False


def _plan(faults: int, tape: Tape) -> Plan:
    return EveryFault(faults, tape) if faults else NoFaults()
