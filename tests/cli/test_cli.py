"""The door: missing packages are named, and a plain info is answered without them."""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from aiovdi.cli import main, verbs


@pytest.mark.parametrize("package", ["typer", "rich"])
def test_a_missing_package_is_named_with_what_brings_it(
    package: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in [name for name in sys.modules if name.startswith(("aiovdi.cli.", "typer"))]:
        if name not in {"aiovdi.cli.plain", "aiovdi.cli.running"}:
            monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(sys.modules["aiovdi.cli"], "verbs", None, raising=False)
    monkeypatch.delattr("aiovdi.cli.verbs")

    class Missing:
        def find_spec(self, name: str, *_: object) -> None:
            if name in {"typer", "aiovdi.cli.verbs"}:
                raise ModuleNotFoundError(f"No module named {package!r}", name=package)

    monkeypatch.setattr(sys, "meta_path", [Missing(), *sys.meta_path])
    assert main(["check", "x"]) == 1
    assert capsys.readouterr().err == f"aiovdi: the command line needs {package}: pip install 'aiovdi[cli]'\n"


def test_a_module_of_our_own_that_is_missing_is_a_bug(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "aiovdi.cli.verbs", None)
    monkeypatch.delattr("aiovdi.cli.verbs", raising=False)
    with pytest.raises(ModuleNotFoundError):
        main(["check", "x"])


def test_a_plain_info_needs_no_parser(
    vdi: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "aiovdi.cli.verbs", None)
    monkeypatch.delattr("aiovdi.cli.verbs", raising=False)
    assert main(["info", "-f", "vdi", str(vdi)]) == 0
    assert capsys.readouterr().out.startswith(f"image: {vdi}\nfile format: vdi\n")


def test_the_words_of_the_process_are_the_default(
    vdi: Path, monkeypatch: pytest.MonkeyPatch, aiovdi: Callable[..., object]
) -> None:
    monkeypatch.setattr(sys, "argv", ["aiovdi", "compare", "-q", str(vdi), str(vdi)])
    assert main() == 0


def test_an_interrupt_before_a_verb_has_begun_is_a_line_and_a_status(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupt(_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(verbs, "run", interrupt)
    assert main(["check", "x"]) == 130
    assert capsys.readouterr() == ("", "aiovdi: stopped by SIGINT\n")
