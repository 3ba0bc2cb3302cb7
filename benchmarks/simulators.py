"""The sides of the rows that compare event loops: ours, and the other deterministic loops for asyncio."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from functools import partial

from benchmarks.newer import NEWER_PYTHON, Package, find_python
from benchmarks.row import Bar, Figures, Measure, Run, Side
from benchmarks.scratch import Scratch, Unavailable
from benchmarks.worker import ask, working

__all__ = ["ours", "peers"]

SIMLOOP = Package("simloop", "0.2.2")
SIMLOOM = Package("simloom", "0.5.0")


def ours(program: str, *, runs: int) -> tuple[Side, ...]:
    """``faults`` on this Python, and for information on the one that the peers run on."""
    words = ("schedules", "faults", program, runs)
    return (
        Side("faults", partial(working, words=words)),
        Side("faults, on the peers' Python", partial(_on_newer, words=words), needs=(NEWER_PYTHON,), judged=False),
    )


def peers(program: str, *, runs: int, bars: Mapping[str, Bar]) -> tuple[Side, ...]:
    """Each through its own interface for users, with its defaults."""
    return tuple(
        Side(f"{each.name} {each.pinned}", _on_peer(each, program, runs), needs=(each,), bars=bars)
        for each in (SIMLOOP, SIMLOOM)
    )


@asynccontextmanager
async def _on_newer(scratch: Scratch, *, words: tuple[object, ...]) -> AsyncIterator[Measure]:  # noqa: ARG001
    found = find_python()
    if found is None:
        raise Unavailable("no Python 3.12 or newer on the search path")

    async def measure() -> Figures:
        return await ask(str(words[0]), *words[1:], python=found[0])

    yield measure


def _on_peer(package: Package, program: str, runs: int) -> Run:
    @asynccontextmanager
    async def run(scratch: Scratch) -> AsyncIterator[Measure]:
        python = await package.python(scratch)

        async def measure() -> Figures:
            return await ask("schedules", package.name, program, runs, python=python)

        yield measure

    return run
