"""The table of bugs: what the harness must find, what it must not report, and how it is measured.

A *bug* is a target with a name, a source, and the kinds of failure by which it may show. ``canary`` must
be found within very few runs of any search, ``easy`` and ``hard`` within their budgets, and an
``equivalent`` never: it looks like a bug and is none under the device model. A bug is ``hard`` where two
things have to coincide that are drawn apart: a fault, a cancel or a crash at one moment, and then a request,
another session or a close that meets what it has left. One of them, or requests that meet, is ``easy``.

Nothing here gives a search a hint. The profile is the default one, and the seeds are 0, 1, 2 …
"""

import inspect
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

from aiovdi.driver.disk import Disk
from faults.corpus.estimate import Estimate, estimate
from faults.corpus.machine2011 import DEFECTS, Machine2011
from faults.corpus.variants import closing, entries, equivalent, flushes, transfers, windows
from faults.runs.run import Outcome, run
from faults.runs.workload import Profile
from faults.simulation.tape import ExploringTape
from faults.target import Target
from faults.vdi import VDI

__all__ = [
    "BUDGETS",
    "BUGS",
    "NOT_APPLICABLE_YET",
    "Bug",
    "Found",
    "bug",
    "find",
    "name_of",
    "runs_to_find",
    "WAITING",
    "targets",
]

BUDGETS = {"canary": 10, "easy": 1_000, "hard": 20_000, "equivalent": 1_000}
"""Runs within which a search must have found a bug of this difficulty, or must not have reported it."""

REPORT = "2011 report"
QEMU = "QEMU today"
HERE = "found in this driver"
FIELD = "known from other drivers"
MODEL = "device model"


@dataclass(frozen=True)
class Bug:
    """One row of the table."""

    name: str
    source: str
    target: Callable[[], Target]
    difficulty: str
    """``canary``, ``easy``, ``hard`` or ``equivalent``."""
    kinds: tuple[str, ...]
    """Of failure, any of which shows it. Empty: none may show."""
    paragraph: str
    """What is lost, and which step is broken."""
    waits_for: str = ""
    """What the harness lacks to find it, where it is not found yet."""


class Found(NamedTuple):
    """The end of one search."""

    runs: int
    tape: str
    """Seed of the tape that shows the bug."""
    outcome: Outcome


LOST = ("violation",)
STRUCTURE = ("structure",)
BOTH = ("violation", "structure")


def name_of(disk: type[Disk]) -> str:
    """The bug that a variant is: ``FlushRetried`` is ``flush-retried``."""
    return "".join(f"-{letter.lower()}" if letter.isupper() else letter for letter in disk.__name__).lstrip("-")


def _row(
    disk: type[Disk],
    source: str,
    difficulty: str,
    kinds: tuple[str, ...],
    *,
    waits_for: str = "",
) -> Bug:
    name = name_of(disk)
    return Bug(name, source, partial(VDI, disk, name=name), difficulty, kinds, inspect.getdoc(disk) or "", waits_for)


def _report(defect: str, name: str, kinds: tuple[str, ...]) -> Bug:
    return Bug(f"{defect}-{name}", REPORT, partial(Machine2011, defect), "easy", kinds, DEFECTS[defect])


