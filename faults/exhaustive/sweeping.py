"""The sweep over all workloads, on every core, with an honest count; and after it the meetings.

Rule 1: a sweep that was cut says so, and after how many of how many workloads. Meetings are drawn, so that
they are counted, and no claim is made of them.
Rule 2: a failure is in its file first; its target's name says the case, so that it replays.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from faults.exhaustive.sweep import Case, cases, parse_case, run_case, workloads
from faults.failures.artifact import of_outcome, save_artifact
from faults.runs.programs import OPERATIONS
from faults.runs.run import Outcome
from faults.search.budget import Budget
from faults.search.coverage import Coverage
from faults.search.pool import batches
from faults.search.search import SoFar, first_few, search
from faults.search.subject import Subject, find, meetings_of, of
from faults.simulation.tape import ExploringTape, Tape
from faults.target import Target

__all__ = ["SweepSummary", "MARK", "case_subject", "sweep"]

MARK = " sweep "
BATCH = 8
"""Workloads between two looks at the clock."""
MEETINGS_BATCH = 100


class Failed(NamedTuple):
    """A case that failed, and the file that holds it."""

    case: str
    kind: str
    failure: str
    path: Path


@dataclass
class SweepSummary(SoFar):
    """How far a sweep came."""

    total: int
    """Workloads that there are."""
    workloads: int = 0
    runs: int = 0
    meetings: int = 0
    found: list[Failed] = field(default_factory=list)
    coverage: Coverage = field(default_factory=Coverage)

    def take(self, other: "SweepSummary") -> None:
        """Take in what more workloads have shown."""
        self.workloads += other.workloads
        self.runs += other.runs
        self.meetings += other.meetings
        self.found = sorted(self.found + other.found, key=lambda each: (len(each.case), each))
        self.coverage += other.coverage

    @property
    def verdict(self) -> str:
        """What the search may claim."""
        if self.workloads == self.total:
            return f"exhausted: all {self.total} workloads"
        return f"cut: {self.workloads} of {self.total} workloads"

    def __str__(self) -> str:
        meetings = f" and {self.meetings} meetings" * bool(self.meetings)
        line = f"{self.verdict}, {self.runs} cases{meetings} in {self.seconds:.1f} s, {len(self.found)} failed"
        found = [f"{each.case}: {each.kind}: {each.failure} [{each.path}]" for each in self.found]
        return self.told([line, *first_few(found)])


def sweep(
    subject: Subject,
    folder: Path,
    *,
    most: int = 3,
    pairs: bool = False,
    meetings: int = 0,
    budget: Budget | None = None,
    processes: int = 1,
    collect: bool = False,
    progress: Callable[[SweepSummary], object] = lambda _: None,
) -> SweepSummary:
    """Every single fault in every workload of up to ``most`` operations.

    Args:
        subject: a driver; its name must lead to it in any process, if there are several.
        folder: where failures are written.
        pairs: a second fault behind every error.
        meetings: how many runs of ``meetings`` follow, with seeds from 0 on.
        budget: seconds, if it may not take its time.
        collect: go on after the first failure.

    Raises:
        ValueError: the subject is a story, which has no workloads.
    """
    target = _target(subject)
    summary = SweepSummary(sum(len(OPERATIONS) ** length for length in range(1, most + 1)))
    budget = budget or Budget()
    todo = workloads(most)
    here = target if processes == 1 else None
    go: Callable[..., None] = partial(
        search,
        take=summary.take,
        so_far=summary,
        budget=budget,
        processes=processes,
        is_found=lambda: summary.found and not collect,
        progress=lambda: progress(summary),
    )
    go(partial(_batch, subject.name, folder, pairs, target=here), iter(lambda: tuple(islice(todo, BATCH)), ()))
    if summary.workloads == summary.total and (collect or not summary.found) and not summary.was_interrupted:
        go(partial(_meet, subject.name, folder, target=here), batches(0, meetings, MEETINGS_BATCH))
    return summary


def case_subject(subject: Subject, text: str) -> Subject:
    """The case of this name as a subject: what a failure of a sweep replays.

    Raises:
        ValueError: the subject is a story, or the case has an unknown word.
    """
    return _case_subject(subject.name, _target(subject), parse_case(text))


def _target(subject: Subject) -> Target:
    if subject.target is None:
        raise ValueError(f"{subject.name} is a story; a sweep needs a target that takes requests")
    return subject.target


def _case_subject(name: str, target: Target, case: Case) -> Subject:
    def again(tape: Tape) -> Outcome:
        return run_case(target, case, tape)

    return Subject(f"{name}{MARK}{case}", again, target=target)


def _batch(
    name: str, folder: Path, pairs: bool, batch: tuple[tuple[str, ...], ...], *, target: Target | None
) -> SweepSummary:
    target = target or _target(find(name))
    summary = SweepSummary(0, workloads=len(batch))
    for operations in batch:
        for case, outcome in cases(target, operations, pairs=pairs):
            summary.runs += 1
            summary.coverage.count(outcome.trace)
            if outcome.failure is not None:
                path = save_artifact(of_outcome(_case_subject(name, target, case), None, outcome), folder)
                summary.found.append(Failed(str(case), outcome.kind, outcome.failure, path))
    return summary


def _meet(name: str, folder: Path, seeds: range, *, target: Target | None) -> SweepSummary:
    subject = meetings_of(of(name, target) if target else find(name))
    summary = SweepSummary(0, meetings=len(seeds))
    for seed in seeds:
        outcome = subject.run(ExploringTape(seed))
        summary.coverage.count(outcome.trace)
        if outcome.failure is not None:
            path = save_artifact(of_outcome(subject, seed, outcome), folder)
            summary.found.append(Failed(f"meeting of seed {seed}", outcome.kind, outcome.failure, path))
    return summary
