"""What ``docs/findings.md`` says is lost is lost, by the files that it names."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from faults.failures.artifact import Artifact, load_artifact, replay
from faults.search.names import resolve

DOCS = Path(__file__).parents[3] / "docs"
FILES = sorted((DOCS / "findings").glob("*.json"))
SEEN_ON = "qemu-nbd 7.2."


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_finding_replays_on_the_qemu_that_it_was_found_on(path: Path, peer: Callable[[str], str]) -> None:
    version = subprocess.run([peer("qemu-nbd"), "--version"], capture_output=True, text=True, check=True).stdout
    artifact: Artifact = load_artifact(path)
    outcome = replay(artifact, resolve(artifact.target, artifact.profile))
    if outcome.failure is None and not version.startswith(SEEN_ON):
        pytest.skip(f"this QEMU keeps the data: {version.splitlines()[0]}")
    assert outcome.kind == artifact.kind
    assert outcome.failure == artifact.failure


def test_the_page_and_the_files_name_each_other() -> None:
    page = (DOCS / "findings.md").read_text(encoding="utf-8")
    assert FILES
    assert [path.name for path in FILES if f"docs/findings/{path.name}" not in page] == []
    assert page.count("python -m faults replay docs/findings/") == len(FILES)
