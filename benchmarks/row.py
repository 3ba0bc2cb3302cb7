"""What a row declares. A row is one module below ``benchmarks/rows`` with one ``ROW``.

The module's docstring is part of the result: its first line is the question, the rest says what
exactly is compared (which client, which file, in which state of the cache, and what is inside the
timed region on either side).

Rule 1: a side measures itself and answers with plain figures in base units: seconds, bytes, or
something per second. Set-up that the question is not about stays outside its timed region.
Rule 2: a ratio is ours ÷ theirs where more is better, theirs ÷ ours where less is. So a ratio above
one always says that aiovdi does better.
Rule 3: bars belong to a metric and a peer. A peer without a bar, and a side of ours that is not
judged, stand there as information.
"""

from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from benchmarks.needs import Need
from benchmarks.scratch import Scratch

__all__ = ["Bar", "Figures", "Measure", "Metric", "Row", "Run", "Side"]

Figures: TypeAlias = Mapping[str, float]
"""Name of a metric to its value. A side may know less than all of its row's metrics."""

Measure: TypeAlias = Callable[[], Awaitable[Figures]]
"""One turn of one side."""

Run: TypeAlias = Callable[[Scratch], AbstractAsyncContextManager[Measure]]
"""Set-up and tear-down of a side, around its turns. Raises Unavailable where it cannot run."""


@dataclass(frozen=True)
class Metric:
    """One thing that is measured."""

    name: str
    unit: str
    """``s``, ``B``, ``B/s``, or something per second such as ``reads/s``."""
    better: Literal["more", "less"]


@dataclass(frozen=True)
class Bar:
    """What a ratio must reach, and what it should reach."""

    floor: float
    aim: float


@dataclass(frozen=True)
class Side:
    """One contestant."""

    name: str
    run: Run
    needs: tuple[Need, ...] = ()
    bars: Mapping[str, Bar] = field(default_factory=dict)
    """Of a peer: metric to bar."""
    judged: bool = True
    """Of ours: whether the bars of the peers hold for it."""

    def missing(self) -> str | None:
        """Why this side cannot run here, or None."""
        return next((reason for need in self.needs if (reason := need.missing())), None)


@dataclass(frozen=True)
class Row:
    """One question."""

    module: str
    """``__name__`` of the module that declares it."""
    about: str
    """``__doc__`` of that module."""
    metrics: tuple[Metric, ...]
    ours: tuple[Side, ...]
    peers: tuple[Side, ...]
    rounds: int = 15
    warm_up: bool = True
    """One turn each that does not count. Needless where a turn is long and each starts from a fresh image."""

    @property
    def name(self) -> str:
        return self.module.rpartition(".")[2]

    @property
    def question(self) -> str:
        return self.about.strip().splitlines()[0]

    @property
    def compared(self) -> str:
        """What exactly is compared: the docstring without its question."""
        return self.about.strip().partition("\n")[2].strip()

    @property
    def sides(self) -> tuple[Side, ...]:
        return self.ours + self.peers
