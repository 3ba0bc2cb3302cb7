"""The corpus as a benchmark: rows that say how soon a bug was found, and whether that is right."""

import json
from pathlib import Path

import pytest

from faults.cli import main
from faults.corpus.bugs import Row, bugs, line
from faults.corpus.catalogue import BUGS
from faults.failures.shrink import Case


def row(difficulty: str, *, found: int) -> Row:
    case = Case(1, 0, 1, 0, 9) if found else None
    return Row("x", "here", difficulty, "3 [1, 7]", 3, found, case, "lost" if found else "", 0.1)


def test_the_canary_is_found_and_small() -> None:
    (canary,) = bugs(["canary"], searches=2).rows
    assert canary.is_right
    assert canary.found == 2
    assert canary.case is not None
    assert canary.case.operations == 1
    assert canary.failure


def test_an_equivalent_is_right_when_it_is_not_found() -> None:
    name = next(each.name for each in BUGS if each.difficulty == "equivalent")
    (equivalent,) = bugs([name], searches=1, budget=30).rows
    assert equivalent.is_right
    assert equivalent.case is None


@pytest.mark.parametrize(
    ("difficulty", "found", "is_right"), [("easy", 3, True), ("easy", 2, False), ("equivalent", 1, False)]
)
def test_a_row_is_right_if_every_search_found_what_there_is(difficulty: str, found: int, is_right: bool) -> None:
    assert row(difficulty, found=found).is_right is is_right


def test_the_table_marks_what_is_wrong() -> None:
    lines = [line(each) for each in (row("easy", found=3), row("easy", found=1), row("equivalent", found=1))]
    assert [each.rpartition("  ")[2] for each in lines] == ["ok", "MISSED 2", "REPORTED, and is none"]
    assert line().startswith("bug ")


def test_rows_come_in_the_order_of_their_names_from_any_number_of_processes() -> None:
    names = ["2-failure-as-success", "canary"]
    rows = bugs(names, searches=1, processes=2).rows
    assert [each.name for each in rows] == names


def test_an_interrupt_leaves_the_rows_so_far() -> None:
    def interrupt(_: Row) -> None:
        raise KeyboardInterrupt

    table = bugs(["canary", "2-failure-as-success"], searches=1, progress=interrupt)
    assert ([row.name for row in table.rows], table.was_interrupted) == (["canary"], True)


def test_a_bug_that_does_not_exist_is_refused() -> None:
    with pytest.raises(ValueError, match="found 'moon'"):
        bugs(["moon"])


def test_the_verb_tells_json_and_ends_with_0_if_all_is_right(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["bugs", "canary", "--searches", "1", "--processes", "1", "--json"]) == 0
    (told,) = json.loads(capsys.readouterr().out)
    assert (told["name"], told["is_right"], told["case"]["operations"]) == ("canary", True, 1)


def test_the_list_names_every_bug(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bugs", "--list"]) == 0
    text = capsys.readouterr().out
    assert all(each.name in text for each in BUGS)


def test_a_search_that_misses_ends_with_1() -> None:
    hard = next(each.name for each in BUGS if each.difficulty == "hard")
    assert main(["bugs", hard, "--searches", "1", "--budget", "1", "--processes", "1"]) == 1


def test_a_bug_of_the_corpus_is_a_target_of_every_verb(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["run", "--variant", "canary", "--processes", "1"]) == 1
    assert "FAILED" in capsys.readouterr().out
    assert main(["sweep", "--variant", "canary", "--most", "1", "--processes", "1"]) == 1
