"""Which names a directory has, and which may be left: its rules on the page, each tried in a program of a few words."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from faults.simulation.device import Device
from faults.simulation.directory import Directory, File, kill_states, power_loss_states
from faults.simulation.tape import ExploringTape, ReplayTape
from tests.faults.litmus import LITMUS
from tests.faults.litmus_directory import DIRECTORY_LITMUS, DirectoryLitmus, DirectoryWriter, directory_row, told

PAGE = (Path(__file__).resolve().parents[3] / "docs" / "device-model.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("litmus", DIRECTORY_LITMUS, ids=[litmus.rule for litmus in DIRECTORY_LITMUS])
def test_exactly_these_outcomes_are_possible_where(litmus: DirectoryLitmus) -> None:
    outcomes = DirectoryWriter(litmus.start, litmus.order).run(litmus.program).outcomes()
    assert outcomes == set(litmus.allowed.split())
    assert not outcomes & set(litmus.forbidden.split())


def test_the_published_page_lists_each_of_these_tests_and_no_other() -> None:
    listed = PAGE.partition("## Every litmus test of a directory")[2].partition("\n## ")[0]
    listed = listed.partition("| rule |")[2]
    rows = [line for line in listed.splitlines() if line.startswith("| ")]
    assert rows == [directory_row(litmus) for litmus in DIRECTORY_LITMUS]


def test_no_rule_is_said_twice_here_or_of_files() -> None:
    rules = [litmus.rule for litmus in (*LITMUS, *DIRECTORY_LITMUS)]
    assert len(set(rules)) == len(rules)


def test_a_journal_leaves_nothing_that_independent_names_do_not() -> None:
    for litmus in DIRECTORY_LITMUS:
        any_order, journal = (
            DirectoryWriter(litmus.start, order).run(litmus.program).outcomes() for order in ("any", "sequential")
        )
        assert journal <= any_order, litmus.rule


@given(st.lists(st.sampled_from("abcdefgh"), unique=True, max_size=6), st.integers(0, 6))
def test_the_number_of_states_is_two_to_the_changes_that_no_flush_covers(names: list[str], flushed: int) -> None:
    """Of files with nothing in them; in a journal it is one more than the changes."""
    program = [f"+{name}" for name in names]
    program.insert(flushed, "D")
    left = max(0, len(names) - flushed)
    for order, count in (("any", 2**left), ("sequential", left + 1)):
        writer = DirectoryWriter("-", order).run(" ".join(program))
        assert power_loss_states(writer.directory).count == len(writer.outcomes()) == count
        assert kill_states(writer.directory).count == 1


def test_the_count_is_that_of_names_times_contents() -> None:
    directory = DirectoryWriter("a:X").run("a<Y a=b +c c<Z").directory
    space = power_loss_states(directory)
    # a: two contents. c, if it is there: two lengths and two contents. The name b: there or not.
    assert space.count == len(list(space.images())) == 2 * 2 * (1 + 4)


@pytest.mark.parametrize("order", ["any", "sequential"])
def test_draws_come_from_all_of_the_space_and_zeros_lose_nothing(order: str) -> None:
    directory = DirectoryWriter("a:X", order).run("a>b b<Y +c +d(").directory
    space = power_loss_states(directory)
    drawn = {told(space.draw(ExploringTape(seed))) for seed in range(600)}
    assert drawn == {told(image) for image in space.images()}
    assert told(space.draw(ReplayTape([]))) == "b:Y,c:"


def test_what_is_left_is_durable_and_a_directory_of_the_same_kind() -> None:
    for image in power_loss_states(DirectoryWriter("a:X", "sequential").run("a>b +c").directory).images():
        assert power_loss_states(image).count == 1
        assert (image.order, image.below) == ("sequential", {"unit": 8})


def test_two_names_of_one_file_are_left_as_one_file() -> None:
    for image in power_loss_states(DirectoryWriter("a:X").run("a=b D b<Y").directory).images():
        assert image.names["a"] is image.names["b"]


@pytest.mark.parametrize("word", ["a=b", "+a"])
def test_a_name_that_is_taken_is_refused_and_nothing_has_changed(word: str) -> None:
    writer = DirectoryWriter("a:X,b:O")
    with pytest.raises(FileExistsError):
        writer.run(word)
    assert writer.outcomes() == {"a:X,b:O"}


@pytest.mark.parametrize("word", ["c>b", "c=d", "-c"])
def test_a_name_that_is_not_there_is_refused(word: str) -> None:
    with pytest.raises(FileNotFoundError):
        DirectoryWriter("a:X,b:O").run(word)


#  t   A              B              names
#  1   create x ...                  -
#  2                  create x       x of B
#  3   ... fails: it is there


def test_of_two_who_create_one_name_at_once_one_fails() -> None:
    directory = Directory()
    early, late = directory.issue("create", "x"), directory.issue("create", "x")
    directory.end(late)
    with pytest.raises(FileExistsError):
        directory.end(early)
    assert not directory.in_flight
    assert power_loss_states(directory).count == 2


def test_a_change_that_failed_is_never_there() -> None:
    directory = Directory({"a": File(Device())})
    directory.fail(directory.issue("unlink", "a"))
    assert power_loss_states(directory).states() == [directory.names]
