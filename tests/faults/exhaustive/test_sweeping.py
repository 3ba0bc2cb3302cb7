"""A sweep counts honestly, leaves files that replay, and is the same on any number of processes."""

from pathlib import Path
from types import ModuleType

import pytest

from faults.exhaustive.sweeping import SweepSummary, sweep
from faults.failures.artifact import load_artifact, replay, verdict
from faults.runs.story import Sim
from faults.search.budget import Budget
from faults.search.names import resolve
from faults.search.subject import find, of


def test_a_right_disk_survives_the_whole_sweep(broken: ModuleType, tmp_path: Path) -> None:
    summary = sweep(find("broken:Target"), tmp_path, most=1)
    assert summary.verdict == "exhausted: all 12 workloads"
    assert summary.found == []
    assert summary.runs > 100


def test_what_was_found_replays_from_its_file(broken: ModuleType, tmp_path: Path) -> None:
    summary = sweep(find("broken:SwallowsErrorsTarget"), tmp_path, most=1)
    artifact = load_artifact(summary.found[0].path)
    assert verdict(artifact, replay(artifact, resolve(artifact.target))).startswith("still there (the same run)")


def test_the_smallest_case_comes_first(broken: ModuleType, tmp_path: Path) -> None:
    summary = sweep(find("broken:SwallowsErrorsTarget"), tmp_path, most=1, collect=True)
    assert summary.found[0].case == "u0: 1 EIO"


def test_two_processes_make_the_same_sweep(broken: ModuleType, tmp_path: Path) -> None:
    one, two = (sweep(find("broken:Target"), tmp_path, most=1, processes=number) for number in (1, 2))
    assert (one.runs, one.workloads, one.coverage) == (two.runs, two.workloads, two.coverage)


def test_a_sweep_that_was_cut_claims_no_more_than_it_did(broken: ModuleType, tmp_path: Path) -> None:
    summary = sweep(find("broken:Target"), tmp_path, most=2, budget=Budget(seconds=0.0))
    assert summary.verdict == "cut: 8 of 156 workloads"


def test_an_interrupt_leaves_the_summary_so_far(broken: ModuleType, tmp_path: Path) -> None:
    def interrupt(_: SweepSummary) -> None:
        raise KeyboardInterrupt

    summary = sweep(find("broken:Target"), tmp_path, most=2, progress=interrupt)
    assert (summary.workloads, summary.was_interrupted) == (8, True)


def test_a_story_cannot_be_swept(tmp_path: Path) -> None:
    def story(sim: Sim) -> None:
        pass

    with pytest.raises(ValueError, match="is a story"):
        sweep(of("story", story), tmp_path)
