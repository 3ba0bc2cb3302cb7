"""A turn in another process answers with its figures, and its failure is not taken for an answer."""

from pathlib import Path

import pytest

from benchmarks.child import CommandFailed
from benchmarks.scratch import Scratch
from benchmarks.worker import ask, working


async def test_a_turn_answers_with_figures(tmp_path: Path) -> None:
    async with working(Scratch(tmp_path), words=("schedules", "faults", "three", 5)) as measure:
        figures = await measure()
    assert figures["rate"] > 0
    assert figures["rate"] * figures["time"] == pytest.approx(1)


async def test_two_processes_with_random_hashes_agree_on_what_happens() -> None:
    one = await ask("digests", 3, 2, environment={"PYTHONHASHSEED": "1"})
    other = await ask("digests", 3, 2, environment={"PYTHONHASHSEED": "2"})
    assert one["digests"] == other["digests"]
    assert len(set(one["digests"])) == 2
    assert one["hash"] != other["hash"]


async def test_a_turn_that_fails_says_why() -> None:
    with pytest.raises(CommandFailed, match="no-such-simulator"):
        await ask("schedules", "no-such-simulator", "three", 5)
