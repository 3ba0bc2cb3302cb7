"""Many runs of a foreign driver, and one file for each way of failing, as soon as it is found.

Failures are told apart by their kind: what was broken, and after what. The search does not stop at the
first one. Of each kind the first few are reduced to what they need (``causes``), so that what is left tells
one cause from another; the rest is only counted.

Rule 1: a sample of the seeds runs twice, the second time with more probes than should be needed, and the
traces are compared: that is what the word "replay" rests on.
Rule 2: seeds are taken in order by however many processes; a search says how far it has come.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from faults.failures.artifact import of_outcome, save_artifact
from faults.foreign.causes import mildest
from faults.foreign.drivers import Driver
from faults.foreign.run import PROFILE, run
from faults.foreign.subject import subject_of
from faults.foreign.summary import Failed, Group, Part, Summary
from faults.runs.workload import Profile
from faults.search.budget import Budget
from faults.search.pool import batches
from faults.search.search import search
from faults.simulation.tape import ExploringTape, ReplayTape

__all__ = ["Search"]

BATCH = 4
CHECK_EVERY = 50
REDUCED_MAX = 2
"""Failures of one kind, as it was met, that are reduced."""


@dataclass
class Search:
    """What to search, and where failures are written.

    Attributes:
        found: is told of each new kind of failure, when it is in its file.
        progress: is told the summary so far.
    """

    driver: Driver
    folder: Path
    profile: Profile = PROFILE
    found: Callable[[Group], object] = lambda _: None
    progress: Callable[[Summary], object] = lambda _: None

    def __post_init__(self) -> None:
        self.subject = subject_of(self.driver, self.profile)
        self.summary = Summary(self.subject.name)

    def run(self, budget: Budget, *, base: int = 0, processes: int = 1) -> Summary:
        """Run seeds from ``base`` on until the budget is used up."""
        summary = self.summary

        def take(part: Part) -> None:
            summary.part += part
            for failed in part.failed:
                self._sort_in(failed, budget)

        search(
            partial(_run_seeds, self.driver, self.profile),
            batches(base, budget.runs, BATCH),
            take,
            summary,
            budget=budget,
            processes=processes,
            progress=lambda: self.progress(summary),
        )
        return summary

    def _sort_in(self, failed: Failed, budget: Budget) -> None:
        """Count a failure, and keep the first of its kind."""
        summary = self.summary
        summary.kinds[failed.kind] += 1
        if summary.kinds[failed.kind] > REDUCED_MAX or failed.kind in summary.groups:
            return
        outcome = self.subject.run(ReplayTape(failed.draws))
        if outcome.kind != failed.kind:
            summary.part.unlike.append(failed.seed)
            return
        outcome = mildest(self.subject.run, outcome)
        if outcome.kind in summary.groups:
            return
        path = save_artifact(of_outcome(self.subject, failed.seed, outcome), self.folder)
        group = Group(outcome.kind, outcome.failure or "", failed.seed, summary.part.runs, budget.spent, path)
        summary.groups[outcome.kind] = group
        self.found(group)


def _run_seeds(driver: Driver, profile: Profile, seeds: range) -> Part:
    part = Part()
    for seed in seeds:
        outcome = run(driver, ExploringTape(seed), profile)
        part.take(seed, outcome)
        if seed % CHECK_EVERY == 0:
            again = run(driver, ReplayTape(outcome.draws), profile, doubts=True)
            part.checked += 1
            part.late += again.late
            if again.trace.digest() != outcome.trace.digest():
                part.unlike.append(seed)
    return part
