"""Witnesses replay from files, and are found again when they no longer show their bug."""

from pathlib import Path

import pytest

from faults.corpus.catalogue import BUGS, WAITING, bug
from faults.corpus.witnesses import FOLDER, HINTS, refind, replay, shows
from faults.simulation.tape import load


def test_every_bug_has_a_witness_and_what_is_none_has_none() -> None:
    kept = {path.stem for path in FOLDER.glob("*.json")}
    assert kept >= {row.name for row in BUGS if row.kinds}
    assert kept <= {row.name for row in (*BUGS, *WAITING) if row.kinds}


@pytest.mark.parametrize("name", [row.name for row in BUGS if row.name[0].isdigit()])
def test_the_witness_of_each_defect_of_2011_shows_it(name: str) -> None:
    assert shows(bug(name)), replay(bug(name)).failure


def test_a_bug_that_is_found_again_is_shrunk_and_kept(tmp_path: Path) -> None:
    said = refind(bug("count-below-map"), budget=50, folder=tmp_path)
    assert said is not None
    assert "1 operation" in said
    draws = load((tmp_path / "count-below-map.json").read_text())
    assert len(draws) < 60


def test_a_bug_that_is_not_found_leaves_no_file(tmp_path: Path) -> None:
    assert refind(bug("padded-under-lock"), budget=2, folder=tmp_path) is None
    assert not list(tmp_path.iterdir())


def test_what_has_no_witness_shows_nothing() -> None:
    assert not shows(bug("padded-under-lock"))


def test_hints_are_for_bugs_of_the_table() -> None:
    assert set(HINTS) <= {row.name for row in (*BUGS, *WAITING)}
