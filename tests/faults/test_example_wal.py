"""The worked example of the guide: its bug is found, shrunk and explained, and its cure is one."""

import importlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from faults.cli import main
from faults.search.budget import Budget
from faults.search.campaign import campaign
from faults.search.subject import find

EXAMPLE = Path(__file__).parent / "example_wal"
NAME = "stories:acknowledged_records_survive"
TRY = "            try:\n                await self._storage.flush()"
CURE = [
    (TRY, f"            covered = self._end\n{TRY}"),
    ("            self._stable = self._end\n", "            self._stable = covered\n"),
]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A copy of the example that may be changed."""
    for source in EXAMPLE.glob("*.py"):
        (tmp_path / source.name).write_text(source.read_text())
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    importlib.invalidate_caches()
    yield tmp_path
    for name in ("wal", "stories"):
        sys.modules.pop(name, None)


def test_the_bug_is_found_and_told_in_order(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "--target", NAME, "--processes", "1"]) == 1
    text = capsys.readouterr().out
    assert "FAILED  acknowledged, and gone after a power loss: B" in text
    assert "2 operations, 1 schedule deviation, 0 faults, 0 torn units" in text
    order = ["flush #2 begins", "write #3 data 608 bytes at 608 ends", "flush #2 ends", "B3 is told: done", "power is"]
    assert [text.index(each) for each in order] == sorted(text.index(each) for each in order)


def test_the_cure_of_the_guide_is_one(folder: Path) -> None:
    code = (folder / "wal.py").read_text()
    for before, after in CURE:
        assert code.count(before) == 1
        code = code.replace(before, after)
    (folder / "wal.py").write_text(code)
    assert campaign(find(NAME), folder / "failures", budget=Budget(1500)).is_clean


def test_pytest_tells_the_same(folder: Path) -> None:
    command = [sys.executable, "-m", "pytest", "-q", "-p", "faults.pytest_plugin", "-c", os.devnull, "check_wal.py"]
    environment = os.environ | {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    ended = subprocess.run(
        [*command, "--rootdir=."], env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    assert ended.returncode == 1
    assert "FAILED  acknowledged, and gone after a power loss: B" in ended.stdout
    assert "warning" not in ended.stdout


def test_the_guide_shows_the_code_and_the_commands_that_are_here() -> None:
    guide = (EXAMPLE.parents[2] / "docs" / "faults.md").read_text(encoding="utf-8")
    for name in ("stories.py", "check_wal.py"):
        assert (EXAMPLE / name).read_text().strip() in guide, name
    commit = (EXAMPLE / "wal.py").read_text().partition("    async def append")[2].partition("async def read_log")[0]
    assert commit.strip() in guide
    assert f"python -m faults run --target {NAME}" in guide
    assert all(line in guide for _, after in CURE for line in after.strip().splitlines())
