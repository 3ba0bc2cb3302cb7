"""Rows whose sides answer what the test says, so that the harness has something to be right about."""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest

from benchmarks.row import Bar, Figures, Measure, Metric, Row, Run, Side
from benchmarks.scratch import Scratch

TIME = Metric("time", unit="s", better="less")
RATE = Metric("rate", unit="reads/s", better="more")


@dataclass
class Script:
    """Makes sides that give scripted answers, and keeps a diary of what the harness did with them."""

    diary: list[str] = field(default_factory=list)

    def answering(self, name: str, answers: Sequence[Figures | Exception]) -> Run:
        """Gives one answer a turn, in order; an exception is raised instead."""

        @asynccontextmanager
        async def run(scratch: Scratch) -> AsyncIterator[Measure]:
            remaining = iter(answers)

            async def measure() -> Figures:
                self.diary.append(name)
                answer = next(remaining)
                if isinstance(answer, Exception):
                    raise answer
                return answer

            self.diary.append(f"set up {name}")
            try:
                yield measure
            finally:
                self.diary.append(f"tear down {name}")

        return run

    def side(self, name: str, *answers: Figures | Exception, bars: Mapping[str, Bar] | None = None) -> Side:
        return Side(name, self.answering(name, answers), bars=bars or {})

    def row(self, ours: Sequence[Side], peers: Sequence[Side], **settings: object) -> Row:
        """A row in time and rate. Each side must have an answer for every turn, the warm-up's too."""
        about = "Which of the two?\n\nBoth answer by heart.\n"
        return Row("benchmarks.rows.by_heart", about, (TIME, RATE), tuple(ours), tuple(peers), **settings)  # type: ignore[arg-type]


@pytest.fixture
def script() -> Script:
    return Script()


@pytest.fixture
def pair(script: Script) -> Callable[..., Row]:
    """``pair(ours, theirs, floor=…, aim=…)``: two sides that differ in time, without a warm-up."""

    def make(ours: Sequence[float], theirs: Sequence[float], *, floor: float = 1, aim: float = 2) -> Row:
        return script.row(
            [script.side("ours", *({"time": value} for value in ours))],
            [script.side("theirs", *({"time": value} for value in theirs), bars={"time": Bar(floor, aim)})],
            rounds=len(ours),
            warm_up=False,
        )

    return make
