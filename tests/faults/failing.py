"""For tests that begin with a failure: the first that a random search of a broken target meets."""

from collections.abc import Iterator

from faults.failures.artifact import Artifact, of_outcome
from faults.runs.run import Outcome
from faults.search.subject import Subject
from faults.simulation.tape import ExploringTape

__all__ = ["failures", "first_artifact", "first_failure"]

SEEDS = 2000
"""Far beyond the first failure of any target here; a test that reaches the end fails, and does not hang."""


def failures(subject: Subject) -> Iterator[Outcome]:
    """Each run that fails."""
    return (outcome for _, outcome in _failing(subject))


def first_failure(subject: Subject) -> Outcome:
    return next(failures(subject))


def first_artifact(subject: Subject) -> Artifact:
    seed, outcome = next(_failing(subject))
    return of_outcome(subject, seed, outcome)


def _failing(subject: Subject) -> Iterator[tuple[int, Outcome]]:
    for seed in range(SEEDS):
        outcome = subject.run(ExploringTape(seed))
        if outcome.failure is not None:
            yield seed, outcome
    raise AssertionError(f"{subject.name} has no further failure")
