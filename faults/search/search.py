"""A search from its first job to its summary: random or exhaustive, of one process or of many.

Rule 1: however a search ends, there is a summary of what it did. An interrupt ends it as time does, and
the summary says so.
Rule 2: what a job has shown is in the summary before the next look at the clock.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TypeVar

from faults.search.budget import Budget
from faults.search.pool import spread

__all__ = ["SoFar", "first_few", "search"]

TOLD_MAX = 5

J = TypeVar("J")
R = TypeVar("R")


@dataclass(kw_only=True)
class SoFar:
    """What the summaries of all searches have; each adds what it has seen."""

    seconds: float = 0.0
    was_interrupted: bool = False

    def told(self, lines: Iterable[str]) -> str:
        """These lines as the text of the summary."""
        return "\n".join([*lines, *["interrupted"] * self.was_interrupted])


def first_few(lines: list[str]) -> list[str]:
    """Those that are told where there may be thousands, and how many are not."""
    more = len(lines) - TOLD_MAX
    return lines[:TOLD_MAX] + [f"… and {more} more"] * (more > 0)


def search(
    work: Callable[[J], R],
    jobs: Iterator[J],
    take: Callable[[R], object],
    so_far: SoFar,
    *,
    budget: Budget,
    processes: int,
    is_found: Callable[[], object] = lambda: False,
    progress: Callable[[], object] = lambda: None,
) -> None:
    """``take(work(job))`` for each job, until there is none, the budget is used up, or ``is_found``.

    Args:
        work: picklable if there is more than one process.
        take: adds what a job has shown to ``so_far``.
        progress: called when a job is in ``so_far``, which knows by then how long it took.
    """

    def take_in(result: R) -> None:
        take(result)
        so_far.seconds = budget.spent
        progress()

    def is_over() -> bool:
        return budget.is_over() or bool(is_found())

    try:
        spread(work, jobs, take_in, processes=processes, is_over=is_over)
    except KeyboardInterrupt:
        so_far.was_interrupted = True
    so_far.seconds = budget.spent
