"""``aiovdi demo`` as a command: its flags reach the demonstration, its answer is the exit status."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from aiovdi.cli import demo as verb


@pytest.mark.parametrize("held", [True, False])
async def test_the_exit_status_says_whether_everything_held(
    held: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked: dict[str, Any] = {}

    async def demonstrate(image: Path | None, **options: Any) -> bool:
        options.pop("tell")("a line")
        asked.update(options, image=image)
        return held

    monkeypatch.setattr(verb, "demonstrate", demonstrate)
    assert await verb.demo(Path("a.vdi"), requests=7, seed=3, keep=Path("there")) == (0 if held else 1)
    assert asked == {"image": Path("a.vdi"), "requests": 7, "seed": 3, "keep": Path("there")}
    assert capsys.readouterr().out == "a line\n"


async def test_the_demonstration_runs_as_a_verb(capsys: pytest.CaptureFixture[str]) -> None:
    assert await verb.demo(requests=50, seed=1) == 0
    assert capsys.readouterr().out.endswith("Everything held.\n")


def test_an_export_is_no_file_to_be_copied(aiovdi: Callable[..., Any]) -> None:
    said = aiovdi("demo", "nbd://localhost/x")
    assert said.status == 1
    assert said.err.startswith("aiovdi: demo: nbd://localhost/x: found an NBD URI, expected a file")
