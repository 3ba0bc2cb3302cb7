"""Every run of a small program: depth first over the tape, until there is none left or the limit is reached.

A run is made from a prefix of values; after the prefix every draw is zero. Then the last draw that can
still be incremented is, and what stood after it is dropped. So each tape is made exactly once, the
order needs no memory but the last tape, and the first run of all is the benign one.

Rule 1: the verdict is honest. ``exhausted`` means that no other run exists; ``exhausted within 2
deviations`` that none exists with at most two choices of order that are not the oldest's (delay
bounding: Emmi, Qadeer, Rakamaric, "Delay-bounded scheduling", POPL 2011); ``cut at N`` says nothing
about the rest.
Rule 2: there is no reduction. Two I/Os whose ranges are disjoint do commute on the device, but not in
the driver: which of two parts ends first decides which error is raised, and their callbacks run at
once, in that order. A reduction that took them for equal would be unsound here.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, TypeVar

from faults.tape import Draw, Pick, Tape

__all__ = ["Exploration", "PrefixTape", "explore"]

ORDERS = frozenset({"next", "timer"})
"""The labels of draws that choose an order."""


class Verdict(Protocol):
    """What a run must say of itself; ``run.Outcome`` does."""

    failure: str | None


V = TypeVar("V", bound=Verdict)


class PrefixTape(Tape):
    """These values, by position, and zero after them."""

    def __init__(self, prefix: list[int]) -> None:
        super().__init__()
        self._prefix = prefix

    def _choose(self, label: str, outcomes: int, pick: Pick | None) -> int:  # noqa: ARG002
        at = len(self.draws)
        if at >= len(self._prefix):
            return 0
        if self._prefix[at] >= outcomes:
            raise ValueError(
                f"draw {at}, {label}: found {outcomes} outcomes, expected more: the run is not deterministic"
            )
        return self._prefix[at]


@dataclass
class Exploration:
    """How far it went, and what it met."""

    runs: int = 0
    verdict: str = ""
    failure: Verdict | None = None
    """The first run that failed; nothing was explored after it."""
    tape: list[Draw] | None = None
    """Of the run that failed."""
    longest: int = 0
    """Draws of the longest run."""

    @property
    def is_exhausted(self) -> bool:
        """Whether every run (within the deviations) was made."""
        return self.verdict.startswith("exhausted")


def explore(
    attempt: Callable[[Tape], V],
    *,
    limit: int = 1_000_000,
    deviations: int | None = None,
    after_run: Callable[[V], object] = lambda _: None,
) -> Exploration:
    """Make every run, at most ``limit`` of them, and stop at the first that fails.

    Args:
        attempt: makes one run of a tape. Everything but the tape must be the same each time.
        deviations: in how many of its choices of order a run may differ from the oldest-first one.
        after_run: is told each outcome.
    """
    exploration = Exploration()
    prefix: list[int] | None = []
    while prefix is not None and exploration.runs < limit:
        tape = PrefixTape(prefix)
        outcome = attempt(tape)
        exploration.runs += 1
        exploration.longest = max(exploration.longest, len(tape.draws))
        after_run(outcome)
        if outcome.failure is not None:
            exploration.failure, exploration.tape = outcome, tape.draws
            exploration.verdict = f"failed in run {exploration.runs}"
            return exploration
        prefix = _next_prefix(tape.draws, deviations)
    exploration.verdict = _verdict(prefix, exploration.runs, deviations)
    return exploration


def _next_prefix(draws: list[Draw], deviations: int | None) -> list[int] | None:
    """The tape that follows, in depth-first order; None: that was the last."""
    spent = sum(draw.label in ORDERS and draw.value > 0 for draw in draws)
    for at in range(len(draws) - 1, -1, -1):
        label, outcomes, value = draws[at]
        spent -= label in ORDERS and value > 0  # now of the draws before this one
        if value + 1 < outcomes and (deviations is None or label not in ORDERS or spent < deviations):
            return [draw.value for draw in draws[:at]] + [value + 1]
    return None


def _verdict(prefix: list[int] | None, runs: int, deviations: int | None) -> str:
    if prefix is not None:
        return f"cut at {runs}"
    return "exhausted" if deviations is None else f"exhausted within {deviations} deviations"
