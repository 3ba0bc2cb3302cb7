"""The command line: exit statuses, what is printed, and the files that lead from one verb to the next."""

import json
import signal
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from faults.cli import main
from faults.exhaustive.guided import ORDERS
from faults.exhaustive.path import Path as Path_
from faults.failures.report import LINES_MAX
from faults.runs.programs import FURTHER, OPERATIONS

Capture = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def folder(broken: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Every command writes below a folder of its own."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def told(capsys: Capture) -> Any:
    return json.loads(capsys.readouterr().out)


def search(*more: str, target: str = "broken:StopsShortTarget") -> int:
    return main(["run", "--target", target, "--processes", "1", "--runs", "100", *more])


def test_a_search_that_finds_nothing_ends_with_0_and_tells_its_seeds(capsys: Capture) -> None:
    assert search("--seed", "700", target="broken:Target") == 0
    text = capsys.readouterr().out
    assert text.startswith("seeds from 700 on, target broken:Target")
    assert "100 runs" in text
    assert "all alike" in text


def test_a_search_that_finds_something_ends_with_1_and_reports_in_ten_lines(capsys: Capture) -> None:
    assert search() == 1
    lines = capsys.readouterr().out.splitlines()
    end = next(number for number, line in enumerate(lines) if line.startswith("  replay:"))
    report = lines[1 : end + 1]
    assert report[0].startswith("FAILED")
    assert len(report) <= LINES_MAX


def test_the_command_of_the_report_replays_the_failure(capsys: Capture) -> None:
    search()
    line = next(line for line in capsys.readouterr().out.splitlines() if line.startswith("  replay:"))
    assert main(line.partition("python -m faults ")[2].split()) == 1
    assert capsys.readouterr().out.startswith("still there (the same run)")


def test_a_replay_on_mended_code_ends_with_0(capsys: Capture) -> None:
    search("--json")
    path = told(capsys)["failures"][0]["path"]
    assert main(["replay", path, "--target", "broken:Target"]) == 0
    assert capsys.readouterr().out.startswith("gone")


def test_json_tells_everything_that_the_text_does(capsys: Capture) -> None:
    assert search("--json") == 1
    content = told(capsys)
    assert content["failures"][0]["kind"] == "violation"
    assert content["smallest"]["operations"] == 1
    assert content["smallest"]["timeline"]
    assert content["fired"]
    assert content["never"]


def test_verbose_lists_every_cell(capsys: Capture) -> None:
    search("-v", target="broken:Target")
    assert "EIO × write:data × serving" in capsys.readouterr().out


def test_shrinking_a_file_reports_and_writes_a_smaller_one(capsys: Capture, folder: Path) -> None:
    search("--json")
    path = told(capsys)["failures"][0]["path"]
    assert main(["shrink", path, "--folder", "small"]) == 1
    assert "1 operation, 0 schedule deviations, 1 fault" in capsys.readouterr().out
    assert len(list((folder / "small").iterdir())) == 1


def test_a_sweep_tells_its_verdict(capsys: Capture) -> None:
    assert main(["sweep", "--target", "broken:Target", "--most", "1", "--meetings", "0", "--processes", "1"]) == 0
    assert capsys.readouterr().out.startswith("exhausted: all 12 workloads")


def test_a_sweep_that_finds_something_reports_its_smallest_case(capsys: Capture) -> None:
    assert main(["sweep", "--target", "broken:SwallowsErrorsTarget", "--most", "1", "--processes", "1"]) == 1
    text = capsys.readouterr().out
    assert text.startswith("FAILED")
    assert "u0: 1 EIO" in text


def test_an_exploration_tells_its_verdict(capsys: Capture) -> None:
    assert main(["explore", "w0 | w0", "--target", "broken:Target", "--json"]) == 0
    assert told(capsys)["verdict"] == "exhausted"
    assert main(["explore", "w0 | w1", "--target", "broken:MergesInMemoryTarget"]) == 1
    assert "failed in run" in capsys.readouterr().out


def test_an_exploration_says_of_what_it_was_exhausted(capsys: Capture) -> None:
    assert main(["explore", "w0 | f", "--target", "broken:Target", "--faults", "1", "--orders", "ends"]) == 0
    verdict, scope = capsys.readouterr().out.splitlines()
    assert verdict.startswith("exhausted: ")
    assert scope.endswith(
        "every fault at every I/O, 1 in a run; power loss and kill before every I/O and at the end, with every image"
    )


def test_all_pairs_are_explored_row_by_row(capsys: Capture) -> None:
    quick = ["--target", "broken:Target", "--processes", "1", "--limit", "20", "--seconds", "0"]
    assert main(["explore", "pairs", *quick]) == 0
    first, verdict, *_ = capsys.readouterr().out.splitlines()
    assert first.startswith("w0 | w0 ")
    assert verdict.startswith("cut: 0 of ")
    assert main(["explore", "pairs", *quick, "--json"]) == 0
    assert [row["program"] for row in told(capsys)["rows"]] == ["w0 | w0"]


@pytest.mark.parametrize(
    "arguments",
    [
        ["run", "--target", "nowhere:Target"],
        ["replay", "missing.json"],
        ["replay", "."],
        ["explore", "w9", "--target", "broken:Target"],
        ["explore", " | ", "--target", "broken:Target"],
        ["explore", "w0", "--deviations", "2"],
        ["explore", "w0", "--seconds", "2"],
        ["run", "--folder", "/proc/nowhere"],
        ["run", "--html", "/nowhere/page.html"],
    ],
)
def test_a_wrong_command_ends_with_2_and_says_why(arguments: list[str], capsys: Capture) -> None:
    assert main(arguments) == 2
    assert capsys.readouterr().err.startswith(f"faults {arguments[0]}: ")


def test_no_verb_is_a_wrong_command() -> None:
    with pytest.raises(SystemExit) as stop:
        main([])
    assert stop.value.code == 2


def test_a_target_may_lie_in_the_folder_where_the_reader_stands(folder: Path) -> None:
    (folder / "mine.py").write_text("def story(sim):\n    assert sim.tape.draw('x', 4) != 3, 'three'\n")
    command = [sys.executable, "-m", "faults", "run", "--target", "mine:story", "--processes", "2"]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert ended.returncode == 1
    assert "FAILED  three" in ended.stdout


def test_an_error_of_the_system_begins_with_the_file(capsys: Capture) -> None:
    main(["replay", "missing.json"])
    assert capsys.readouterr().err == "faults replay: missing.json: No such file or directory\n"


@pytest.mark.parametrize(
    "arguments",
    [
        ["run", "--runs", "0"],
        ["run", "--seconds", "nan"],
        ["run", "--processes", "0"],
        ["run", "--target", "broken:Target", "--variant", "canary"],
        ["explore", "w0", "--limit", "0"],
        ["explore", "w0", "--faults", "-1"],
        ["bugs", "--budget", "-1"],
        ["foreign", "qemu-vdi", "--runs", "0"],
    ],
)
def test_a_number_that_cannot_be_is_no_search_that_finds_nothing(arguments: list[str], capsys: Capture) -> None:
    with pytest.raises(SystemExit) as stop:
        main(arguments)
    assert stop.value.code == 2
    assert "error: argument --" in capsys.readouterr().err


def test_a_reader_that_has_gone_is_no_error_but_a_status() -> None:
    command = [sys.executable, "-m", "faults", "bugs", "--list"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as ended:
        assert ended.stdout is not None
        ended.stdout.close()
        assert ended.stderr is not None
        said = ended.stderr.read()
    assert (ended.returncode, said) == (128 + signal.SIGPIPE, "")


def test_sigterm_ends_a_search_as_an_interrupt_does_with_what_it_has_found_so_far() -> None:
    command = [sys.executable, "-m", "faults", "run", "--processes", "2", "--seconds", "600"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as ended:
        assert ended.stdout is not None
        assert ended.stderr is not None
        assert ended.stdout.readline().startswith("seeds from 0 on")
        ended.send_signal(signal.SIGTERM)
        told, said = ended.communicate(timeout=120)
    assert ended.returncode == 130
    assert " runs (" in told
    assert "Traceback" not in said


def test_the_help_of_explore_knows_every_word_of_a_program(capsys: Capture) -> None:
    with pytest.raises(SystemExit):
        main(["explore", "--help"])
    said = capsys.readouterr().out.partition("programs:")[2].split()
    assert OPERATIONS.keys() | FURTHER.keys() <= set(said)
    assert ORDERS.keys() <= set(said)


@pytest.mark.parametrize("more", [[], ["--json"]])
def test_an_exploration_that_is_interrupted_tells_what_it_has_seen(
    more: list[str], monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    runs = 0

    def interrupt(self: object) -> bool:
        nonlocal runs
        runs += 1
        if runs == 5:
            raise KeyboardInterrupt
        return advance(self)

    advance = Path_.advance
    monkeypatch.setattr(Path_, "advance", interrupt)
    assert main(["explore", "w0 | w1", "--target", "broken:Target", *more]) == 130
    said = capsys.readouterr().out
    if more:
        assert (json.loads(said)["interrupted"], json.loads(said)["verdict"]) == (True, "cut at 5")
    else:
        assert said.startswith("cut at 5: ")
        assert said.endswith("\ninterrupted\n")
