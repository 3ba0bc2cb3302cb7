"""One fault, exhaustively: every I/O of every small workload fails in every way, each in a run of its own.

Workloads are all sequences of up to three of twelve operations, made by one client. A first run without
a fault tells the I/Os; then each of them gets each of its fates. ``pairs`` adds, behind every error, a
second one at every I/O that follows.

Rule 1: every case is one run, and none is made twice. A crash before the last operation has begun is left to
the workload without that operation: up to there the two are the same run.
Rule 2: a case has a name that says all of it (``w0 f: 7 EIO``), under which it runs again.
"""

import asyncio
import errno
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from itertools import product
from typing import Any

from faults.runs.programs import OPERATIONS
from faults.runs.run import Outcome, Script, run
from faults.runs.session import CLOSINGS
from faults.runs.workload import Request
from faults.simulation.plan import FINE, IO, Fate
from faults.simulation.tape import Draw, ReplayTape, Tape
from faults.simulation.trace import Trace
from faults.target import Target

__all__ = ["Case", "cases", "parse_case", "run_case", "workloads"]

FATES = {
    "EIO": Fate(errno.EIO, "none"),
    "ENOSPC": Fate(errno.ENOSPC, "none"),
    "partial": Fate(errno.EIO, "some"),
    "done": Fate(errno.EIO, "all"),
    "short": Fate(short=True),
    "clean-new": Fate(errno.EIO, "none", pages="clean_new"),
    "clean-old": Fate(errno.EIO, "none", pages="clean_old"),
}
CANCELS = ("cancel-before", "cancel-after")
CRASHES = ("power-kept", "power-lost", "power-torn", "kill", "kill-torn")
BY_KIND = {
    "read": ("EIO", "short"),
    "write": ("EIO", "ENOSPC", "partial", "done", "short"),
    "flush": ("EIO", "done", "clean-new", "clean-old"),
    "resize": ("EIO", "ENOSPC", "done"),
    "discard": ("EIO",),
}
FIRST_OF_A_PAIR = ("EIO", "partial")
_TORN_MAX = 64
"""Units that are torn in turns; a run of three small operations has fewer."""


@dataclass(frozen=True)
class Case:
    """One run: a workload, and what happens to the I/Os with these numbers (from 1)."""

    operations: tuple[str, ...]
    faults: tuple[tuple[int, str], ...] = ()

    def __str__(self) -> str:
        return f"{' '.join(self.operations)}: {', '.join(f'{number} {fault}' for number, fault in self.faults)}"


def parse_case(text: str) -> Case:
    """The case of this name.

    Raises:
        ValueError: an unknown operation or fault, named.
    """
    words, _, rest = text.partition(":")
    faults = tuple((int(number), fault) for number, fault in (each.split() for each in rest.split(",") if each.strip()))
    for known, found in ((OPERATIONS, words.split()), ({*FATES, *CANCELS, *CRASHES}, [fault for _, fault in faults])):
        if unknown := [word for word in found if word not in known]:
            raise ValueError(f"case {text!r}: found {unknown[0]!r}, expected one of {', '.join(sorted(known))}")
    return Case(tuple(words.split()), faults)


def workloads(most: int = 3) -> Iterator[tuple[str, ...]]:
    """All sequences of up to so many operations, the short ones first."""
    for length in range(1, most + 1):
        yield from product(OPERATIONS, repeat=length)


def cases(target: Target, operations: tuple[str, ...], *, pairs: bool = False) -> Iterator[tuple[Case, Outcome]]:
    """Every case of one workload, with what it showed."""
    fine = Case(operations)
    outcome = run_case(target, fine)
    yield fine, outcome
    for number, fault in _single(outcome.trace, len(operations)):
        case = Case(operations, ((number, fault),))
        outcome = run_case(target, case)
        yield case, outcome
        if pairs and fault in FIRST_OF_A_PAIR and not outcome.failure:
            for second in _single(outcome.trace, len(operations)):
                if second[0] > number:
                    both = Case(operations, (*case.faults, second))
                    yield both, run_case(target, both)


def run_case(target: Target, case: Case, tape: Tape | None = None) -> Outcome:
    """Run it. ``tape`` is of a recorded run; the default is what the case's name says."""
    crash = next(((number, fault) for number, fault in case.faults if fault in CRASHES), None)
    script = Script(
        workloads=([_requests(target, case.operations)],),
        plan=partial(_Plan, dict(case.faults)),
        end=crash[1].partition("-")[0] if crash else "close",
        lives=_LIVES_MAX if crash else None,
    )
    return run(target, tape or ReplayTape(_draws(crash)), script=script)


_LIVES_MAX = 10_000


def _draws(crash: tuple[int, str] | None) -> list[Draw]:
    """Where a write is torn, every second unit is; what is not said is benign."""
    draws = [Draw(label, 2, n % 2) for label in ("torn", "lost") for n in range(_TORN_MAX)]
    if crash:
        number, (_, _, how) = crash[0], crash[1].partition("-")
        draws.append(Draw("life", _LIVES_MAX, number - 1))
        draws.append(Draw("closes", len(CLOSINGS), CLOSINGS.index("closes")))  # it comes that far, or not
        draws.append(Draw("crash.mode", 3, {"lost": 1, "torn": 2}.get(how, 0)))
        # The last content of a unit is the one with what was in flight on it: a write that ended unheard.
        draws += [Draw("crash.unit", 99, 98 * (n % 2)) for n in range(_TORN_MAX)]
    return draws


def _single(trace: Trace, operations: int) -> Iterator[tuple[int, str]]:
    """Every I/O of a run of so many operations, with each of its faults."""
    issued = {event.subject: event.by for event in trace.events if event.what == "issue"}
    begun = [at for at, event in enumerate(trace.events) if event.what == "submit"]
    since = 0 if operations == 1 else begun[-1] if len(begun) == operations else len(trace.events)
    ended = [(at, event.subject) for at, event in enumerate(trace.events) if event.what == "end"]
    for number, (at, io) in enumerate(ended, 1):
        assert isinstance(io, IO)
        yield from ((number, fault) for fault in BY_KIND[io.kind])
        if at >= since:
            yield from ((number, fault) for fault in CRASHES)
        if issued[io]:  # nobody can be cancelled before there is a request
            yield from ((number, fault) for fault in CANCELS)


def _requests(target: Target, operations: tuple[str, ...]) -> list[Request]:
    described = [OPERATIONS[operation](target.block_size) for operation in operations]
    return [Request(f"A{number}", *operation) for number, operation in enumerate(described)]


@dataclass
class _Plan:
    """Faults by the number of the I/O, in the order in which they end."""

    faults: dict[int, str]
    tape: Tape
    injected: int = 0
    _ended: int = field(default=0)

    def fate(self, io: IO) -> Fate:  # noqa: ARG002
        self._ended += 1
        loop: Any = asyncio.get_running_loop()
        if self.faults.get(self._ended + 1) == "cancel-before":
            loop.happen(_cancel)  # older than the next I/O, so it comes while that is under way
        if self.faults.get(self._ended) == "cancel-after":
            loop.call_soon(_cancel)  # the I/O has ended, and nobody has heard of it
        fate = FATES.get(self.faults.get(self._ended, ""), FINE)
        self.injected += bool(fate.errno)
        return fate


def _cancel() -> None:
    """Whoever is asking."""
    for task in asyncio.all_tasks():
        if task.get_name().startswith("request "):
            task.cancel()
