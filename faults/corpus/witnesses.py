"""For each bug the smallest run that shows it, kept as data: ``variants/witnesses/NAME.json`` is a recorded tape.

A witness replays while its draws still make sense. When the harness has changed so much that one no
longer shows its bug, it is found and shrunk again::

    python -m faults.corpus.witnesses            # those that no longer show their bug
    python -m faults.corpus.witnesses NAME …     # these

Where a search of the default profile takes long, ``HINTS`` narrow this one: some draws are fixed while
it explores. The witness replays without them, and no search that is measured knows them.
"""

import sys
from collections import Counter
from collections.abc import Mapping
from functools import partial
from pathlib import Path

from faults.corpus.catalogue import BUDGETS, BUGS, Bug, bug
from faults.failures.shrink import shrink
from faults.runs.run import Outcome, run
from faults.simulation.tape import ExploringTape, Pick, ReplayTape, dump, load

__all__ = ["FOLDER", "HINTS", "refind", "replay", "shows"]

FOLDER = Path(__file__).parent / "variants" / "witnesses"

_ONLY_BMAP_WRITES = {"storm": (1,), "storm.only": (4,)}
_ONLY_FLUSHES = {"storm": (1,), "storm.only": (0,)}
"""What ``storm.Storm`` draws first."""

HINTS: dict[str, Mapping[str, tuple[int, ...]]] = {
    "acknowledged-after-failed-flush": {**_ONLY_FLUSHES, "fail.pages": (2,)},
    "flush-joins-running": {"storm": (0,), "end": (1,)},
    "stale-pages": {**_ONLY_FLUSHES, "fail.pages": (1,), "sessions": (2,)},
    "unsettled-left": {**_ONLY_BMAP_WRITES, "fail.effect": (2,)},
}
"""For each bug: labels, and what their draws give, one after the other and over again."""


class _HintedTape(ExploringTape):
    def __init__(self, seed: str, hints: Mapping[str, tuple[int, ...]]) -> None:
        super().__init__(seed)
        self._hints = hints
        self._drawn: Counter[str] = Counter()

    def _choose(self, label: str, outcomes: int, pick: Pick | None) -> int:
        values = self._hints.get(label)
        if values is None:
            return super()._choose(label, outcomes, pick)
        self._drawn[label] += 1
        return min(values[(self._drawn[label] - 1) % len(values)], outcomes - 1)


def replay(row: Bug) -> Outcome:
    """Run the witness of ``row`` again. Raises OSError: it has none."""
    text = (FOLDER / f"{row.name}.json").read_text(encoding="ascii")
    return run(row.target(), ReplayTape(load(text)))


def shows(row: Bug) -> bool:
    """Whether ``row`` has a witness, and that still shows the bug."""
    try:
        outcome = replay(row)
    except FileNotFoundError:
        return False
    return _is_shown(row, outcome)


def refind(row: Bug, *, budget: int | None = None, folder: Path = FOLDER) -> str | None:
    """Search, shrink, and keep the smallest run. Returns what it shows, or None: not found within ``budget`` runs."""
    target = row.target()
    for number in range(budget or BUDGETS[row.difficulty]):
        outcome = run(target, _HintedTape(f"0/{number}", HINTS.get(row.name, {})))
        if _is_shown(row, outcome):
            least = shrink(partial(run, target), outcome.draws, outcome.kind)
            folder.mkdir(exist_ok=True)
            (folder / f"{row.name}.json").write_text(dump(least.outcome.draws) + "\n", encoding="ascii")
            return f"{number + 1} runs, then {least.case}: {least.outcome.failure}"
    return None


def _is_shown(row: Bug, outcome: Outcome) -> bool:
    return outcome.failure is not None and outcome.kind in row.kinds


def _main(names: list[str]) -> None:
    wanted = [bug(name) for name in names] or [row for row in BUGS if row.kinds]
    for row in wanted:
        if names or not shows(row):
            sys.stdout.write(f"{row.name}: {refind(row) or 'not found'}\n")
            sys.stdout.flush()


if __name__ == "__main__":
    _main(sys.argv[1:])
