"""However a search ends, its summary has every job that was taken, and says what cut it."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count

from faults.search.budget import Budget
from faults.search.search import SoFar, first_few, search


@dataclass
class Numbers(SoFar):
    taken: list[int] = field(default_factory=list)

    def __str__(self) -> str:
        return self.told(map(str, self.taken))


def numbers(
    budget: Budget,
    *,
    is_found: Callable[[Numbers], object] = lambda _: False,
    progress: Callable[[Numbers], object] = lambda _: None,
) -> Numbers:
    """Roots of 0, 1, 2 … without end."""
    so_far = Numbers()
    search(
        math.isqrt,
        count(),
        so_far.taken.append,
        so_far,
        budget=budget,
        processes=1,
        is_found=lambda: is_found(so_far),
        progress=lambda: progress(so_far),
    )
    return so_far


def test_what_was_found_ends_it() -> None:
    ended = numbers(Budget(), is_found=lambda so_far: 2 in so_far.taken)
    assert (str(ended), ended.was_interrupted) == ("0\n1\n1\n1\n2", False)


def test_time_ends_it_after_the_job_that_had_begun() -> None:
    assert numbers(Budget(seconds=0.0)).taken == [0]


def test_an_interrupt_ends_it_and_not_its_summary() -> None:
    def interrupt(so_far: Numbers) -> None:
        if len(so_far.taken) == 2:
            raise KeyboardInterrupt

    ended = numbers(Budget(), progress=interrupt)
    assert (str(ended), ended.was_interrupted) == ("0\n1\ninterrupted", True)


def test_progress_knows_how_long_it_took() -> None:
    seconds: list[float] = []
    ended = numbers(
        Budget(), is_found=lambda _: len(seconds) == 3, progress=lambda so_far: seconds.append(so_far.seconds)
    )
    assert 0.0 < seconds[0] <= seconds[-1] <= ended.seconds


def test_of_many_lines_a_few_are_told_and_how_many_are_not() -> None:
    assert first_few(["a", "b"]) == ["a", "b"]
    assert first_few([*"abcdefg"]) == [*"abcde", "… and 2 more"]
