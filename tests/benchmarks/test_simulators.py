"""Ours and the peers are asked the same, each by the Python that has it; a peer that is not here says so."""

from pathlib import Path
from typing import Any

import pytest

from benchmarks import simulators
from benchmarks.newer import Package
from benchmarks.row import Bar, Side
from benchmarks.scratch import Scratch, Unavailable

ANSWER = {"rate": 1.0}


@pytest.fixture
def questions(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    """What is asked, and the Python that it is asked of; nothing is started."""
    asked: list[tuple[Any, ...]] = []

    async def ask(*words: Any, python: Path | str = "this one") -> dict[str, float]:
        asked.append((python, *words))
        return ANSWER

    async def python(self: Package, scratch: Scratch) -> Path:
        return scratch.folder / self.name

    monkeypatch.setattr(simulators, "ask", ask)
    monkeypatch.setattr("benchmarks.worker.ask", ask)
    monkeypatch.setattr(Package, "python", python)
    monkeypatch.setattr(simulators, "find_python", lambda: (Path("newer"), "3.99.0"))
    return asked


async def turn(side: Side, folder: Path) -> object:
    async with side.run(Scratch(folder)) as measure:
        return await measure()


async def test_each_side_is_asked_for_the_same_program(questions: list[tuple[Any, ...]], tmp_path: Path) -> None:
    peers = simulators.peers("ring", runs=2, bars={"time": Bar(1, 2)})
    for side in (*simulators.ours("ring", runs=20), *peers):
        assert await turn(side, tmp_path) == ANSWER
    assert questions == [
        ("this one", "schedules", "faults", "ring", 20),
        (Path("newer"), "schedules", "faults", "ring", 20),
        (tmp_path / "simloop", "schedules", "simloop", "ring", 2),
        (tmp_path / "simloom", "schedules", "simloom", "ring", 2),
    ]
    assert all(side.bars == {"time": Bar(1, 2)} for side in peers)


def test_only_the_side_on_this_python_is_judged() -> None:
    assert [side.judged for side in simulators.ours("three", runs=1)] == [True, False]


async def test_without_a_newer_python_its_side_is_unavailable(
    questions: list[tuple[Any, ...]], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(simulators, "find_python", lambda: None)
    with pytest.raises(Unavailable, match="no Python 3"):
        await turn(simulators.ours("three", runs=1)[1], tmp_path)
