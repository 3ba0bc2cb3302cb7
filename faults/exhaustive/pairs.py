"""Every pair of requests, exhaustively: on one block, and on two blocks whose entries share a sector of the map.

Each pair runs on a new disk, on one in use (what comes once in a session is over), and on blocks that are
mapped. Each time with every crash; then with one fault; then with the first cancelled, then the second.

Where nothing but a crash threatens, and on one block of a disk in use, requests, ends of I/Os and cancels
come at any moment. With a fault or a cancel on two blocks, or amid what comes once in a session, I/Os end
only when every task waits: all moments of those would be ten to a hundred times as many runs. Each row
says which of the two it was, and whether it was cut.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from itertools import combinations_with_replacement
from pathlib import Path
from typing import Any, NamedTuple

from faults.exhaustive.interleave import Interleaving, interleave
from faults.failures.artifact import of_outcome, save_artifact
from faults.search.budget import Budget
from faults.search.search import SoFar, search
from faults.search.subject import Subject, find
from faults.simulation.tape import ReplayTape
from faults.vdi import VDI

__all__ = ["DISK", "Job", "PairsSummary", "Row", "jobs", "pairs"]

DISK = VDI(blocks=4, block_size=1024, shapes=False)
"""Small, so that its crashes have few images; every entry of its map lies in one sector."""

ON_ONE_BLOCK = ("w0", "wb", "u0", "zb", "d0", "r0", "f")
FURTHER = ("w0 | w1", "wu | w0", "wu | wu", "ws | w0", "ws | w0+1", "ws | zb", "ws | r0+1")
"""Two sectors of a block, parts of a sector, and requests across both blocks."""
STARTS = ("", "w0+2 f; ", "w0 w0+1 f; ")
"""Preludes: of a new disk, of one in use, of one on which both blocks are mapped."""


class Job(NamedTuple):
    """One program, and how it is explored."""

    program: str
    orders: str
    faults: int = 0


def jobs() -> Iterator[Job]:
    """All of them."""
    same = [f"{one} | {other}" for one, other in combinations_with_replacement(ON_ONE_BLOCK, 2)]
    apart = [f"{one} | {other}+1" for one, other in combinations_with_replacement(ON_ONE_BLOCK[:-1], 2)]
    for start in STARTS:
        for pairs_, orders in ((same, "moments" if start else "ends"), ([*apart, *FURTHER], "ends")):
            for pair in pairs_:
                one, other = pair.split(" | ")
                yield Job(f"{start}{pair}", "moments")
                yield Job(f"{start}{one}! | {other}", orders)
                yield Job(f"{start}{one} | {other}!", orders)
                yield Job(f"{start}{pair}", orders, 1)


class Row(NamedTuple):
    """What one program showed."""

    job: Job
    verdict: str
    runs: int
    repeats: int
    crashes: int
    images: int
    failure: str | None
    path: Path | None
    """Of the failure's file."""
    seconds: float

    @property
    def is_exhausted(self) -> bool:
        return self.verdict == "exhausted"

    def __str__(self) -> str:
        how = f"{self.job.orders:7} {self.job.faults} fault{'s' * (self.job.faults != 1):1}"
        seen = f"{self.runs:7} runs {self.repeats:6} repeats {self.crashes:5} crashes {self.images:6} images"
        return f"{self.job.program:24} {how}  {seen} {self.seconds:7.1f} s  {self.verdict}{self._told()}"

    def _told(self) -> str:
        return f": {self.failure} [{self.path}]" if self.failure else ""


@dataclass
class PairsSummary(SoFar):
    """How far the search came."""

    total: int
    rows: list[Row] = field(default_factory=list)

    @property
    def failed(self) -> list[Row]:
        """Programs that broke a promise."""
        return [row for row in self.rows if row.failure]

    @property
    def verdict(self) -> str:
        """What the search may claim."""
        done = sum(row.is_exhausted for row in self.rows)
        if done == self.total:
            return f"exhausted: all {self.total} programs"
        return f"cut: {done} of {self.total} programs exhausted"

    def as_json(self) -> dict[str, Any]:
        rows = [row._asdict() | row.job._asdict() | {"path": row.path and str(row.path)} for row in self.rows]
        return {"verdict": self.verdict, "seconds": round(self.seconds, 1), "rows": rows}

    def __str__(self) -> str:
        runs, images = (sum(getattr(row, what) for row in self.rows) for what in ("runs", "images"))
        lines = [
            f"{self.verdict}, {runs} runs and {images} crash images in {self.seconds:.1f} s, {len(self.failed)} failed"
        ]
        lines += [f"not exhausted: {row}" for row in self.rows if not row.is_exhausted]
        return self.told(lines)


def pairs(
    subject: Subject,
    folder: Path,
    *,
    limit: int = 100_000,
    budget: Budget | None = None,
    processes: int = 1,
    only: Callable[[Job], bool] = lambda _: True,
    progress: Callable[[Row], object] = lambda _: None,
) -> PairsSummary:
    """Explore every pair of requests.

    Args:
        subject: a driver; its name must lead to it in any process, if there are several.
        folder: where failures are written.
        limit: runs of each program.
        budget: seconds, if it may not take its time.
        only: which programs.
        progress: is told each row as it comes.
    """
    todo = [job for job in jobs() if only(job)]
    summary = PairsSummary(len(todo))

    def take(row: Row) -> None:
        summary.rows.append(row)
        progress(row)

    work = partial(_row, subject.name, folder, limit, subject=subject if processes == 1 else None)
    search(work, iter(todo), take, summary, budget=budget or Budget(), processes=processes)
    summary.rows.sort(key=lambda row: todo.index(row.job))
    return summary


def _row(name: str, folder: Path, limit: int, job: Job, *, subject: Subject | None = None) -> Row:
    clock = Budget()
    subject = subject or find(name)
    found = interleave(subject, job.program, orders=job.orders, faults=job.faults, limit=limit)
    explored, crashes = found.exploration, found.crashes
    if explored.was_interrupted:
        raise KeyboardInterrupt  # the whole search is meant: a row says how far its program went by itself
    failure, path = _saved(found, folder)
    seen = len(crashes.spaces), crashes.images
    return Row(job, found.verdict, explored.runs, explored.repeats, *seen, failure, path, round(clock.spent, 1))


def _saved(found: Interleaving, folder: Path) -> tuple[str | None, Path | None]:
    """The failure, and the file that replays it."""
    if found.failed is None:
        return None, None
    outcome = found.failed.run(ReplayTape(found.tape))
    return outcome.failure, save_artifact(of_outcome(found.failed, None, outcome), folder)
