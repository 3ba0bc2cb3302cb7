"""What is shown while a search runs is for eyes: never in JSON, and not into a file."""

from argparse import Namespace

import pytest

from faults.verbs import say, show_progress

Capture = pytest.CaptureFixture[str]


def test_progress_is_shown_only_where_somebody_looks(capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    show_progress(Namespace(json=False), "half way")
    assert capsys.readouterr().err == ""
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    show_progress(Namespace(json=False), "half way")
    assert capsys.readouterr().err.endswith("half way")
    show_progress(Namespace(json=True), "half way")
    assert capsys.readouterr().err == ""


def test_json_stands_alone(capsys: Capture) -> None:
    say(Namespace(json=True), "seeds from 0 on")
    assert capsys.readouterr().out == ""
