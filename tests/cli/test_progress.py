"""``-p``: percentages where nobody looks, a bar on a terminal, and nothing unasked."""

import io
import sys

import pytest

from aiovdi.cli.progress import progress


def test_nothing_is_shown_unasked(capsys: pytest.CaptureFixture[str]) -> None:
    with progress(False, label="x") as tell:
        assert tell is None
    assert capsys.readouterr() == ("", "")


def test_percentages_go_to_stderr_as_qemu_img_spells_them(capsys: pytest.CaptureFixture[str]) -> None:
    with progress(True, label="x") as tell:
        assert tell is not None
        for done in (1, 1, 2, 3):
            tell(done, 3)
    assert capsys.readouterr() == ("", "    (33.33/100%)\r    (66.67/100%)\r    (100.00/100%)\r\n")


def test_a_terminal_gets_a_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    with progress(True, label="disk.vdi") as tell:
        assert tell is not None
        tell(3 << 20, 3 << 20)
    assert "disk.vdi" in terminal.getvalue()
    assert "3.0/3.0 MiB" in terminal.getvalue()


def test_a_bar_is_left_in_order_when_the_work_fails(capsys: pytest.CaptureFixture[str]) -> None:
    def fail() -> None:
        with progress(True, label="x"):
            raise OSError("full")

    with pytest.raises(OSError, match="full"):
        fail()
    assert capsys.readouterr().err == "\n"
