"""A failure of a foreign driver made small, within a time: each run costs a process or more.

The edits of ``edits`` are tried one after the other; what fails in the same way and is simpler is kept, and
what is kept is what the run has really drawn. Then all again, until none of them finds anything.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypeAlias

from faults.failures.artifact import Artifact, of_outcome, save_artifact
from faults.failures.report import report
from faults.failures.shrink import Case, Shrunk, measure
from faults.foreign.edits import calmer, fewer_requests, lower, punctual, word_of
from faults.runs.world import Outcome
from faults.search.budget import Budget
from faults.search.subject import Subject
from faults.simulation.tape import Draw, ReplayTape, Tape

__all__ = ["shorten", "shrink"]

Run: TypeAlias = Callable[[Tape], Outcome]
_PASSES: tuple[Callable[[Sequence[Draw]], Iterator[list[Draw]]], ...] = (calmer, fewer_requests, punctual)


def shorten(
    subject: Subject,
    artifact: Artifact,
    folder: Path,
    *,
    seconds: float,
    command: Callable[[Path], str] = lambda path: f"python -m faults replay {path}",
    verbose: bool = False,
) -> tuple[Shrunk, Path, str]:
    """Shrink the failure of ``artifact``. Returns the smallest run, the file that holds it, and the report.

    Raises:
        ValueError: the failure does not show any more.
    """
    budget = Budget(seconds=seconds)
    shrunk = shrink(subject.run, artifact.draws, artifact.kind, until=budget.is_over)
    path = save_artifact(of_outcome(subject, None, shrunk.outcome), folder)
    text = report(shrunk.outcome.failure or "", shrunk, command(path), verbose=verbose)
    return shrunk, path, text


def shrink(run: Run, draws: Sequence[Draw], kind: str, *, until: Callable[[], bool] = lambda: False) -> Shrunk:
    """The smallest run that fails as ``draws`` do, or the smallest that was found in time.

    Raises:
        ValueError: these draws do not fail in this way.
    """
    outcome = run(ReplayTape(draws))
    if outcome.kind != kind:
        raise ValueError(f"these draws show {outcome.kind or 'no failure'!r}, not {kind!r}")
    search = _Search(run, outcome, until)
    while search.improve() and not until():
        pass
    return Shrunk(search.best, _measured(search.best), search.runs, is_minimal=not until())


class _Search:
    def __init__(self, run: Run, outcome: Outcome, until: Callable[[], bool]) -> None:
        self.best = outcome
        self.runs = 0
        self._run = run
        self._until = until
        self._seen: set[tuple[tuple[str, int], ...]] = set()

    def improve(self) -> bool:
        """Go through all edits once. False: none of them was any good."""
        before = self.best
        for each in _PASSES:
            while self._try_one_of(each(self.best.draws)):
                pass
        self._lower_each()
        return self.best is not before

    def _lower_each(self) -> None:
        """From the end, where least depends on it; what is as low as it goes is not tried again."""
        place = len(self.best.draws)
        while place := min(place, len(self.best.draws)):
            if not self._try_one_of(lower(self.best.draws, place - 1)):
                place -= 1

    def _try_one_of(self, edits: Iterator[list[Draw]]) -> bool:
        return any(not self._until() and self._try(edit) for edit in edits)

    def _try(self, edit: list[Draw]) -> bool:
        key = tuple((draw.label, draw.value) for draw in edit)
        if key in self._seen:
            return False
        self._seen.add(key)
        self.runs += 1
        outcome = self._run(ReplayTape(edit))
        if outcome.kind != self.best.kind or _cost(outcome) >= _cost(self.best):
            return False
        self.best = outcome
        return True


def _cost(outcome: Outcome) -> tuple[int, ...]:
    """What a reader has to take in, then how far it is from benign."""
    case, draws = _measured(outcome), outcome.draws
    opened = sum(event.what == "open" for event in outcome.trace.events)
    return (
        case.operations + opened + case.deviations + case.faults + case.torn,
        sum(draw.value > 0 for draw in draws),
        len(draws),
        sum(draw.value for draw in draws),
    )


def _measured(outcome: Outcome) -> Case:
    """What is late here is a deviation; units go in runs."""
    words = [word_of(draw) for draw in outcome.draws if draw.value]
    torn = sum(words.count(word) for word in ("crash.unit", "torn"))
    return replace(measure(outcome), deviations=words.count("next"), torn=torn)
