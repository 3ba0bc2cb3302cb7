"""What is shown while a search runs is for eyes: never in JSON, and not into a file."""

from argparse import Namespace

import pytest

from faults.terminal import say, show_progress, tell

Capture = pytest.CaptureFixture[str]
TEXT, JSON = Namespace(json=False), Namespace(json=True)


def test_progress_is_shown_only_where_somebody_looks(capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    show_progress(TEXT, "half way")
    assert capsys.readouterr().err == ""
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    show_progress(TEXT, "half way")
    assert capsys.readouterr().err.endswith("half way")
    show_progress(JSON, "half way")
    assert capsys.readouterr().err == ""


def test_what_is_said_does_not_stand_behind_progress(capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    show_progress(TEXT, "half way")
    say(TEXT, "found")
    assert capsys.readouterr() == ("found\n", "\r\033[Khalf way\r\033[K")


def test_json_stands_alone(capsys: Capture) -> None:
    say(JSON, "seeds from 0 on")
    tell(JSON, "one run", lambda: {"runs": 1})
    assert capsys.readouterr().out == '{\n "runs": 1\n}\n'


def test_a_result_is_text_where_nothing_else_was_asked_for(capsys: Capture) -> None:
    tell(TEXT, 7, lambda: pytest.fail("nobody asked for JSON"))
    assert capsys.readouterr().out == "7\n"
