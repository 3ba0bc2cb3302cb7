"""The command: what it prints, what it saves, how it exits."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from benchmarks import __main__ as command
from benchmarks.row import Row


@pytest.fixture
def only(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """``only(row, …)``: these are all the rows there are."""

    def replace(*rows: Row) -> None:
        monkeypatch.setattr(command, "find_rows", lambda: iter(rows))

    return replace


def test_a_real_row_runs_quickly_and_is_saved_whole(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    saved = tmp_path / "result.json"
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    options = ["-k", "cached_preads", "--quick", "--rounds", "2", "--json", str(saved), "--scratch", str(scratch)]
    assert command.main(options) == 0
    content = json.loads(saved.read_text(encoding="utf-8"))
    (row,) = content["rows"]
    assert row["error"] is None
    assert row["rounds"] == 2
    by_name = {side["name"]: side for side in row["sides"]}
    samples = by_name["os.pread"]["metrics"]["rate"]["samples"]
    assert len(samples) == 2
    assert min(samples) > 0
    assert {each["peer"] for each in row["comparisons"]} == {"os.pread", "aiofiles, seek + read"}
    assert content["machine"]["filesystem"]
    assert content["versions"]["aiofiles"]
    assert row["question"] in capsys.readouterr().out
    assert not list(scratch.iterdir())


@pytest.mark.parametrize(("ours", "strict", "status"), [(1.0, True, 0), (9.0, False, 0), (9.0, True, 1)])
def test_a_ratio_below_its_floor_is_a_failure_only_if_strict(
    only: Callable[..., None], pair: Callable[..., Row], ours: float, strict: bool, status: int
) -> None:
    only(pair([ours], [3.0]))
    assert command.main(["--strict"] if strict else []) == status


def test_a_row_that_fails_is_shown_and_the_next_one_runs(
    only: Callable[..., None], pair: Callable[..., Row], script: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    only(script.row([script.side("A", OSError("no space"))], []), pair([1.0], [3.0]))
    assert command.main([]) == 2
    out = capsys.readouterr().out
    assert "FAILED: OSError: no space" in out
    assert "aim met" in out


def test_the_list_names_every_row_and_runs_none(capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["--list"]) == 0
    names = [line.partition(":")[0] for line in capsys.readouterr().out.splitlines()]
    assert names == [row.name for row in command.find_rows()]
    assert {"allocating_writes", "cached_preads", "convert", "dissect_reads", "open_huge"} <= set(names)


def test_a_name_that_no_row_has_is_an_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["-k", "no such row"]) == 2
    assert "no such row" in capsys.readouterr().err


@pytest.mark.parametrize("count", ["0", "-1", "many"])
def test_rounds_are_at_least_one(count: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        command.main(["--rounds", count])
    assert "--rounds" in capsys.readouterr().err
