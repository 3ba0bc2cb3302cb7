"""Every run of a small program: depth first over its choices, until there is none left or the limit is reached.

A run follows the path of choices so far, and after it takes the first option of each. Then the last
choice that has an option left takes that, and what stood after it is dropped. So no run is made twice,
the only memory is the path, and the first run of all is the benign one.

Rule: the verdict is honest. ``exhausted`` means that no other run exists, but for those of which ``path``
knows that they would repeat one; ``exhausted within 2 deviations`` that none exists with at most two
choices of order that are not the oldest's (delay bounding: Emmi, Qadeer, Rakamaric, "Delay-bounded
scheduling", POPL 2011); ``cut at N`` says nothing about the rest.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, TypeVar

from faults.exhaustive.path import Path, PathTape, Redundant
from faults.simulation.tape import Draw, Tape

__all__ = ["Exploration", "explore"]


class Verdict(Protocol):
    """What a run must say of itself; ``run.Outcome`` does."""

    failure: str | None


V = TypeVar("V", bound=Verdict)


@dataclass
class Exploration:
    """How far it went, and what it met."""

    runs: int = 0
    repeats: int = 0
    """Runs that were given up as soon as they turned out to repeat another."""
    verdict: str = ""
    failure: Verdict | None = None
    """The first run that failed; nothing was explored after it."""
    tape: list[Draw] | None = None
    """Of the run that failed."""
    longest: int = 0
    """Draws of the longest run."""
    was_interrupted: bool = False
    """By Ctrl-C; what was explored until then stands."""

    @property
    def is_exhausted(self) -> bool:
        """Whether every run (within the deviations) was made."""
        return self.verdict.startswith("exhausted")


def explore(
    attempt: Callable[[Tape], V],
    *,
    limit: int = 1_000_000,
    deviations: int | None = None,
    path: Path | None = None,
    after_run: Callable[[V], object] = lambda _: None,
) -> Exploration:
    """Make every run, at most ``limit`` of them, and stop at the first that fails.

    Args:
        attempt: makes one run of a tape. Everything but the tape must be the same each time.
        deviations: in how many of its choices of order a run may differ from the oldest-first one.
        path: where to begin, and how to reduce; the default is at the beginning, and not at all.
        after_run: is told each outcome.

    An interrupt ends it with what there is so far.
    """
    exploration = Exploration()
    try:
        _explore(exploration, attempt, limit=limit, deviations=deviations, path=path, after_run=after_run)
    except KeyboardInterrupt:
        exploration.was_interrupted = True
        exploration.verdict = _cut(exploration)
    return exploration


def _explore(
    exploration: Exploration,
    attempt: Callable[[Tape], V],
    *,
    limit: int,
    deviations: int | None,
    path: Path | None,
    after_run: Callable[[V], object],
) -> None:
    path = path or Path(deviations)
    is_over = False
    while not is_over and exploration.runs + exploration.repeats < limit:
        tape = PathTape(path)
        try:
            outcome = attempt(tape)
        except Redundant:
            exploration.repeats += 1
        else:
            _count(exploration, tape, outcome)
            after_run(outcome)
            if exploration.failure is not None:
                return
        is_over = not path.advance()
    within = "" if deviations is None else f" within {deviations} deviations"
    exploration.verdict = f"exhausted{within}" if is_over else _cut(exploration)


def _cut(exploration: Exploration) -> str:
    return f"cut at {exploration.runs + exploration.repeats}"


def _count(exploration: Exploration, tape: Tape, outcome: Verdict) -> None:
    exploration.runs += 1
    exploration.longest = max(exploration.longest, len(tape.draws))
    if outcome.failure is not None:
        exploration.failure, exploration.tape = outcome, tape.draws
        exploration.verdict = f"failed in run {exploration.runs}"
