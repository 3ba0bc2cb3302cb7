"""Small asyncio programs on three simulators: the same coroutines, each run as its simulator's users run it.

::

    python -m benchmarks.work.schedules (faults | simloop | simloom) (three | ring) RUNS

Runs on any Python from 3.11 on and imports only the simulator that was asked for: peers live in virtual
environments without aiovdi. A run that made no choice, or left a task behind, is an error.
"""

import asyncio
import json
import sys
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any, TypeAlias

from benchmarks.work.clock import core_seconds

__all__ = ["PROGRAMS", "SIMULATORS", "main"]

Program: TypeAlias = Callable[[], Coroutine[Any, Any, None]]

TASKS = 3
AWAITS = 3
RING = 100
ROUNDS = 20


async def three() -> None:
    """Three tasks of three awaits each."""
    for task in [asyncio.ensure_future(_awaiting()) for _ in range(TASKS)]:
        await task


async def _awaiting() -> None:
    for _ in range(AWAITS):
        await asyncio.sleep(0)


async def ring() -> None:
    """A hundred tasks in a ring, each woken by the one before it, twenty times around."""
    loop = asyncio.get_running_loop()
    turns = [loop.create_future() for _ in range(RING)]
    tasks = [asyncio.ensure_future(_passing_on(turns, place)) for place in range(RING)]
    turns[0].set_result(None)
    for task in tasks:
        await task


async def _passing_on(turns: list[asyncio.Future[None]], place: int) -> None:
    for _ in range(ROUNDS):
        await turns[place]
        turns[place] = turns[place].get_loop().create_future()
        turns[(place + 1) % RING].set_result(None)


PROGRAMS: dict[str, tuple[Program, int]] = {"three": (three, 1), "ring": (ring, RING * ROUNDS)}
"""Each with the units of work in one run."""


def on_faults(program: Program, runs: int) -> int:
    """Returns how many choices were recorded."""
    from faults.simulation.loop import SimLoop  # noqa: PLC0415  (each simulator only where it is asked for)
    from faults.simulation.tape import ExploringTape  # noqa: PLC0415

    choices = 0
    for seed in range(runs):
        tape = ExploringTape(seed)
        loop = SimLoop(tape)
        loop.run_until_complete(program())
        loop.close()
        choices += len(tape.draws)
    return choices


def on_simloop(program: Program, runs: int) -> int:
    import simloop  # noqa: PLC0415

    report = simloop.explore(program, range(runs))
    assert report is None, report
    return runs


def on_simloom(program: Program, runs: int) -> int:
    import simloom  # noqa: PLC0415

    return sum(len(simloom.run(program, seed=seed).tape) for seed in range(runs))


SIMULATORS = {"faults": on_faults, "simloop": on_simloop, "simloom": on_simloom}


def main(simulator: str, program: str, runs: str) -> dict[str, float]:
    """Work in so many runs, after a few that do not count: units of work a second, and seconds a unit."""
    work, units = PROGRAMS[program]
    explore = partial(SIMULATORS[simulator], work)
    explore(max(1, int(runs) // 10))
    began = core_seconds()
    choices = explore(int(runs))
    seconds = core_seconds() - began
    assert choices, f"{simulator} chose nothing"
    done = units * int(runs)
    return {"rate": done / seconds, "time": seconds / done}


if __name__ == "__main__":
    print(json.dumps(main(*sys.argv[1:])))
