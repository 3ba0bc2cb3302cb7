"""How large a failing run is, and which of two is simpler.

What counts is what a reader has to take in: deviations from the oldest-first order, faults, torn units.
A request is as much as two of these; a cancel as much as two requests more, because what was cancelled
may be there or not.
"""

from dataclasses import dataclass

from faults.failures.simpler import SCHEDULE
from faults.runs.run import Outcome

__all__ = ["Case", "cost", "is_readable", "measure"]

REQUEST_WEIGHT = 2
CANCEL_WEIGHT = 4


@dataclass(frozen=True)
class Case:
    """How large a failing run is."""

    operations: int
    """Requests that were submitted."""
    deviations: int
    """Times when not the oldest of what could happen was picked."""
    faults: int
    """I/Os that failed or were short."""
    torn: int
    """Units that were drawn lost or torn one by one."""
    draws: int
    cancels: int = 0
    """Requests that were cancelled."""
    sessions: int = 1

    def __str__(self) -> str:
        words = [
            (self.operations, "operation"),
            (self.deviations, "schedule deviation"),
            (self.faults, "fault"),
            (self.torn, "torn unit"),
            *([(self.cancels, "cancel")] if self.cancels else []),
        ]
        return ", ".join(f"{count} {word}{'s' * (count != 1)}" for count, word in words)


def measure(outcome: Outcome) -> Case:
    """Count what makes a run large."""
    events, draws = outcome.trace.events, outcome.draws
    return Case(
        operations=sum(event.what == "submit" for event in events),
        deviations=sum(draw.label in SCHEDULE and draw.value > 0 for draw in draws),
        faults=sum(event.what == "end" and str(event.detail) != "succeeds" for event in events),
        torn=sum(draw.label in ("crash.unit", "crash.look.unit", "torn", "lost") and draw.value > 0 for draw in draws),
        draws=len(draws),
        cancels=sum(event.what == "raise" and event.detail == "CancelledError" for event in events),
        sessions=sum(event.what == "open" for event in events),
    )


def cost(outcome: Outcome) -> tuple[int, ...]:
    """What makes a run simpler than another, the most important first: all that a reader has to take in, then less."""
    draws, case = outcome.draws, measure(outcome)
    requests = REQUEST_WEIGHT * (case.operations + case.sessions) + CANCEL_WEIGHT * case.cancels
    return (
        requests + case.deviations + case.faults + case.torn,
        case.operations,
        sum(draw.value > 0 for draw in draws),
        len(draws),
        sum(draw.value for draw in draws),
    )


def is_readable(outcome: Outcome) -> bool:
    """Whether the case is small enough to be read at once: three requests, two deviations, a fault, a torn unit."""
    case = measure(outcome)
    return case.operations <= 3 and case.deviations <= 2 and case.faults <= 1 and case.torn <= 1
