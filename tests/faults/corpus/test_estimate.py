"""The median of searches and its interval: exact for known samples, honest about those that gave up."""

from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from faults.corpus.estimate import estimate


def test_the_interval_of_nine_samples_leaves_out_one_at_each_end() -> None:
    # P(the median of the population lies between the 2nd and the 8th of 9) = 1 - 2 * (1 + 9) / 512 = 0.9609
    found = estimate([9, 8, 7, 6, 5, 4, 3, 2, 1], budget=10)
    assert (found.median, found.low, found.high) == (5, 2, 8)
    assert found.confidence == pytest.approx(0.9609, abs=1e-4)


def test_five_samples_are_too_few_and_say_so() -> None:
    found = estimate([1, 2, 3, 4, 5], budget=10)
    assert (found.low, found.high) == (1, 5)
    assert found.confidence == pytest.approx(0.9375)


def test_a_search_that_gave_up_counts_as_longer_than_any() -> None:
    found = estimate([3, None, 1], budget=50)
    assert (found.median, found.high, found.found) == (3, inf, 2)
    assert str(found) == "3 [1, >50]"


def test_when_most_gave_up_there_is_no_median() -> None:
    found = estimate([None, None, 4], budget=50)
    assert found.median == inf
    assert str(found) == ">50 [4, >50]"


def test_nothing_can_be_said_about_no_search() -> None:
    with pytest.raises(ValueError, match="found none"):
        estimate([], budget=1)


@given(st.lists(st.integers(1, 1000) | st.none(), min_size=1, max_size=40))
def test_the_median_lies_within_its_interval(runs: list[int | None]) -> None:
    found = estimate(runs, budget=1000)
    assert found.low <= found.median <= found.high
    assert found.confidence >= 0.95 or len(runs) < 6
