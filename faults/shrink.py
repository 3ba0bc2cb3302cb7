"""From a failing run to the smallest that fails in the same way: schedule, faults, workload, crash image at once.

All of them are draws of one tape, and zero is the benign outcome of each, so shrinking is editing the
tape: a run is *simpler* if it has fewer requests, then if fewer of its draws are not zero, then if it is
shorter. Every pass proposes edits; what runs, fails in the same way and is simpler is kept, and what is
kept is what the run has really drawn.

Designing a pass. Propose the boldest edit first: a whole label, then half of it, then one draw. A draw
that counts things (clients, requests) cannot go down alone, or the things behind it move up: one of the
groups it counts goes with it. A simpler workload often fails only in another order, or by another I/O:
that pass draws schedule and faults anew, and leaves the rest.

Rule 1: deterministic: the same failure shrinks to the same run. Only ``until`` may cut it short.
Rule 2: the kind of the failure never changes on the way.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from faults.run import Outcome
from faults.tape import Draw, ExploringTape, Pick, ReplayTape, Tape

__all__ = ["Case", "Shrunk", "measure", "shrink"]

RUNS_MAX = 3000
SCHEDULE = ("next", "timer")
WORLD = (*SCHEDULE, "fail", "short", "life", "torn", "lost", "crash")
"""Beginnings of the labels of what meets a workload, and does not belong to it."""
SEEDS = 24
"""Worlds that are tried for a simpler workload before it is given up."""
GROUPS_MAX = 12

Run = Callable[[Tape], Outcome]


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

    def __str__(self) -> str:
        words = [
            (self.operations, "operation"),
            (self.deviations, "schedule deviation"),
            (self.faults, "fault"),
            (self.torn, "torn unit"),
        ]
        return ", ".join(f"{count} {word}{'s' * (count != 1)}" for count, word in words)


@dataclass(frozen=True)
class Shrunk:
    """The smallest failing run that was found."""

    outcome: Outcome
    case: Case
    runs: int
    is_minimal: bool
    """No edit makes it simpler; False: it was cut short."""


def measure(outcome: Outcome) -> Case:
    """Count what makes a run large."""
    events, draws = outcome.trace.events, outcome.draws
    return Case(
        operations=sum(event.what == "submit" for event in events),
        deviations=sum(draw.label in SCHEDULE and draw.value > 0 for draw in draws),
        faults=sum(event.what == "end" and str(event.detail) != "succeeds" for event in events),
        torn=sum(draw.label in ("crash.unit", "torn", "lost") and draw.value > 0 for draw in draws),
        draws=len(draws),
    )


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
    except _CutShort:
        return Shrunk(search.best, measure(search.best), search.runs, is_minimal=False)
    return Shrunk(search.best, measure(search.best), search.runs, is_minimal=True)


class _CutShort(Exception):
    """Time or runs are used up."""


class _Search:
    def __init__(self, run: Run, draws: Sequence[Draw], kind: str, runs_max: int, until: Callable[[], bool]) -> None:
        self.run = run
        self.kind = kind
        self.runs = 0
        self._runs_max = runs_max
        self._until = until
        self._seen: set[tuple[tuple[str, int], ...]] = set()
        self.best = run(ReplayTape(draws))
        if self.best.kind != kind:
            raise ValueError(f"these draws show {self.best.kind or 'no failure'!r}, not {kind!r}")

    def to_fixpoint(self) -> None:
        """All passes, until none of them finds anything."""
        passes = (self._zero_labels, self._drop_groups, self._zero_halves, self._lower_each, self._delete_each)
        while True:
            before = _cost(self.best)
            for each in passes:
                each()
            if _cost(self.best) == before:
                return

    # Trying

    def _try(self, draws: Sequence[Draw]) -> bool:
        """Keep the run of ``draws`` if it is simpler and fails in the same way."""
        edit = tuple((draw.label, draw.value) for draw in draws)
        if edit in self._seen:
            return False
        self._seen.add(edit)
        return self._judge(ReplayTape(draws))

    def _judge(self, tape: Tape) -> bool:
        if self.runs >= self._runs_max or self._until():
            raise _CutShort
        self.runs += 1
        outcome = self.run(tape)
        if outcome.kind != self.kind or _cost(outcome) >= _cost(self.best):
            return False
        self.best = outcome
        return True

    # Passes

    def _zero_labels(self) -> None:
        """All draws of a label at once: no storm, no cancels, nothing torn."""
        for label in dict.fromkeys(draw.label for draw in self.best.draws):
            self._try([_zeroed(draw) if draw.label == label else draw for draw in self.best.draws])

    def _zero_halves(self) -> None:
        """Of each label the draws that are not zero: half of them, a quarter, one."""
        for label in dict.fromkeys(draw.label for draw in self.best.draws):
            size = len(self._nonzero(label))
            while size:
                at = 0
                while at < len(places := self._nonzero(label)):
                    chosen = set(places[at : at + size])
                    draws = self.best.draws
                    if not self._try([_zeroed(draw) if n in chosen else draw for n, draw in enumerate(draws)]):
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
            if value and not self._try(_with(self.best.draws, place, 0)):
                self._bisect(place, value)

    def _bisect(self, place: int, value: int) -> None:
        """``value`` is enough, and 0 is too little."""
        too_little = 0
        while value - too_little > 1 and place < len(self.best.draws):
            middle = (too_little + value) // 2
            if self._try(_with(self.best.draws, place, middle)):
                value = middle
            else:
                too_little = middle

    def _delete_each(self) -> None:
        """A choice of the schedule is gone, and those behind it move up."""
        for place in reversed(range(len(self.best.draws))):
            draws = self.best.draws
            if place < len(draws) and draws[place].label in SCHEDULE:
                self._try([*draws[:place], *draws[place + 1 :]])

    def _drop_groups(self) -> None:
        """A draw that counts goes down by one, and each of the groups that it counts is tried as the one to go."""
        place = 0
        while place < len(self.best.draws):
            if not any(self._try_simpler(edit) for edit in _without_a_group(self.best.draws, place)):
                place += 1

    def _try_simpler(self, draws: list[Draw]) -> bool:
        """The edit as it is, or in another world: first in other orders, then with other faults too."""
        return self._try(draws) or any(
            self._judge(_Redrawn(draws, labels, seed)) for labels in (SCHEDULE, WORLD) for seed in range(SEEDS)
        )


class _Redrawn(ExploringTape):
    """Everything as recorded, but for labels with these beginnings."""

    def __init__(self, draws: Sequence[Draw], labels: tuple[str, ...], seed: int) -> None:
        super().__init__(seed)
        self._record = ReplayTape(draws)
        self._labels = labels

    def _choose(self, label: str, outcomes: int, pick: Pick | None) -> int:  # noqa: ARG002
        if not label.startswith(self._labels):
            return self._record.draw(label, outcomes)
        # Mostly benign: few deviations are needed, and each has to be removed again.
        return 0 if super()._choose(label, 3, None) else super()._choose(label, outcomes, None)


def _cost(outcome: Outcome) -> tuple[int, int, int, int]:
    """What makes a run simpler than another, the most important first."""
    draws = outcome.draws
    requests = sum(event.what in ("submit", "open") for event in outcome.trace.events)
    return requests, sum(draw.value > 0 for draw in draws), len(draws), sum(draw.value for draw in draws)


def _zeroed(draw: Draw) -> Draw:
    return draw._replace(value=0)


def _with(draws: Sequence[Draw], place: int, value: int) -> list[Draw]:
    return [*draws[:place], draws[place]._replace(value=value), *draws[place + 1 :]]


def _without_a_group(draws: Sequence[Draw], place: int) -> Iterator[list[Draw]]:
    """The draw at ``place`` lowered by one, without one of the groups behind it.

    Every group opens with the label that follows the count. The last one ends where a label comes that
    the groups before it do not have.
    """
    count = draws[place]
    if not count.value or place + 1 == len(draws) or count.label in SCHEDULE:
        return
    leader = draws[place + 1].label
    end = next((n for n in range(place + 1, len(draws)) if draws[n].label == count.label), len(draws))
    starts = [n for n in range(place + 1, end) if draws[n].label == leader][: GROUPS_MAX + 1]
    if leader == count.label or len(starts) < 2:
        return
    lowered = _with(draws, place, count.value - 1)
    known = {draw.label for draw in draws[starts[0] : starts[-1]]}
    last = next((n for n in range(starts[-1], end) if draws[n].label not in known), end)
    for start, stop in zip(starts, [*starts[1:], last], strict=True):
        yield [*lowered[:start], *lowered[stop:]]
