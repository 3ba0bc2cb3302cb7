"""What a search has seen: counts of many runs, the ways of failing, what met what."""

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from faults.foreign.world import ForeignOutcome
from faults.search.coverage import Coverage
from faults.search.search import SoFar
from faults.simulation.tape import Draw

__all__ = ["Failed", "Group", "Part", "Summary"]

NBD_FAULTS = ("EIO", "ENOSPC", "power", "kill")
"""What can happen to an I/O here. There are no short ones over NBD."""


class Group(NamedTuple):
    """The failures of one kind."""

    kind: str
    failure: str
    seed: int
    """Of the first."""
    runs: int
    """When it was found."""
    seconds: float
    path: Path
    """Of the artifact of the first, reduced."""


class Failed(NamedTuple):
    """A run that failed, as one process tells another."""

    seed: int
    kind: str
    draws: list[Draw]


@dataclass
class Part:
    """What a few runs have shown."""

    runs: int = 0
    steps: int = 0
    injected: int = 0
    images: int = 0
    checked: int = 0
    """Runs that were made twice."""
    unlike: list[int] = field(default_factory=list)
    """Seeds that ran differently the second time."""
    late: int = 0
    """Times when something came of a driver that was taken to be quiet, in the runs that were made twice."""
    failed: list[Failed] = field(default_factory=list)
    coverage: Coverage = field(default_factory=Coverage)

    def take(self, seed: int, outcome: ForeignOutcome) -> None:
        """One run more."""
        self.runs += 1
        self.steps += outcome.steps
        self.injected += outcome.injected
        self.images += outcome.images
        self.coverage.count(outcome.trace)
        if outcome.failure is not None:
            self.failed.append(Failed(seed, outcome.kind, outcome.draws))

    def __iadd__(self, other: "Part") -> "Part":
        for name in ("runs", "steps", "injected", "images", "checked", "late"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.unlike += other.unlike
        self.coverage += other.coverage
        return self


@dataclass
class Summary(SoFar):
    """A search so far."""

    name: str
    part: Part = field(default_factory=Part)
    kinds: Counter[str] = field(default_factory=Counter)
    """Failures by kind, as they were met."""
    groups: dict[str, Group] = field(default_factory=dict)
    """By kind, reduced."""

    @property
    def doubts(self) -> str:
        """What the search found of itself."""
        part = self.part
        alike = "all alike" if not part.unlike else f"UNLIKE: seeds {sorted(set(part.unlike))}"
        late = "never late" if not part.late else f"LATE {part.late} times"
        return f"{part.checked} runs made twice, with more probes: {alike}, the driver was {late}"

    def __str__(self) -> str:
        part = self.part
        rate = f"{part.runs / self.seconds:.1f}/s" if self.seconds else "-"
        ordered = f"{part.steps} events ordered, {part.injected} faults, {part.images} ends"
        failed = sum(self.kinds.values())
        lines = [
            f"{self.name}: {part.runs} runs in {self.seconds:.0f} s ({rate}), {ordered}, {failed} runs failed",
            self.doubts,
            *_covered(part.coverage),
            *(f"  {number:5} {kind}" for kind, number in sorted(self.kinds.items())),
            *(f"found: {_told(group)}" for group in sorted(self.groups.values(), key=lambda each: each.runs)),
        ]
        return self.told(lines + ["found: nothing"] * (not self.groups))


def _told(group: Group) -> str:
    return f"{group.kind}, seed {group.seed}, after {group.runs} runs, {group.seconds:.1f} s [{group.path}]"


def _covered(coverage: Coverage) -> list[str]:
    """Which faults met which I/Os while requests were served, and which never did."""
    fired = {cell: number for cell, number in coverage.cells.items() if cell.phase == "serving"}
    told = ", ".join(f"{cell.fault} × {cell.operation} {number}" for cell, number in sorted(fired.items()))
    never = [
        f"{cell.fault} × {cell.operation}"
        for cell in coverage.missing()
        if cell.fault in NBD_FAULTS and cell.phase == "serving"
    ]
    return [f"covered: {told or 'nothing'}", f"never: {', '.join(never) or 'nothing that could have been'}"]
