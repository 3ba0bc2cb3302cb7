"""A newer Python is found, wrappers that lead nowhere are passed over, and a peer says why it is missing."""

import sys
from pathlib import Path

import pytest

from benchmarks import child, newer
from benchmarks.newer import Package, find_python
from benchmarks.scratch import Scratch, Unavailable


def fake_python(folder: Path, name: str, script: str) -> Path:
    folder.mkdir(exist_ok=True)
    path = folder / name
    path.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    path.chmod(0o755)
    return path


def test_the_newest_of_the_search_path_is_taken(tmp_path: Path) -> None:
    fake_python(tmp_path / "a", "python3.12", "echo 3.12.1")
    newest = fake_python(tmp_path / "b", "python3.13", "echo 3.13.0")
    fake_python(tmp_path / "b", "python3.12", "echo 3.12.9")
    assert find_python(f"{tmp_path / 'a'}:{tmp_path / 'b'}") == (newest, "3.13.0")


def test_a_wrapper_that_leads_nowhere_is_passed_over(tmp_path: Path) -> None:
    fake_python(tmp_path, "python3.14", "echo 'command not found' >&2; exit 127")
    real = fake_python(tmp_path, "python3.12", "echo 3.12.1")
    assert find_python(str(tmp_path)) == (real, "3.12.1")


@pytest.mark.parametrize("name", ["python3.11", "python3", "python3.12-config"])
def test_what_is_too_old_or_no_python_is_not_even_asked(name: str, tmp_path: Path) -> None:
    fake_python(tmp_path, name, "echo 3.99.0")
    assert find_python(str(tmp_path)) is None


def test_an_empty_search_path_has_none(tmp_path: Path) -> None:
    assert find_python(str(tmp_path)) is None


def test_a_peer_without_a_python_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(newer, "find_python", lambda: None)
    assert "needs Python 3.12" in str(Package("peer", "1.0").missing())


async def test_a_peer_that_cannot_be_installed_is_missing_with_the_installer_s_last_words(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    async def refuse(*command: object) -> None:
        raise child.CommandFailed("pip: exit status 1: looking around\nERROR: no such version")

    monkeypatch.setattr(newer, "find_python", lambda: (Path(sys.executable), "3.99.0"))
    monkeypatch.setattr(newer.child, "run", refuse)
    with pytest.raises(Unavailable, match="peer is not installed: ERROR: no such version"):
        await Package("peer", "1.0").python(Scratch(tmp_path))


async def test_a_peer_gets_an_environment_of_its_own_in_the_scratch_folder(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    commands: list[list[str]] = []

    async def note(*command: object) -> None:
        commands.append([str(word) for word in command])

    monkeypatch.setattr(newer, "find_python", lambda: (Path("/usr/bin/python3.99"), "3.99.0"))
    monkeypatch.setattr(newer.child, "run", note)
    scratch = Scratch(tmp_path)
    python = await Package("peer", "1.0").python(scratch)
    assert python == await Package("peer", "1.0").python(scratch) == tmp_path / "peer-1.0" / "bin" / "python"
    made, installed = commands
    assert made == ["/usr/bin/python3.99", "-m", "venv", "--without-pip", str(tmp_path / "peer-1.0")]
    assert installed[-1] == "peer==1.0"
    assert installed[installed.index("--python") + 1] == str(python)
