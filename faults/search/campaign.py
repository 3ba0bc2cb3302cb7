"""A random search: one run for each seed, on every core, until runs or seconds are used up or something fails.

Rule 1: a failure is in its file before anything else is done with it.
Rule 2: what is found does not depend on how many processes look: of the failures the one with the
lowest seed counts, and the seeds below it were all run.
Rule 3: the search doubts itself. A sample of the seeds runs twice, and the traces are compared.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import NamedTuple

from faults.failures.artifact import of_outcome, save_artifact
from faults.runs.workload import Profile
from faults.search.budget import Budget
from faults.search.coverage import Coverage
from faults.search.pool import batches
from faults.search.search import SoFar, first_few, search
from faults.search.subject import Subject, find
from faults.simulation.tape import ExploringTape

__all__ = ["Found", "Job", "Summary", "campaign"]

BATCH = 50
"""Runs between two looks at the clock."""


class Found(NamedTuple):
    """A failure, and the file that holds it."""

    seed: int
    kind: str
    failure: str
    path: Path


class Job(NamedTuple):
    """What every process is told."""

    name: str
    profile: Profile
    folder: Path
    collect: bool = False
    """Go on after a failure."""
    check_every: int = 100
    """Each seed that this divides runs twice; 0: none."""


@dataclass
class Summary(SoFar):
    """What a search has seen."""

    first: int
    """The first seed."""
    runs: int = 0
    steps: int = 0
    images: int = 0
    injected: int = 0
    checked: int = 0
    """Runs that were made twice."""
    unlike: list[int] = field(default_factory=list)
    """Seeds that ran differently the second time."""
    found: list[Found] = field(default_factory=list)
    coverage: Coverage = field(default_factory=Coverage)

    def take(self, other: "Summary") -> None:
        """Take in what more runs have shown."""
        self.runs += other.runs
        self.steps += other.steps
        self.images += other.images
        self.injected += other.injected
        self.checked += other.checked
        self.unlike = sorted(self.unlike + other.unlike)
        self.found = sorted(self.found + other.found)
        self.coverage += other.coverage

    @property
    def is_clean(self) -> bool:
        """Nothing failed, and the harness agrees with itself."""
        return not self.found and not self.unlike

    def __str__(self) -> str:
        rate = f"{self.runs / self.seconds:.0f}/s" if self.seconds else "-"
        seen = f"{self.steps} steps, {self.injected} faults, {self.images} crash images, {len(self.found)} failed"
        lines = [
            f"{self.runs} runs ({rate}), seeds from {self.first} on: {seen}",
            f"{self.checked} runs made twice: {'all alike' if not self.unlike else f'UNLIKE: seeds {self.unlike}'}",
            _told(self.coverage),
        ]
        found = [f"seed {each.seed}: {each.kind}: {each.failure} [{each.path}]" for each in self.found]
        return self.told(lines + first_few(found))


def campaign(
    subject: Subject,
    folder: Path,
    *,
    base: int = 0,
    budget: Budget | None = None,
    processes: int = 1,
    collect: bool = False,
    check_every: int = 100,
    progress: Callable[[Summary], object] = lambda _: None,
) -> Summary:
    """Search ``subject`` with seeds from ``base`` on.

    Args:
        folder: where failures are written.
        budget: how many runs, how many seconds; 1000 runs by default.
        processes: more than one: the subject's name must lead to it in any process.
        collect: go on after the first failure.
        check_every: every so many-th seed runs twice.
        progress: is told the summary so far.
    """
    job = Job(subject.name, subject.profile, folder, collect, check_every)
    budget = budget or Budget(1000)
    summary = Summary(base)

    search(
        partial(_batch, job) if processes > 1 else partial(_batch, job, subject=subject),
        batches(base, budget.runs, BATCH),
        summary.take,
        summary,
        budget=budget,
        processes=processes,
        is_found=lambda: summary.found and not collect,
        progress=lambda: progress(summary),
    )
    return summary


def _batch(job: Job, seeds: range, subject: Subject | None = None) -> Summary:
    """Run these seeds; the failures are in their files."""
    subject = subject or find(job.name, job.profile)
    summary = Summary(seeds.start)
    for seed in seeds:
        outcome = subject.run(ExploringTape(seed))
        if outcome.failure is not None:
            path = save_artifact(of_outcome(subject, seed, outcome), job.folder)
            summary.found.append(Found(seed, outcome.kind, outcome.failure, path))
        summary.runs += 1
        summary.steps += outcome.steps
        summary.images += outcome.images
        summary.injected += outcome.injected
        summary.coverage.count(outcome.trace)
        if job.check_every and seed % job.check_every == 0:
            summary.checked += 1
            if subject.run(ExploringTape(seed)).trace.digest() != outcome.trace.digest():
                summary.unlike.append(seed)
        if summary.found and not job.collect:
            break
    return summary


def _told(coverage: Coverage) -> str:
    missing = coverage.missing()
    fired = f"{len(coverage.cells)} cells of fault × operation × phase fired"
    if not missing:
        return f"{fired}, and none that could have did not"
    return f"{fired}; {len(missing)} never did: {', '.join(map(str, missing[:6]))}{' …' * (len(missing) > 6)}"
