"""Every interleaving of a small program of requests, with an honest verdict.

A program is written as clients with the operations of a sweep: ``w0 f | w1`` is a write and a flush of
one client, and a write of another. Every order is tried, and if asked for, one failing I/O at every
place of each, and every crash image at the end.
"""

import errno
from dataclasses import dataclass
from functools import partial

from faults.explore import Exploration, explore
from faults.plan import FINE, IO, Fate, NoFaults, Plan
from faults.run import ENDS, Outcome, Script, run
from faults.subject import Subject
from faults.sweep import OPERATIONS
from faults.tape import Tape
from faults.target import Target
from faults.workload import Request, Workload

__all__ = ["MARK", "interleave", "parse_program", "program_subject"]

MARK = " explore "


def parse_program(text: str, target: Target) -> Workload:
    """A workload from words such as ``w0 f | w1``.

    Raises:
        ValueError: an unknown operation, named.
    """
    clients = []
    for letter, words in zip("ABCDEFGHIJKLMNOP", text.split("|"), strict=False):
        if unknown := [word for word in words.split() if word not in OPERATIONS]:
            raise ValueError(f"program {text!r}: found {unknown[0]!r}, expected one of {', '.join(OPERATIONS)}")
        described = [OPERATIONS[word](target.block_size) for word in words.split()]
        clients.append([Request(f"{letter}{number}", *each) for number, each in enumerate(described)])
    return clients


def program_subject(subject: Subject, text: str, *, end: str = "close", faults: int = 0) -> Subject:
    """The program as a subject: what a failure of an exploration replays.

    Raises:
        ValueError: the subject is a story, or the program has an unknown word.
    """
    target = subject.target
    if target is None:
        raise ValueError(f"{subject.name} is a story; a program needs a target that takes requests")
    if end not in ENDS:
        raise ValueError(f"end: found {end!r}, expected one of {', '.join(ENDS)}")
    script = Script((parse_program(text, target),), partial(_Few, faults) if faults else _none, end)

    def again(tape: Tape) -> Outcome:
        return run(target, tape, schedule="fifo", script=script)

    return Subject(f"{subject.name}{MARK}{end} {faults} {text}", again, target=target)


def interleave(program: Subject, *, limit: int, deviations: int | None = None) -> Exploration:
    """Make every run of ``program``, at most ``limit``; see ``faults.explore``."""
    return explore(program.run, limit=limit, deviations=deviations)


def _none(_: Tape) -> Plan:
    return NoFaults()


@dataclass
class _Few:
    """At most so many I/Os fail, each where the tape says, with nothing or all of it done."""

    left: int
    tape: Tape
    injected: int = 0

    def fate(self, io: IO) -> Fate:
        if not self.left or not self.tape.draw(f"fail.{io.kind}", 2):
            return FINE
        self.left -= 1
        self.injected += 1
        effect = "all" if io.kind != "read" and self.tape.draw("fail.effect", 2) else "none"
        return Fate(errno.EIO, effect)
