"""An I/O that a test holds does not end before it is released, and the rest of the world goes on."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from faults.simulation.device import Device
from faults.simulation.loop import Deadlock, SimLoop
from faults.simulation.plan import NoFaults
from faults.simulation.storage import SimStorage
from faults.simulation.tape import ExploringTape
from faults.simulation.trace import Trace
from faults.vdi import VDI


def simulate(body: Callable[[SimStorage, SimLoop], Coroutine[Any, Any, Any]], content: bytes, seed: int = 1) -> Any:
    loop = SimLoop(tape := ExploringTape(seed))
    storage = SimStorage(Device.holding(content), loop, tape, NoFaults(), Trace(tape), region=VDI().region, cached=True)
    return loop.run_until_complete(body(storage, loop))


@pytest.mark.parametrize("seed", range(20))
def test_a_held_write_ends_after_everything_else_and_only_when_released(seed: int) -> None:
    #   one    write issued ─ held ........................ released ─ ends
    #   other               write issued ─ ends ─ flush ─ ends
    async def body(storage: SimStorage, loop: SimLoop) -> list[str]:
        ended: list[str] = []

        async def write(name: str) -> None:
            await storage.pwrite_some(memoryview(name.encode()), 0)
            ended.append(name)

        hold = storage.hold("event=write")
        one = loop.create_task(write("1"))
        io = await hold.reached()
        assert io.number in storage.under_way
        await write("2")
        await storage.flush()
        assert ended == ["2"]
        hold.release()
        hold.release()
        await one
        assert storage.device.read(0, 1) == b"1"
        return ended

    assert simulate(body, bytes(512), seed) == ["2", "1"]


def test_the_nth_that_matches_is_held() -> None:
    async def body(storage: SimStorage, loop: SimLoop) -> int:
        hold = storage.hold("event=write nth=3")
        for _ in range(2):
            await storage.pwrite_some(memoryview(b"x"), 0)
        await storage.flush()
        third = loop.create_task(storage.pwrite_some(memoryview(b"x"), 0))
        io = await hold.reached()
        hold.release()
        await third
        return io.number

    assert simulate(body, bytes(512)) == 4


def test_what_is_never_released_is_a_deadlock_and_no_hang() -> None:
    async def body(storage: SimStorage, loop: SimLoop) -> None:
        storage.hold("event=flush")
        await storage.flush()

    with pytest.raises(Deadlock):
        simulate(body, bytes(512))


def test_what_has_not_arrived_cannot_be_released() -> None:
    async def body(storage: SimStorage, loop: SimLoop) -> None:
        storage.hold("event=flush").release()

    with pytest.raises(RuntimeError, match="no I/O has matched flush"):
        simulate(body, bytes(512))


def test_bug_1b_of_the_report_by_hand_a_second_writer_waits_for_the_entry_of_the_first() -> None:
    #   first   data ─ entry issued ─ held .................. released ─ acknowledged
    #   second                            write to the block ............ acknowledged
    async def body(storage: SimStorage, loop: SimLoop) -> None:
        disk = await VDI().open(storage)
        hold = storage.hold("event=write:bmap")
        first = asyncio.create_task(disk.pwrite(b"1" * 512, 0))
        await hold.reached()
        second = asyncio.create_task(disk.pwrite(b"2" * 512, 512))
        await asyncio.sleep(1)
        assert not first.done()
        assert not second.done()
        hold.release()
        await asyncio.gather(first, second)
        await disk.close()

    simulate(body, VDI().blank())
