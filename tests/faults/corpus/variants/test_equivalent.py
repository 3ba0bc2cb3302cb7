"""What looks like a bug and is none is never reported."""

from collections.abc import Callable

import pytest

from faults.corpus.catalogue import Bug, bug, name_of
from faults.corpus.variants import equivalent

NAMES = [name_of(getattr(equivalent, name)) for name in equivalent.__all__]


@pytest.mark.parametrize("name", NAMES)
def test_it_is_never_reported(name: str, is_never_reported: Callable[[Bug], None]) -> None:
    row = bug(name)
    assert row.difficulty == "equivalent"
    is_never_reported(row)


def test_each_says_why_it_is_none() -> None:
    assert all("No bug" in bug(name).paragraph for name in NAMES)
