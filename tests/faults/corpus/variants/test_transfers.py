"""Short, late and neighbouring I/O, and the canary: each variant is found, and its witness tells it from the driver."""

from collections.abc import Callable

import pytest

from faults.corpus.catalogue import Bug, bug, name_of
from faults.corpus.variants import transfers

NAMES = [name_of(getattr(transfers, name)) for name in transfers.__all__]


@pytest.mark.parametrize("name", NAMES)
def test_it_is_found_within_its_budget_without_a_hint(name: str, is_found: Callable[[Bug], None]) -> None:
    is_found(bug(name))


@pytest.mark.parametrize("name", NAMES)
def test_its_witness_shows_it_and_not_the_driver(name: str, is_witnessed: Callable[[Bug], None]) -> None:
    is_witnessed(bug(name))
