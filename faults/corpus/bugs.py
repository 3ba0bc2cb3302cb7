"""The corpus as a benchmark of the harness: how many runs until each bug is found, and how small it becomes.

Rule 1: a search has no hint: the default profile, and seeds that are counted from the first.
Rule 2: an equivalent that is reported is as bad as a bug that is not found.
"""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from typing import Any

from faults.corpus.catalogue import BUDGETS, BUGS, Found, bug, find
from faults.corpus.estimate import estimate
from faults.failures.shrink import Case, shrink
from faults.search.budget import Budget
from faults.search.search import SoFar, search
from faults.search.subject import BUG
from faults.search.subject import find as subject_of

__all__ = ["Row", "Table", "bugs", "line"]

EQUIVALENT = "equivalent"
HEAD = ("bug", "source", "runs to find it", "smallest case", "s", "")
WIDTHS = (32, 24, 20, 32, 6, 0)


@dataclass(frozen=True)
class Row:
    """What the harness made of one bug."""

    name: str
    source: str
    difficulty: str
    runs: str
    """Median and 95 % interval of the runs until it was found."""
    searches: int
    found: int
    """Searches that found it."""
    case: Case | None
    """Of the smallest run."""
    failure: str
    seconds: float
    """For all of it."""

    @property
    def is_right(self) -> bool:
        """Every search found the bug; or none, where there is none."""
        return self.found == (0 if self.difficulty == EQUIVALENT else self.searches)

    def as_json(self) -> dict[str, Any]:
        return asdict(self) | {"is_right": self.is_right}


@dataclass
class Table(SoFar):
    """The rows so far, in the order in which they were asked for."""

    rows: list[Row] = field(default_factory=list)


def bugs(
    names: Sequence[str],
    *,
    searches: int = 3,
    budget: int | None = None,
    processes: int = 1,
    progress: Callable[[Row], object] = lambda _: None,
) -> Table:
    """Search for each of ``names`` (none: for all), ``searches`` times with other seeds.

    Args:
        budget: runs for each search; None: what the corpus says.
        progress: is told each row as it comes.

    Raises:
        ValueError: there is no bug of this name.
    """
    wanted = [bug(name).name for name in names] or [each.name for each in BUGS]
    table = Table()

    def take(row: Row) -> None:
        table.rows.append(row)
        progress(row)

    search(partial(_row, searches, budget), iter(wanted), take, table, budget=Budget(), processes=processes)
    table.rows.sort(key=lambda row: wanted.index(row.name))
    return table


def line(row: Row | None = None) -> str:
    """A row of the table; None: its head. The widths are fixed, so that rows can be told as they come."""
    words = HEAD
    if row is not None:
        words = (row.name, row.source, row.runs, _case(row), f"{row.seconds:.1f}", _mark(row))
    return "  ".join(map(str.ljust, words, WIDTHS)).rstrip()


def _row(searches: int, budget: int | None, name: str) -> Row:
    """All searches for one bug, and the first of those it was found by shrunk."""
    row, clock = bug(name), Budget()
    limit = budget or BUDGETS[row.difficulty]
    ended = [find(row, seed, limit) for seed in range(searches)]
    first = next((each for each in ended if each), None)
    case = _smallest(name, first) if first else None
    return Row(
        name,
        row.source,
        row.difficulty,
        str(estimate([each and each.runs for each in ended], limit)),
        searches,
        sum(each is not None for each in ended),
        case,
        (first.outcome.failure or "") if first else "",
        round(clock.spent, 2),
    )


def _smallest(name: str, found: Found) -> Case:
    return shrink(subject_of(f"{BUG}{name}").run, found.outcome.draws, found.outcome.kind).case


def _case(row: Row) -> str:
    if row.case is None:
        return "none, and there is none" if row.difficulty == EQUIVALENT else "-"
    return f"{row.case.operations} op, {row.case.deviations} dev, {row.case.faults} fault, {row.case.torn} torn"


def _mark(row: Row) -> str:
    if row.is_right:
        return "ok"
    return "REPORTED, and is none" if row.difficulty == EQUIVALENT else f"MISSED {row.searches - row.found}"
