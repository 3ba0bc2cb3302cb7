"""Every row says what it asks and what it compares, and its bars belong to something that is measured."""

import pytest

from benchmarks.__main__ import find_rows
from benchmarks.child import CommandFailed
from benchmarks.machine import versions
from benchmarks.row import Row
from benchmarks.rows.allocating_writes import seconds_in

every_row = pytest.mark.parametrize("row", list(find_rows()), ids=lambda row: row.name)


@every_row
def test_a_row_opens_with_its_question_and_what_is_compared(row: Row) -> None:
    assert row.question.endswith("?")
    assert len(row.compared.splitlines()) > 3


@every_row
def test_a_bar_belongs_to_a_metric_and_its_floor_is_below_its_aim(row: Row) -> None:
    bars = [(metric, bar) for peer in row.peers for metric, bar in peer.bars.items()]
    assert bars
    for metric, bar in bars:
        assert metric in {each.name for each in row.metrics}
        assert 0 < bar.floor < bar.aim


@every_row
def test_sides_of_a_row_have_names_of_their_own(row: Row) -> None:
    names = [side.name for side in row.sides]
    assert len(set(names)) == len(names)


@every_row
def test_only_peers_carry_bars(row: Row) -> None:
    assert not any(side.bars for side in row.ours)


def test_every_need_has_a_version_or_a_reason() -> None:
    rows = list(find_rows())
    found = versions(rows)
    assert {need.name for row in rows for side in row.sides for need in side.needs} == set(found)
    assert all(found.values())


def test_the_time_of_qemu_img_bench_is_the_one_that_it_prints() -> None:
    said = (
        "Sending 4000 write requests, 4096 bytes each, 32 in parallel (starting at offset 0, step size 1048576)\n"
        "Run completed in 3.285 seconds.\n"
    )
    assert seconds_in(said) == 3.285


def test_an_answer_of_qemu_img_bench_without_a_time_is_a_failure() -> None:
    with pytest.raises(CommandFailed, match="found no time"):
        seconds_in("Sending 4000 write requests\n")
