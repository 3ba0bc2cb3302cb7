"""Words that are understood without typer mean to typer the same."""

from collections.abc import Callable
from pathlib import Path

import pytest

from aiovdi.cli import plain, verbs

Aiovdi = Callable[..., tuple[int, str, str]]

PLAIN = [["--output=json"], ["--output", "json"], ["--output", "human"], ["-f", "vdi"], ["-f", "raw"], ["-U"], []]


@pytest.mark.parametrize("options", PLAIN)
@pytest.mark.parametrize("behind", [False, True])
def test_a_plain_info_is_what_typer_makes_of_it(
    options: list[str], behind: bool, vdi: Path, aiovdi: Aiovdi, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["info", str(vdi), *options] if behind else ["info", *options, str(vdi)]
    assert plain.understood(words) is not None
    by_hand = aiovdi(*words)
    status = verbs.run(words)
    assert by_hand == (status, *capsys.readouterr())
    assert status == 0


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["check", "x"],
        ["info"],
        ["info", "a", "b"],
        ["info", "--help"],
        ["info", "--output=xml", "x"],
        ["info", "--output", "--", "x"],
        ["info", "x", "--output"],
        ["info", "-f", "qcow2", "x"],
        ["info", "-fvdi", "x"],
        ["info", "--", "-x"],
        ["info", "--object", "x", "y"],
    ],
)
def test_whatever_is_not_plain_is_left_to_typer(words: list[str]) -> None:
    assert plain.understood(words) is None
