"""Simpler step by step: edits of the best run so far, each kept if it still fails, until none of them helps.

Designing a pass. Propose the boldest edit first: a whole label, then half of it, then one draw. A draw
that counts things (clients, requests) cannot go down alone, or the things behind it move up: one of the
groups it counts goes with it. A simpler workload often fails only in another order, or by another I/O:
that pass draws the world anew, and leaves the rest.
"""

from collections.abc import Callable, Sequence

from faults.failures.simpler import SCHEDULE, WORLD, Redrawn, Small, with_value, without_a_group
from faults.failures.size import cost
from faults.runs.run import Outcome
from faults.simulation.tape import Draw, ReplayTape, Tape

__all__ = ["CutShort", "Greedy", "Run"]

SEEDS = 16
"""Worlds of each kind that are tried for a simpler workload before it is given up."""

Run = Callable[[Tape], Outcome]


class CutShort(Exception):
    """Time or runs are used up."""


class Greedy:
    """The best run so far, and what makes it simpler.

    Args:
        run: tape to outcome.
        draws: of a run that fails.
        kind: of its failure.
        runs_max, until: CutShort is raised after so many runs, or when this says so.

    Raises:
        ValueError: these draws do not fail in this way.
    """

    def __init__(self, run: Run, draws: Sequence[Draw], kind: str, runs_max: int, until: Callable[[], bool]) -> None:
        self.run = run
        self.kind = kind
        self.runs = 0
        self._runs_max = runs_max
        self._until = until
        self._seen: set[tuple[object, ...]] = set()
        self.best = run(ReplayTape(draws))
        if self.best.kind != kind:
            raise ValueError(f"these draws show {self.best.kind or 'no failure'!r}, not {kind!r}")

    def descend(self) -> None:
        """All passes, until none of them finds anything. Raises CutShort."""
        passes = (self._zero_labels, self._drop_groups, self._zero_halves, self._lower_each, self._delete_each)
        while True:
            before = cost(self.best)
            for each in passes:
                each()
            if cost(self.best) == before:
                return

    # Trying

    def _try(self, draws: Sequence[Draw]) -> bool:
        """Keep the run of ``draws`` if it is simpler and fails in the same way."""
        return self._judge(ReplayTape(draws), "as recorded", draws)

    def _judge(self, tape: Tape, *edit: object) -> bool:
        """The same of a tape, which is all that ``edit`` says, and nothing else."""
        outcome = self._once(tape, *edit)
        if outcome is None or outcome.kind != self.kind or cost(outcome) >= cost(self.best):
            return False
        self.best = outcome
        return True

    def _once(self, tape: Tape, *edit: object) -> Outcome | None:
        key = tuple(
            tuple((draw.label, draw.value) for draw in each) if isinstance(each, list) else each for each in edit
        )
        if key in self._seen:
            return None
        self._seen.add(key)
        if self.runs >= self._runs_max or self._until():
            raise CutShort
        self.runs += 1
        return self.run(tape)

    # Passes

    def _zero_labels(self) -> None:
        """All draws of a label at once: no storm, no cancels, nothing torn."""
        for label in dict.fromkeys(draw.label for draw in self.best.draws):
            self._try([draw._replace(value=0) if draw.label == label else draw for draw in self.best.draws])

    def _drop_groups(self) -> None:
        """A draw that counts goes down by one, and each of the groups that it counts is tried as the one to go."""
        place = 0
        while place < len(self.best.draws):
            if not any(self._try_simpler(edit) for edit in without_a_group(self.best.draws, place)):
                place += 1

    def _try_simpler(self, draws: list[Draw]) -> bool:
        """The edit as it is, or in another world: first in other orders, then with other faults too."""
        return (
            self._try(draws)
            or any(
                self._judge(Redrawn(draws, labels, seed), labels, draws, seed)
                for labels in (SCHEDULE, WORLD)
                for seed in range(SEEDS)
            )
            or any(self._judge(Small(draws, seed), "small", draws, seed) for seed in range(SEEDS))
        )

    def _zero_halves(self) -> None:
        """Of each label the draws that are not zero: half of them, a quarter, one."""
        for label in dict.fromkeys(draw.label for draw in self.best.draws):
            size = len(self._nonzero(label))
            while size:
                at = 0
                while at < len(places := self._nonzero(label)):
                    chosen = set(places[at : at + size])
                    draws = self.best.draws
                    if not self._try([draw._replace(value=0) if n in chosen else draw for n, draw in enumerate(draws)]):
                        at += size
                size //= 2

    def _nonzero(self, label: str) -> list[int]:
        return [place for place, draw in enumerate(self.best.draws) if draw.label == label and draw.value]

    def _lower_each(self) -> None:
        """Each draw that is not zero: as low as it goes. From the end, where least depends on it."""
        place = len(self.best.draws)
        while place := min(place, len(self.best.draws)):
            place -= 1
            value = self.best.draws[place].value
            if value and not self._try(with_value(self.best.draws, place, 0)):
                self._bisect(place, value)

    def _bisect(self, place: int, value: int) -> None:
        """``value`` is enough, and 0 is too little."""
        too_little = 0
        while value - too_little > 1 and place < len(self.best.draws):
            middle = (too_little + value) // 2
            if self._try(with_value(self.best.draws, place, middle)):
                value = middle
            else:
                too_little = middle

    def _delete_each(self) -> None:
        """A choice of the schedule is gone, and those behind it move up."""
        for place in reversed(range(len(self.best.draws))):
            draws = self.best.draws
            if place < len(draws) and draws[place].label in SCHEDULE:
                self._try([*draws[:place], *draws[place + 1 :]])
