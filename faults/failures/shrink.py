"""From a failing run to the smallest that fails in the same way: schedule, faults, workload, crash image at once.

All of them are draws of one tape, and zero is the benign outcome of each, so shrinking is editing the
tape: what runs, fails in the same way and is simpler is kept, and what is kept is what the run has really
drawn. ``greedy`` goes down from a run; here is decided where it begins, and what is tried where it ends too high.

    few requests first    one, two or three of them, in the calmest world and in small ones; then down
    if need be            one fault at every place, one or two delays anywhere; then down again
    if need be            all over, from some of the requests in another world

Rule 1: deterministic: the same failure shrinks to the same run. Only ``until`` may cut it short.
Rule 2: the kind of the failure never changes on the way.
Rule 3: of two forms of a failure the one without a cancel is preferred, unless it is much larger: what was
cancelled may be there or not, and when a cancel comes is half of the schedule.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations

from faults.failures.greedy import CutShort, Greedy, Run
from faults.failures.simpler import (
    CANCELLED,
    WORLD,
    Delayed,
    OneEnd,
    OneFault,
    Redrawn,
    Small,
    few_requests,
    thinned,
    without_a_group,
    workload,
)
from faults.failures.size import Case, cost, is_readable, measure
from faults.runs.run import Outcome
from faults.simulation.tape import Draw, ReplayTape

__all__ = ["Case", "Run", "Shrunk", "measure", "shrink", "without_a_group"]

RUNS_MAX = 3000
SESSIONS = "sessions"
THINNED = 12
"""Workloads of few requests that are tried, of each size."""
COUNTED = 6
"""Of these as many as are counted through, the plainest."""
WORLDS = 4
"""Small worlds for each of them."""
RESTARTS = 3
RESTART_REQUESTS = 6
RESTART_WORLDS = 60
MOMENTS = 10
"""Choices of order among which those to delay are counted through."""
PLACES = 60
FATES: tuple[dict[str, int], ...] = (
    {},
    {"fail.effect": 2},
    {"fail.errno": 1},
    {"fail.pages": 2, "lost": 1},
    {"fail.pages": 1, "lost": 1},
)
"""How the one I/O fails: EIO with nothing done, all done, ENOSPC, and for a flush what the kernel does with pages."""
ENDS = ((2, 0), (1, 0), (1, 1))
"""A kill; a power loss that takes nothing of what had ended, or all that it may."""
LIFE = 24
"""I/Os after which they may come."""


@dataclass(frozen=True)
class Shrunk:
    """The smallest failing run that was found."""

    outcome: Outcome
    case: Case
    runs: int
    is_minimal: bool
    """No edit makes it simpler; False: it was cut short."""


def shrink(
    run: Run,
    draws: Sequence[Draw],
    kind: str,
    *,
    runs_max: int = RUNS_MAX,
    until: Callable[[], bool] = lambda: False,
) -> Shrunk:
    """The smallest run that fails as ``draws`` do.

    Args:
        run: tape to outcome.
        draws: of a run that fails.
        kind: of its failure.
        runs_max, until: give up after so many runs, or when this says so.

    Raises:
        ValueError: these draws do not fail in this way.
    """
    search = _Search(run, draws, kind, runs_max, until)
    try:
        search.to_fixpoint()
    except CutShort:
        return Shrunk(search.best, measure(search.best), search.runs, is_minimal=False)
    return Shrunk(search.best, measure(search.best), search.runs, is_minimal=True)


class _Search(Greedy):
    def to_fixpoint(self) -> None:
        """The whole search. Raises CutShort."""
        self._zero_labels()
        self._drop_unbegun()
        found = self.best.draws
        self._keep_few(found)
        if measure(self.best).cancels:
            any(self._each_delay(few) for few in CANCELLED)
        self.descend()
        for seed in range(RESTARTS):
            if is_readable(self.best):
                break
            if seed != 1 or not self._count_through(found):
                self._start_again(found, seed)
            self.descend()
        if measure(self.best).cancels and self._without_cancels(found):
            self.descend()
        if self._each_end(workload(self.best.draws)):
            self.descend()
        if measure(self.best).faults and self._each_fault(workload(self.best.draws), FATES[:1]):
            self.descend()

    def _keep_few(self, found: Sequence[Draw]) -> bool:
        """One, two or three of the requests, in the calmest world and in a few others."""
        return any(
            self._judge(ReplayTape(few), "as recorded", few)
            or any(self._judge(Small(few, world), "small", few, world) for world in range(WORLDS))
            for few in few_requests(found, (1, 2, 3), THINNED)
        )

    def _count_through(self, found: Sequence[Draw]) -> bool:
        """Few requests, or those that are left, with one fault at every place, or with one or two delays."""
        return any(
            self._each_fault(few, FATES) or self._each_delay(few)
            for few in [workload(self.best.draws), *few_requests(found, (1, 2), THINNED)[:COUNTED]]
        )

    def _without_cancels(self, found: Sequence[Draw]) -> bool:
        """What fails with a cancel may fail with an error too, and be easier to follow."""
        return any(self._each_fault(few, FATES[:1]) for few in few_requests(found, (2,), THINNED))

    def _each_fault(self, few: list[Draw], fates_of_all: Sequence[dict[str, int]]) -> bool:
        for number, fates in enumerate(fates_of_all):
            for place in range(PLACES):
                tape = OneFault(few, place, fates)
                if self._judge(tape, "fault", few, place, number):
                    return True
                if not tape.has_struck:
                    break
        return False

    def _each_end(self, few: list[Draw]) -> bool:
        return any(
            self._judge(OneEnd(few, place, end, loss), "end", few, place, end, loss)
            for end, loss in ENDS
            for place in range(LIFE)
        )

    def _each_delay(self, few: list[Draw]) -> bool:
        calm = Delayed(few, ())
        if self._judge(calm, "delay", few, ()):
            return True
        choices = range(min(calm.choices, MOMENTS))
        places = [*combinations(choices, 1), *combinations(choices, 2)]
        return any(self._judge(Delayed(few, moments), "delay", few, moments) for moments in places)

    def _start_again(self, found: Sequence[Draw], seed: int) -> None:
        """From some of the requests in another world in which they fail so: that shrinks elsewhere."""
        known = self.best
        few = thinned(found, RESTART_REQUESTS, seed)
        for world in range(RESTART_WORLDS):
            tape = Small(few, world) if world % 2 else Redrawn(few, WORLD, world)
            outcome = self._once(tape, "again", few, world)
            if outcome is not None and outcome.kind == self.kind:
                self.best = outcome
                try:
                    self.descend()
                finally:
                    self.best = min(known, self.best, key=cost)
                return

    def _drop_unbegun(self) -> None:
        """Sessions that the run did not come to."""
        for place in [n for n, draw in enumerate(self.best.draws) if draw.label == SESSIONS]:
            self._bisect(place, self.best.draws[place].value)
