"""However a command ends, it tells what it has seen: an interrupt leaves a summary, and a status of its own."""

import json
from pathlib import Path

import pytest

from faults.cli import main

Capture = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def interrupted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every search is interrupted before its first job, in a folder of its own."""

    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("faults.search.search.spread", interrupt)
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("words", ["run", "sweep --most 1", "explore pairs"])
def test_an_interrupted_search_ends_with_130_after_its_summary(words: str, capsys: Capture) -> None:
    assert main([*words.split(), "--processes", "1"]) == 130
    assert capsys.readouterr().out.endswith("\ninterrupted\n")


@pytest.mark.parametrize("words", ["run", "sweep --most 1", "bugs canary"])
def test_its_json_is_whole(words: str, capsys: Capture) -> None:
    assert main([*words.split(), "--processes", "1", "--json"]) == 130
    content = json.loads(capsys.readouterr().out)
    assert content == [] or (content["interrupted"] and content["failures"] == [])
