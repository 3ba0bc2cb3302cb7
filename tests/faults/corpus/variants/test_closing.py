"""The end of a session: each variant is found, and its witness tells it from the driver."""

from collections.abc import Callable

import pytest

from faults.corpus.catalogue import WAITING, Bug, bug, name_of
from faults.corpus.variants import closing
from faults.corpus.witnesses import FOLDER

NAMES = [name_of(getattr(closing, name)) for name in closing.__all__]
WITNESSED = [name for name in NAMES if (FOLDER / f"{name}.json").exists()]
TO_FIND = [name for name in NAMES if bug(name) not in WAITING]


@pytest.mark.parametrize("name", TO_FIND)
def test_it_is_found_within_its_budget_without_a_hint(name: str, is_found: Callable[[Bug], None]) -> None:
    is_found(bug(name))


@pytest.mark.parametrize("name", WITNESSED)
def test_its_witness_shows_it_and_not_the_driver(name: str, is_witnessed: Callable[[Bug], None]) -> None:
    is_witnessed(bug(name))
