"""What is meant for people never gets into a file that happens to have the number of a closed stream."""

import subprocess
import sys
from pathlib import Path

import pytest


def shell(script: str, *words: object) -> "subprocess.CompletedProcess[str]":
    command = ["/bin/sh", "-c", script, "sh", sys.executable, *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("verb", ["info", "map", "read", "check", "compare"])
def test_a_closed_stdout_is_an_error_of_one_line(verb: str, vdi: Path) -> None:
    before = vdi.read_bytes()
    done = shell('"$@" >&-', "-m", "aiovdi", verb, vdi, *([vdi] if verb == "compare" else []))
    assert done.returncode == (2 if verb == "compare" else 1)
    assert done.stderr == f"aiovdi: {verb}: Bad file descriptor\n"
    assert vdi.read_bytes() == before


def test_a_closed_stderr_swallows_what_it_was_for(vdi: Path, tmp_path: Path) -> None:
    done = shell('"$@" 2>&-', "-m", "aiovdi", "info", tmp_path / "missing")
    assert (done.returncode, done.stdout, done.stderr) == (1, "", "")
    assert shell('"$@" 0<&- 2>&-', "-m", "aiovdi", "info", vdi).stdout.startswith("image: ")


def test_a_full_disk_is_an_error_of_one_line(vdi: Path) -> None:
    done = shell('"$@" >/dev/full', "-m", "aiovdi", "info", vdi)
    assert (done.returncode, done.stderr) == (1, "aiovdi: info: No space left on device\n")


def test_a_server_whose_uri_nobody_can_read_does_not_begin(vdi: Path) -> None:
    done = shell('"$@" >&-', "-m", "aiovdi", "serve", vdi)
    assert (done.returncode, done.stderr) == (1, "aiovdi: serve: Bad file descriptor\n")
