"""The real driver: every pair of requests on one block, and on two whose entries share a sector of the map."""

from pathlib import Path
from types import ModuleType

import pytest

from faults.exhaustive.pairs import DISK, ON_ONE_BLOCK, STARTS, Job, PairsSummary, jobs, pairs
from faults.failures.artifact import load_artifact
from faults.search.budget import Budget
from faults.search.names import resolve
from faults.search.subject import find
from faults.simulation.tape import ReplayTape

LIMIT = 200
"""Runs of a program with faults or cancels, where there is little time."""


def test_every_pair_is_there_on_one_block_and_on_two_in_every_danger() -> None:
    found = set(jobs())
    assert len(found) == len(list(jobs()))
    for one in ON_ONE_BLOCK:
        for other in ON_ONE_BLOCK:
            for place in ("", "+1") if "f" not in (one, other) else ("",):
                for pair in ((one, other), (other, one)):
                    if any(job.program == f"{pair[0]} | {pair[1]}{place}" for job in found):
                        break
                else:
                    pytest.fail(f"{one} and {other}{place} are missing")
    for start in STARTS[1:]:
        for program, faults in (("w0 | f", 0), ("w0! | f", 0), ("w0 | f!", 0), ("w0 | f", 1)):
            assert Job(f"{start}{program}", "moments", faults) in found


def test_two_blocks_of_the_disk_share_a_sector_of_the_map() -> None:
    assert DISK.size // DISK.block_size * 4 <= 512


def is_quick(job: Job) -> bool:
    """Of a disk in use, where nothing but crashes threatens; on one block at every moment."""
    return (
        job.program.startswith(STARTS[1])
        and not job.faults
        and "!" not in job.program
        and not any(word in job.program for word in ("+1", "ws", "zb"))
    )


def test_the_driver_holds_in_every_interleaving_of_every_pair_with_every_crash(tmp_path: Path, campaign: bool) -> None:
    only = (lambda _: True) if campaign else is_quick
    summary = pairs(find("faults.exhaustive.pairs:DISK"), tmp_path, only=only, limit=100_000)
    assert not summary.failed, str(summary)
    assert summary.verdict == f"exhausted: all {summary.total} programs", str(summary)


@pytest.mark.parametrize("pair", ["w0 | w0", "w0 | w0+1", "w0 | f", "u0 | r0"])
@pytest.mark.parametrize("danger", ["cancel", "fault"])
def test_the_driver_holds_with_cancels_and_with_faults(pair: str, danger: str, tmp_path: Path, campaign: bool) -> None:
    one, _, other = pair.partition(" | ")
    programs = (
        {f"{STARTS[1]}{one}! | {other}", f"{STARTS[1]}{one} | {other}!"} if danger == "cancel" else {STARTS[1] + pair}
    )
    summary = pairs(
        find("faults.exhaustive.pairs:DISK"),
        tmp_path,
        only=lambda job: job.program in programs and job.faults == (danger == "fault"),
        limit=100_000 if campaign else LIMIT,
    )
    assert summary.total == len(programs)
    assert not summary.failed, str(summary)


def test_a_failure_is_in_its_row_and_in_a_file_that_replays(broken: ModuleType, tmp_path: Path) -> None:
    summary = pairs(find("broken:ForgetsFlushTarget"), tmp_path, only=lambda job: job.program == "w0 | f")
    assert [row.verdict.partition(" ")[0] for row in summary.rows] == ["failed", "failed"]
    for row in summary.failed:
        assert row.path is not None
        artifact = load_artifact(row.path)
        assert resolve(artifact.target).run(ReplayTape(artifact.draws)).failure == row.failure
    assert "not exhausted: w0 | f" in str(summary)


def test_any_number_of_processes_sees_the_same(broken: ModuleType, tmp_path: Path) -> None:
    def rows(processes: int) -> list[tuple[object, ...]]:
        found = pairs(
            find("broken:Target"), tmp_path, only=lambda job: job.program in ("w0 | w0", "f | f"), processes=processes
        )
        assert found.verdict == f"exhausted: all {found.total} programs"
        return [row[:-1] for row in found.rows]

    assert rows(1) == rows(2)


def test_a_search_that_was_cut_claims_no_more_than_it_did(broken: ModuleType, tmp_path: Path) -> None:
    summary = pairs(
        find("broken:Target"), tmp_path, only=lambda job: job.program == "w0 | w0", budget=Budget(seconds=0)
    )
    assert isinstance(summary, PairsSummary)
    assert summary.verdict == "cut: 1 of 2 programs exhausted"
