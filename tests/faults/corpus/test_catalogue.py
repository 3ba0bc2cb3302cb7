"""The table of bugs: complete, well told, searched without a hint; and the driver itself is not in it."""

import pytest

from aiovdi.driver.disk import Disk
from faults.corpus.catalogue import (
    BUDGETS,
    BUGS,
    NOT_APPLICABLE_YET,
    WAITING,
    Bug,
    bug,
    find,
    name_of,
    runs_to_find,
    targets,
)
from faults.corpus.variants import closing, entries, equivalent, flushes, transfers, windows
from faults.runs.run import run
from faults.search.subject import find as find_subject
from faults.simulation.tape import ExploringTape
from faults.vdi import VDI

RUNS_OF_THE_DRIVER = 500


def test_every_variant_has_its_row_and_no_name_comes_twice() -> None:
    variants = {
        name_of(getattr(module, name))
        for module in (closing, entries, equivalent, flushes, transfers, windows)
        for name in module.__all__
    }
    names = [row.name for row in (*BUGS, *WAITING)]
    assert len(names) == len(set(names))
    assert variants == {name for name in names if not name[0].isdigit()}
    assert {name[:2].rstrip("-") for name in names if name[0].isdigit()} == {"1a", "1b", "2", "3a", "3b", "3c"}


def test_every_bug_is_told_in_a_paragraph_and_says_which_step_it_breaks() -> None:
    for row in (*BUGS, *WAITING):
        assert len(row.paragraph) > 40, row.name
        assert row.difficulty in BUDGETS
        assert bool(row.kinds) is (row.difficulty != "equivalent")
        if row.kinds and not row.name[0].isdigit():
            assert "Breaks: " in " ".join(row.paragraph.split()), row.name


def test_there_is_a_canary_and_there_are_three_equivalents() -> None:
    difficulties = [row.difficulty for row in BUGS]
    assert difficulties.count("canary") == 1
    assert difficulties.count("equivalent") >= 3
    assert all(NOT_APPLICABLE_YET.values())


def test_the_canary_is_found_at_once_from_every_seed() -> None:
    assert runs_to_find(bug("canary"), range(20)).high <= BUDGETS["canary"]


def test_the_driver_comes_through_where_its_variants_do_not() -> None:
    driver = Bug("driver", "", VDI, "equivalent", (), "")
    found = find(driver, seed=0, budget=RUNS_OF_THE_DRIVER)
    assert found is None, found and f"{found.tape}: {found.outcome.failure}"


def test_equal_seeds_give_equal_searches() -> None:
    one, two = (find(bug("no-second-look"), seed=3, budget=200) for _ in range(2))
    assert one is not None
    assert two is not None
    assert (one.runs, one.tape, one.outcome.trace.digest()) == (two.runs, two.tape, two.outcome.trace.digest())


def test_a_search_that_ends_at_its_budget_says_so() -> None:
    assert find(bug("padded-under-lock"), seed=0, budget=3) is None
    assert runs_to_find(bug("padded-under-lock"), [0], budget=3).found == 0


def test_a_bug_that_cannot_be_found_yet_says_what_it_waits_for() -> None:
    assert all(row.waits_for and row.difficulty == "hard" for row in WAITING)
    assert not any(row.waits_for for row in BUGS)


def test_one_that_cannot_be_found_yet_is_still_a_driver() -> None:
    """It opens, reads and writes: what is missing is in the harness, and not in the variant."""
    for row in WAITING:
        assert run(row.target(), ExploringTape(0)).failure is None


def test_another_process_finds_a_bug_by_name() -> None:
    subject = find_subject("bug:canary")
    assert any(subject.run(ExploringTape(seed)).failure for seed in range(BUDGETS["canary"]))
    assert targets.canary.name == "canary"


def test_a_name_that_is_none_is_refused_with_those_that_are() -> None:
    with pytest.raises(ValueError, match=r"found 'unknown', expected one of canary, 1a-"):
        bug("unknown")


def test_a_variant_is_the_driver_but_for_one_step() -> None:
    assert name_of(entries.EntryPublishedEarly) == "entry-published-early"
    assert issubclass(entries.EntryPublishedEarly, Disk)
