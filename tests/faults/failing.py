"""For tests that begin with a failure: the first ones that a random search of a broken target meets."""

from collections.abc import Iterator
from itertools import islice

from faults.failures.artifact import Artifact, of_outcome
from faults.runs.run import Outcome
from faults.search.subject import Subject
from faults.simulation.tape import ExploringTape

__all__ = ["failures", "first_artifact", "first_artifacts", "first_failure"]

SEEDS = 2000
"""Far beyond the first failure of any target here; a test that reaches the end fails, and does not hang."""


def failures(subject: Subject) -> Iterator[Outcome]:
    """Each run that fails."""
    return (outcome for _, outcome in _failing(subject))


def first_failure(subject: Subject) -> Outcome:
    return next(failures(subject))


def first_artifact(subject: Subject) -> Artifact:
    return first_artifacts(subject, 1)[0]


def first_artifacts(subject: Subject, count: int) -> list[Artifact]:
    return [of_outcome(subject, seed, outcome) for seed, outcome in islice(_failing(subject), count)]


def _failing(subject: Subject) -> Iterator[tuple[int, Outcome]]:
    for seed in range(SEEDS):
        outcome = subject.run(ExploringTape(seed))
        if outcome.failure is not None:
            yield seed, outcome
    raise AssertionError(f"{subject.name} has no further failure")
