"""Types, lint and format are part of the one test command. The settings are pyproject.toml's."""

import subprocess
import sys
from pathlib import Path

import pytest

FOLDERS = ["aiovdi", "faults", "benchmarks", "tests"]  # and not the examples in README.md, which are set for the eye


@pytest.mark.parametrize(
    "command",
    [["mypy"], ["ruff", "check", "."], ["ruff", "format", "--check", "--diff", *FOLDERS]],
    ids=["mypy", "ruff_check", "ruff_format"],
)
def test_the_checker_has_nothing_to_say(repository: Path, command: list[str]) -> None:
    checker = subprocess.run(
        [sys.executable, "-m", *command], cwd=repository, capture_output=True, text=True, check=False
    )
    assert checker.returncode == 0, f"{' '.join(command)}\n{checker.stdout}{checker.stderr}"


def test_no_file_is_hidden_from_the_checkers(repository: Path) -> None:
    """As one is that a pattern of .gitignore happens to name; it would be missing from a wheel too."""
    command = [sys.executable, "-m", "ruff", "check", "--show-files", *FOLDERS]
    told = subprocess.run(command, cwd=repository, capture_output=True, text=True, check=True).stdout
    there = {str(path) for folder in FOLDERS for path in (repository / folder).rglob("*.py")}
    assert there - set(told.splitlines()) == set()
