"""A closed disk serves nobody, and whoever leaves a close leaves it whole."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from faults.judges.oracle import Violation
from faults.runs.closing import closed_or_left
from faults.runs.session import Session
from faults.runs.workload import Request
from faults.runs.world import World
from faults.simulation.loop import SimLoop
from faults.simulation.plan import NoFaults
from faults.simulation.storage import SimStorage
from faults.simulation.tape import Draw, ReplayTape
from faults.vdi import VDI

WRITE = Request("A0", "write", 0, 512)


def broken(change: Callable[[Any, SimStorage], None], *draws: Draw, early: float = 0.0) -> str:
    """The kind of failure of a session on a disk that was changed so; empty: none."""

    class Changed(VDI):
        async def open(self, storage: Any) -> Any:
            disk = await super().open(storage)
            change(disk, storage)
            return disk

    world = World(Changed(shapes=False), ReplayTape(list(draws)))
    try:
        Session(world, [[WRITE]], NoFaults(), end="close", closes_early=early).run()
    except Violation:
        return world.outcome.kind
    return ""


def serves(name: str) -> Callable[[Any, SimStorage], None]:
    async def serve(*_: object) -> bytes:
        return b""

    def change(disk: Any, _: SimStorage) -> None:
        close = disk.close

        async def closing() -> None:
            await close()
            setattr(disk, name, serve)

        disk.close = closing

    return change


@pytest.mark.parametrize("name", ["pread", "pwrite", "write_zeroes", "discard", "flush"])
def test_a_closed_disk_that_still_serves_is_found(name: str) -> None:
    assert broken(lambda disk, storage: None) == ""
    assert broken(serves(name)) == "late"


def test_a_second_close_that_does_something_is_found() -> None:
    def closes_twice(disk: Any, storage: SimStorage) -> None:
        close = disk.close

        async def closing() -> None:
            await close()
            await storage.flush()

        disk.close = closing

    assert broken(closes_twice) == "late"


def test_a_close_that_a_cancel_breaks_off_is_found() -> None:
    def breaks_off(disk: Any, storage: SimStorage) -> None:
        close = disk.close

        async def closing() -> None:
            await asyncio.shield(asyncio.ensure_future(close()))

        disk.close = closing

    left = Draw("close.cancel", 2, 1)
    assert broken(lambda disk, storage: None, left, early=0.5) == ""
    assert broken(breaks_off, left, early=0.5) == "late"


def test_the_benign_choice_is_to_wait() -> None:
    class Closed:
        async def close(self) -> None:
            await asyncio.sleep(0)

    tape = ReplayTape([])
    loop = SimLoop(tape)
    world = World(VDI(), tape)
    assert loop.run_until_complete(closed_or_left(world, loop, Closed()))  # type: ignore[arg-type]
    loop.close()
