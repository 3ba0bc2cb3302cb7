"""Why a run fails: where it parts from the nearest run that passes, and since when nothing could save it.

*Nearest*: of all runs that differ from a failing one in one draw and pass, the one that agrees with it
for the longest time. *Inevitable*: after so many draws, whatever the rest of the tape says, the run
fails. The first is exact for a run that cannot be shrunk; the second is as good as the number of
variations that were tried.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from faults.runs.run import Outcome
from faults.simulation.tape import Draw, ExploringTape, Pick, ReplayTape, Tape

__all__ = ["Difference", "Point", "first_difference", "inevitable_since", "nearest_pass"]

VARIATIONS = 24

Run = Callable[[Tape], Outcome]


@dataclass(frozen=True)
class Difference:
    """Where a failing and a passing run part."""

    agree: int
    """Events that both have."""
    failing: str
    passing: str
    """What each did then; "" where it had ended."""
    change: Draw
    """The draw of the failing run that the passing one has at zero."""

    def __str__(self) -> str:
        if self.change.label.startswith("crash.") or not (self.failing or self.passing):
            return f"a run that passes agrees in all that was done, and differs in {_choice(self.change)}"
        ended = "ended"
        return (
            f"a run that passes agrees for {self.agree} events; then it: {self.passing or ended}; "
            f"this one: {self.failing or ended}"
        )


@dataclass(frozen=True)
class Point:
    """The moment since which a run was bound to fail."""

    draws: int
    """Choices that were made by then."""
    event: int | None
    """The first event since that moment, as an index of the trace; None: there was none any more."""
    choice: str
    """The last of the choices."""


def nearest_pass(run: Run, outcome: Outcome) -> tuple[Difference, Outcome] | None:
    """The passing run that agrees longest with the failing ``outcome``, and where they part."""
    best: tuple[Difference, Outcome] | None = None
    for place, draw in enumerate(outcome.draws):
        if not draw.value:
            continue
        other = run(ReplayTape([*outcome.draws[:place], draw._replace(value=0), *outcome.draws[place + 1 :]]))
        if other.failure is None:
            difference = first_difference(outcome, other, draw)
            if best is None or difference.agree > best[0].agree:
                best = difference, other
    return best


def first_difference(failing: Outcome, passing: Outcome, change: Draw) -> Difference:
    """Where two runs part, by what happened in them."""
    ours = [str(event) for event in failing.trace.events]
    theirs = [str(event) for event in passing.trace.events]
    shorter = min(len(ours), len(theirs))
    agree = next((n for n in range(shorter) if ours[n] != theirs[n]), shorter)
    return Difference(agree, "".join(ours[agree : agree + 1]), "".join(theirs[agree : agree + 1]), change)


def inevitable_since(run: Run, outcome: Outcome, *, variations: int = VARIATIONS) -> Point:
    """The first moment of a failing run after which every variation fails as well."""

    def is_inevitable(count: int) -> bool:
        return all(run(_Beginning(outcome.draws[:count], seed)).failure is not None for seed in range(variations))

    # Bisected: more that is fixed leaves less that could save the run.
    low, high = 0, len(outcome.draws)
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if is_inevitable(middle) else (middle + 1, high)
    event = next((n for n, event in enumerate(outcome.trace.events) if event.drawn >= low), None)
    return Point(low, event, _choice(outcome.draws[low - 1]) if low else "nothing at all")


class _Beginning(ExploringTape):
    """A run begins as recorded, and goes on by chance."""

    def __init__(self, draws: Sequence[Draw], seed: int) -> None:
        super().__init__(seed)
        self._beginning = draws

    def _choose(self, label: str, outcomes: int, pick: Pick | None) -> int:
        made = len(self.draws)
        if made < len(self._beginning):
            return self._beginning[made].value
        return super()._choose(label, outcomes, pick)


_CHOICES = {
    "crash.": "what the power loss left",
    "next": "what happened next",
    "fail.": "which I/O failed",
    "short": "which I/O was short",
    "storm": "which I/O may fail",
    "end": "how the session ended",
    "life": "when the power was lost",
    "power after": "whether the power was lost after the close",
    "torn": "what a failed write left",
    "lost": "what a failed flush lost",
}


def _choice(draw: Draw) -> str:
    """What a draw decides, in words."""
    return next((words for begin, words in _CHOICES.items() if draw.label.startswith(begin)), f"{draw.label!r}")
