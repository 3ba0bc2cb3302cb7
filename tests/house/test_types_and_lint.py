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
