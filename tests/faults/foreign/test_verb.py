"""``python -m faults foreign``: what a user types, and what is told."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from faults.cli import main
from faults.foreign.drivers import Driver


def words(driver: Driver, folder: Path, *more: str) -> list[str]:
    size = ["--size", str(driver.size), "--processes", "1", "--folder", str(folder)]
    return ["foreign", driver.command, *size, *more]


def test_a_command_that_a_user_names_is_searched_shrunk_and_replayed(
    relay: Callable[[str], Driver], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words(relay("liar"), tmp_path, "--runs", "4", "--shrink", "1")) == 1
    told = capsys.readouterr().out
    assert "FAILED" in told
    assert "is told: done" in told
    assert "4 runs in" in told
    files = [word for line in told.splitlines() if "replay:" in line for word in line.split() if word.endswith(".json")]
    assert main(["replay", files[0]]) == 1
    assert "still there (the same run)" in capsys.readouterr().out


def test_an_artifact_leaves_its_image_for_other_programs(
    relay: Callable[[str], Driver], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words(relay("liar"), tmp_path, "--runs", "2", "--shrink", "0")) == 1
    path = next(tmp_path.glob("*.json"))
    assert main(["foreign", str(path), "--image", str(tmp_path / "left")]) == 1
    assert "still there (the same run)" in capsys.readouterr().out


def test_a_sound_driver_ends_with_status_0_and_what_was_covered(
    relay: Callable[[str], Driver], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words(relay("honest"), tmp_path, "--runs", "4", "--json")) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["runs"], told["found"], told["unlike"]) == (4, [], [])


@pytest.mark.parametrize("driver", ["qemu-none", "x {nothing}", "x {uri}"])
def test_a_driver_that_is_none_is_refused(driver: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["foreign", driver, "--runs", "1", "--folder", str(tmp_path)]) == 2
    assert "faults foreign:" in capsys.readouterr().err


def test_what_a_search_has_kept_is_made_small_by_the_verb_for_it(
    relay: Callable[[str], Driver], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words(relay("liar"), tmp_path, "--runs", "2", "--shrink", "0")) == 1
    path = next(tmp_path.glob("*.json"))
    capsys.readouterr()
    assert main(["shrink", str(path), "--folder", str(tmp_path), "--json"]) == 1
    told = json.loads(capsys.readouterr().out)
    assert (told["operations"], told["faults"]) == (1, 0)
    assert main(["replay", told["artifact"]]) == 1
    assert "still there (the same run)" in capsys.readouterr().out


@pytest.mark.parametrize("processes", ["1", "2"])
def test_an_interrupt_leaves_a_summary_and_nothing_else(
    relay: Callable[[str], Driver], place: Path, tmp_path: Path, processes: str
) -> None:
    """As a terminal sends it: to the whole group, while runs are under way, which have folders in TMPDIR."""
    words_ = ["--size", "65536", "--processes", processes, "--folder", str(tmp_path)]
    search = subprocess.Popen(
        [sys.executable, "-m", "faults", "foreign", relay("honest").command, *words_],
        env={**os.environ, "TMPDIR": str(place)},
        start_new_session=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    while not list(place.glob("*/*.above")):
        assert search.poll() is None
        time.sleep(0.01)  # nobody tells when another process has come so far
    os.killpg(search.pid, signal.SIGINT)
    told, _ = search.communicate(timeout=60)
    assert search.returncode == 130
    assert told.endswith("interrupted\n")
    assert list(place.iterdir()) == []
    assert [pid for pid, line in command_lines() if str(place) in line and pid != os.getpid()] == []


def command_lines() -> list[tuple[int, str]]:
    """Of all processes that are there."""
    lines = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            lines.append((int(path.parent.name), path.read_bytes().decode(errors="replace")))
    return lines


def test_an_interrupt_while_a_failure_is_made_small_leaves_the_summary_too(
    relay: Callable[[str], Driver], tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("faults.foreign.verb.shorten", interrupted)
    assert main(words(relay("liar"), tmp_path, "--runs", "2")) == 130
    told = capsys.readouterr().out
    assert "2 runs in" in told
    assert told.endswith("interrupted\n")
