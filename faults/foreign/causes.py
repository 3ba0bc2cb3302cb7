"""Which of fault, kill and power loss a failure needs: what it can do without is taken away.

A run has more of everything than its failure needs, and two failures are told apart by what they need. So
a failing run is run again without its faults, and with milder ends: a close instead of clients that hang up, that
instead of a kill, a kill instead of a power loss. The mildest of these that still fails stands for the failure.
"""

from collections.abc import Callable, Iterator, Sequence
from itertools import product

from faults.runs.world import Outcome
from faults.simulation.tape import Draw, ReplayTape, Tape

__all__ = ["mildest"]

_FAULTS = ("storm", "fail", "torn")
_HARDNESS = (0, 2, 3, 1)
"""Of ``run.ENDS``."""


def mildest(run: Callable[[Tape], Outcome], outcome: Outcome) -> Outcome:
    """The run that fails with the fewest faults and the mildest ends; ``outcome`` itself if no milder one does."""
    for draws in _milder(outcome.draws):
        found = run(ReplayTape(draws))
        if found.failure is not None:
            return found
    return outcome


def _milder(draws: Sequence[Draw]) -> Iterator[list[Draw]]:
    """From the mildest on; none that is as it was."""
    ends = [draw.value for draw in draws if draw.label == "end"]
    has_faults = any(draw.label.startswith(_FAULTS) and draw.value for draw in draws)
    choices = sorted(product(*map(_no_harder, ends)), key=lambda chosen: (_hardness(chosen), chosen))
    for calm in (True, False) if has_faults else (False,):
        for chosen in choices:
            if calm or list(chosen) != ends:
                yield _edited(draws, calm=calm, ends=chosen)


def _no_harder(end: int) -> list[int]:
    return [each for each, hardness in enumerate(_HARDNESS) if hardness <= _HARDNESS[end]]


def _hardness(ends: Sequence[int]) -> int:
    return sum(_HARDNESS[end] for end in ends)


def _edited(draws: Sequence[Draw], *, calm: bool, ends: tuple[int, ...]) -> list[Draw]:
    left = list(ends)
    edited = []
    for draw in draws:
        if draw.label == "end":
            edited.append(draw._replace(value=left.pop(0)))
        elif calm and draw.label.startswith(_FAULTS):
            edited.append(draw._replace(value=0))
        else:
            edited.append(draw)
    return edited