_ANY = ("violation", "structure", "leak", "loose end", "late", "crashed", "spurious", "cancelled", "unexpected")
BUGS: tuple[Bug, ...] = (
    _row(transfers.Canary, "the harness", "canary", LOST),
    _report("1a", "no-roll-back", BOTH),
    _report("1b", "entry-in-flight", BOTH),
    _report("2", "failure-as-success", BOTH),
    _report("3a", "buffers-not-freed", ("leak",)),
    _report("3b", "bottom-half-not-cancelled", _ANY),
    _report("3c", "stale-bottom-half", ("spurious",)),
    _row(entries.EntryPublishedEarly, f"{REPORT}, 1a", "hard", BOTH),
    _row(entries.SecondWriterDoesNotWait, f"{REPORT}, 1b", "easy", BOTH),
    _row(entries.FailedPartSwallowed, f"{REPORT}, 2", "easy", LOST),
    _row(entries.NoSecondLook, FIELD, "easy", BOTH),
    _row(entries.LockLeaked, FIELD, "easy", ("leak", "crashed")),
    _row(entries.PaddedOverNewer, "QEMU f0ab6f1096", "easy", BOTH),
    _row(entries.AcknowledgedBeforeEntry, FIELD, "easy", _ANY),
    _row(entries.CancelledCommitForgotten, FIELD, "hard", _ANY),
    _row(entries.BmapOvertaken, f"{QEMU}, R1", "easy", _ANY),
    _row(windows.CountOvertaken, f"{QEMU}, R1", "easy", STRUCTURE),
    _row(windows.CountNotFlushed, f"{QEMU}, R4", "easy", STRUCTURE),
    _row(windows.CountBelowMap, FIELD, "easy", STRUCTURE),
    _row(windows.SlotPastEnd, FIELD, "hard", STRUCTURE),
    _row(windows.StaleTail, FIELD, "hard", LOST),
    _row(windows.DirtyAsClean, FIELD, "hard", BOTH),
    _row(windows.DoubtfulAsClean, FIELD, "hard", BOTH),
    _row(windows.MapNotScanned, FIELD, "easy", BOTH),
    _row(windows.ScrubByDiscard, FIELD, "easy", BOTH),
    _row(flushes.AcknowledgedAfterFailedFlush, HERE, "hard", BOTH),
    _row(flushes.UnsettledLeft, FIELD, "hard", _ANY),
    _row(flushes.FlushJoinsRunning, FIELD, "hard", BOTH),
    _row(flushes.FlushBesideFua, HERE, "hard", BOTH),
    _row(flushes.FlushNotForwarded, QEMU, "easy", BOTH),
    _row(flushes.FlushRetried, "PostgreSQL 2018", "hard", BOTH),
    _row(flushes.FuaSkipsEntry, FIELD, "hard", BOTH),
    _row(flushes.NoPrologueFlush, FIELD, "hard", BOTH),
    _row(flushes.StalePages, FIELD, "hard", BOTH),
    _row(transfers.ShortReadAsZeros, FIELD, "easy", LOST),
    _row(transfers.ShortWriteNotResumed, FIELD, "easy", LOST),
    _row(transfers.CancelledWriteLandsLate, FIELD, "hard", _ANY),
    _row(transfers.SiblingsLeftBehind, FIELD, "hard", _ANY),
    _row(transfers.NeighboursTouched, FIELD, "easy", LOST),
    _row(transfers.ZeroByDiscard, FIELD, "easy", LOST),
    _row(closing.CloseDoesNotWait, FIELD, "easy", _ANY),
    _row(closing.CloseRacesPrologue, HERE, "hard", _ANY),
    _row(closing.CloseRacesWindow, FIELD, "easy", _ANY),
    _row(closing.CloseOverDoubt, FIELD, "hard", STRUCTURE),
    _row(closing.NothingIsClosed, FIELD, "easy", BOTH),
    _row(equivalent.PaddedUnderLock, MODEL, "equivalent", ()),
    _row(equivalent.EntryBesideData, MODEL, "equivalent", ()),
    _row(equivalent.SettledIsDirty, MODEL, "equivalent", ()),
    _row(equivalent.HighestSlotFirst, MODEL, "equivalent", ()),
    _row(equivalent.NoFirstFlush, MODEL, "equivalent", ()),
    _row(equivalent.NoPins, MODEL, "equivalent", ()),
)

WAITING: tuple[Bug, ...] = (
    _row(
        closing.CutBeforeFlush,
        FIELD,
        "hard",
        BOTH,
        waits_for="luck: an entry in doubt in the highest slot, a close, and before its last flush a power loss that "
        "keeps the new length and the entry, and not what took it back: one run in 12,000",
    ),
)
"""Bugs that the default profile does not find yet, and what it lacks. When it can, they move up."""

NOT_APPLICABLE_YET = {
    "data not stable before the entry that hides a parent": "the driver has no parents",
    "a zero block recorded only in memory (VirtualBox #850)": "the driver records no zero blocks",
    "discard, then the slot used again before the map is durable": "a discard keeps the slot",
    "a slot freed while a reader or writer still holds it": "no mapped slot is freed",
    "resize crash": "the driver has no resize",
}


def bug(name: str) -> Bug:
    """The row of this name. Raises ValueError: there is none."""
    for row in (*BUGS, *WAITING):
        if row.name == name:
            return row
    raise ValueError(f"bug: found {name!r}, expected one of {', '.join(row.name for row in BUGS)}")


class _Targets:
    """``faults.corpus.catalogue:targets.NAME`` is the target of a bug, for a search in another process."""

    def __getattr__(self, name: str) -> Target:
        try:
            return bug(name).target()
        except ValueError as error:
            raise AttributeError(str(error)) from None


targets = _Targets()


def find(row: Bug, seed: int, budget: int, profile: Profile | None = None) -> Found | None:
    """Search until ``row`` shows itself, at most ``budget`` runs. Equal seeds give equal searches.

    For an equivalent any failure counts. None: it was not found.
    """
    target = row.target()
    for number in range(budget):
        tape = f"{seed}/{number}"
        outcome = run(target, ExploringTape(tape), profile)
        if outcome.failure and (not row.kinds or outcome.kind in row.kinds):
            return Found(number + 1, tape, outcome)
    return None


def runs_to_find(row: Bug, seeds: Iterable[int], budget: int | None = None, profile: Profile | None = None) -> Estimate:
    """Median number of runs to find ``row``, with its 95 % interval, over ``seeds``."""
    limit = budget or BUDGETS[row.difficulty]
    searches = [find(row, seed, limit, profile) for seed in seeds]
    return estimate([found and found.runs for found in searches], limit)
