"""What ``docs/findings.md`` says is lost is lost: by the files that it names, and by commands without the harness."""

import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from faults.failures.artifact import Artifact, load_artifact, replay
from faults.search.names import resolve

DOCS = Path(__file__).parents[3] / "docs"
PAGE = (DOCS / "findings.md").read_text(encoding="utf-8")
FILES = sorted((DOCS / "findings").glob("*.json"))
FIRST_SEEN_ON = "qemu-nbd 7.2."
SEEN_ON = (FIRST_SEEN_ON, "qemu-nbd 10.0.")
COMMANDS = re.findall(r"```\n(qemu-img create .*?)```", PAGE, re.DOTALL)
LOST = ("Pattern verification failed", "Assertion")


@pytest.fixture
def version(peer: Callable[[str], str]) -> str:
    """Of the QEMU that is installed."""
    peer("qemu-img")
    peer("qemu-io")
    told = subprocess.run([peer("qemu-nbd"), "--version"], capture_output=True, text=True, check=True).stdout
    return told.splitlines()[0]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_finding_replays_on_the_versions_that_it_was_found_on(path: Path, version: str) -> None:
    artifact: Artifact = load_artifact(path)
    outcome = replay(artifact, resolve(artifact.target, artifact.profile))
    if outcome.failure is None and not version.startswith(SEEN_ON):
        pytest.skip(f"this QEMU keeps the data: {version}")
    assert outcome.kind == artifact.kind
    if version.startswith(FIRST_SEEN_ON):  # a process that aborts names the line of its source
        assert outcome.failure == artifact.failure


@pytest.mark.parametrize("commands", COMMANDS, ids=lambda commands: commands.split()[-2])
def test_a_finding_shows_without_the_harness(commands: str, version: str, tmp_path: Path) -> None:
    done = subprocess.run(["sh", "-c", commands], cwd=tmp_path, capture_output=True, text=True, check=False)
    told = done.stdout + done.stderr
    if not any(word in told for word in LOST) and not version.startswith(SEEN_ON):
        pytest.skip(f"this QEMU keeps the data: {version}")
    assert any(word in told for word in LOST), told


def test_the_page_and_the_files_name_each_other() -> None:
    assert FILES
    assert [path.name for path in FILES if f"docs/findings/{path.name}" not in PAGE] == []
    assert PAGE.count("python -m faults replay docs/findings/") == len(FILES)
    assert len(COMMANDS) == 9
