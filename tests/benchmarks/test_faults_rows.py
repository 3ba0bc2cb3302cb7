"""What the rows about the harness do beside asking: take other seeds each turn, and fail on a difference."""

import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks import child
from benchmarks.rows import faults_bugs, faults_determinism, faults_images, faults_sweep
from benchmarks.scratch import Scratch
from faults.corpus.catalogue import BUGS


def answering(monkeypatch: pytest.MonkeyPatch, module: Any, *answers: dict[str, Any]) -> list[tuple[Any, ...]]:
    """Instead of a process, these answers in turn. Returns the questions."""
    questions: list[tuple[Any, ...]] = []

    async def ask(*words: Any, **settings: Any) -> dict[str, Any]:
        questions.append(words)
        return answers[(len(questions) - 1) % len(answers)]

    monkeypatch.setattr(module, "ask", ask)
    return questions


async def test_seeds_that_run_alike_are_counted(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    answers = {"digests": ["a", "b"], "hash": ["1"]}, {"digests": ["a", "b"], "hash": ["2"]}
    questions = answering(monkeypatch, faults_determinism, *answers)
    async with faults_determinism.comparing(Scratch(tmp_path), seeds=2) as measure:
        assert [await measure(), await measure()] == [{"seeds": 2}, {"seeds": 4}]
    assert [words[1] for words in questions] == [0, 0, 2, 2]


async def test_a_seed_that_runs_differently_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = {"digests": ["a", "b"], "hash": ["1"]}, {"digests": ["a", "c"], "hash": ["2"]}
    answering(monkeypatch, faults_determinism, *answers)
    with pytest.raises(AssertionError, match=r"run differently: \[41\]"):
        await faults_determinism.compare(40, 2)


async def test_two_processes_that_hash_alike_show_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    answering(monkeypatch, faults_determinism, {"digests": ["a"], "hash": ["1"]})
    with pytest.raises(AssertionError, match="hash alike"):
        await faults_determinism.compare(0, 1)


async def test_each_round_of_a_bug_is_another_search(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    questions = answering(monkeypatch, faults_bugs, {"runs": 7, "time": 0.5})
    hard = next(bug for bug in BUGS if bug.difficulty == "hard")
    async with faults_bugs.searching(Scratch(tmp_path), bug=hard) as measure:
        assert [await measure(), await measure()] == [{"runs, if hard": 7, "time": 0.5}] * 2
    assert questions == [("bugs", "find", hard.name, 0), ("bugs", "find", hard.name, 1)]


def test_every_bug_is_a_side_and_no_equivalent_is() -> None:
    sides = {side.name for side in faults_bugs.ROW.ours}
    assert sides == {bug.name for bug in BUGS if bug.difficulty != "equivalent"}


def test_by_default_the_canary_the_report_and_qemu_are_searched() -> None:
    searched = {side.name for side in faults_bugs.ROW.ours if not side.needs}
    assert {"canary", "1a-no-roll-back", "1b-entry-in-flight", "count-overtaken"} <= searched
    assert len(searched) < len(BUGS) / 2


async def test_each_turn_of_the_sweep_starts_at_another_workload(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    questions = answering(monkeypatch, faults_sweep, {"whole": 1.0, "cases": 2.0})
    async with faults_sweep.sample(Scratch(tmp_path)) as measure:
        for _ in range(7):
            await measure()
    firsts = [words[1] for words in questions]
    assert len(set(firsts)) == 7
    assert all(0 <= first < faults_sweep.EVERY for first in firsts)


async def test_the_images_of_both_sizes_are_asked_for(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    questions = answering(monkeypatch, faults_images, {"rate": 10.0}, {"rate": 20.0})
    counts = {"4 KiB": 3, "1 MiB": 1}
    async with faults_images.judging(Scratch(tmp_path), reader="faults", images=counts) as measure:
        assert await measure() == {"4 KiB": 10.0, "1 MiB": 20.0}
    assert questions == [("images", "faults", 4096, 3), ("images", "faults", 1 << 20, 1)]


def sweep_that_says(monkeypatch: pytest.MonkeyPatch, **said: Any) -> list[str]:
    """Instead of the command, this answer. Returns the words of the command."""
    words: list[str] = []

    async def run(*command: Any) -> child.Child:
        words.extend(map(str, command))
        return child.Child(seconds=99.0, peak_memory=0, output=json.dumps(said))

    monkeypatch.setattr(faults_sweep.child, "run", run)
    return words


async def test_the_whole_sweep_is_run_once_and_timed_by_itself(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    words = sweep_that_says(monkeypatch, verdict="exhausted", workloads=1884, of=1884, cases=600, seconds=60.0)
    async with faults_sweep.whole(Scratch(tmp_path)) as measure:
        assert [await measure(), await measure()] == [{"whole": 60.0, "cases": 10.0}] * 2
    assert words[1:5] == ["-m", "faults", "sweep", "--json"]
    assert words.count("sweep") == 1


async def test_a_sweep_that_was_cut_is_no_answer(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    sweep_that_says(monkeypatch, verdict="cut: 8 of 1884 workloads", workloads=8, of=1884, cases=600, seconds=60.0)
    with pytest.raises(AssertionError, match="cut: 8 of 1884"):
        async with faults_sweep.whole(Scratch(tmp_path)):
            pass
