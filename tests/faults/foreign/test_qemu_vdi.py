"""The three losses of QEMU's VDI driver, each as the smallest course of events that shows it.

The search finds them with nothing written by hand (``python -m faults foreign qemu-vdi``). Here each is
written down, so that it is seen at once when a QEMU keeps the data: then the test is skipped, and
``docs/findings.md`` has something to add.
"""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from faults.budget import Budget
from faults.foreign.drivers import Driver
from faults.foreign.judging import judge, survive
from faults.foreign.search import Search
from faults.foreign.session import Life, Session
from faults.foreign.weather import Weather
from faults.foreign.world import World
from faults.oracle import Violation
from faults.tape import Draw, ReplayTape
from faults.workload import Request, Workload

MiB = 1 << 20
FIRST_DATA_FAILS = [Draw("storm", 3, 1), Draw("storm.only", 5, 0), Draw("storm.nth", 6, 0)]


def loss(driver: Driver, place: Path, end: str, workload: Workload, *draws: Draw, life: Life = Life()) -> str:  # noqa: B008
    """What was lost, with the kind before it; skips the test if nothing was."""
    tape = ReplayTape(draws)
    world = World(driver, tape, place)

    async def go() -> None:
        session = Session(world)
        try:
            await session.open()
            await session.use(workload, Weather(tape, driver.rules.regions), life)
            if end == "close":
                await session.close()
        finally:
            session.kill()
        survive(world, end)
        await judge(world, end)

    try:
        asyncio.run(go())
    except Violation as violation:
        return f"{world.outcome.kind}: {violation}"
    return pytest.skip("this QEMU keeps the data")


def test_o_to_p_a_retried_write_is_acknowledged_flushed_and_gone(qemu: Callable[[str], Driver], place: Path) -> None:
    """A0  allocates the block in memory; its data fails once with EIO; A is told so
    A1  writes in place, since the block seems to be allocated: acknowledged
    A2  flush: acknowledged. The bmap entry was never written, and nobody will."""
    client = [Request("A0", "write", 0, 512), Request("A1", "write", 0, 512), Request("A2", "flush")]
    found = loss(qemu("vdi"), place, "close", [client], *FIRST_DATA_FAILS)
    assert found.startswith("lost after fault")
    assert "sector 0 holds zeros" in found


def test_q_a_flush_is_acknowledged_while_the_entry_is_in_flight(qemu: Callable[[str], Driver], place: Path) -> None:
    """A0  allocates; its header write is under way -------------------- kill -9
    B0                 writes in place: acknowledged
    B1                                               flush: acknowledged"""
    workload = [[Request("A0", "write", 0, 512)], [Request("B0", "write", 512, 512), Request("B1", "flush")]]
    held = Draw("next write header 512@0 #1", 32, 31)
    found = loss(qemu("vdi"), place, "kill", workload, held, life=Life(flushes=1))
    assert found.startswith("lost after kill")
    assert "sector 1 holds zeros, expected B0" in found


def test_r1_the_count_is_overtaken_with_no_fault_and_no_crash(qemu: Callable[[str], Driver], place: Path) -> None:
    """A0  takes slot 0; its header write (1) is under way ------- ends last
    B0                       takes slot 1; header (2); bmap"""
    workload = [[Request("A0", "write", 0, 512)], [Request("B0", "write", MiB, 512)]]
    overtaken = Draw("next write header 512@0 #1", 32, 31)
    found = loss(qemu("vdi"), place, "close", workload, overtaken)
    assert found.startswith("count after nothing")
    assert "share slot 1" in found


def test_a_search_finds_a_loss_by_itself(qemu: Callable[[str], Driver], tmp_path: Path) -> None:
    search = Search(qemu("vdi"), tmp_path)
    for base in range(0, 240, 4):
        summary = search.run(Budget(4), base=base)
        if summary.groups:
            break
    else:
        pytest.skip("240 runs found nothing in this QEMU")
    assert summary.part.unlike == []
    assert all(group.path.is_file() for group in summary.groups.values())
