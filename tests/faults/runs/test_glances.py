"""A glance judges what a crash would leave now, and changes nothing but the run that it ends."""

import asyncio
from typing import Any

import pytest

from faults.judges.oracle import Violation
from faults.runs.glances import Glances, LossyTape, Over
from faults.runs.run import run
from faults.runs.session import Session
from faults.runs.workload import Request
from faults.runs.world import World
from faults.simulation.loop import SimLoop
from faults.simulation.plan import NoFaults
from faults.simulation.tape import Draw, ExploringTape, ReplayTape
from faults.vdi import VDI

WRITE = Request("A0", "write", 0, 512)
FLUSH = Request("A1", "flush")
POWER, KILL, ALL_LOST = Draw("crash.look", 3, 1), Draw("crash.look", 3, 2), Draw("crash.look.mode", 4, 1)


class Forgetful(VDI):
    """Its flush is none."""

    async def open(self, storage: Any) -> Any:
        disk = await super().open(storage)
        disk._flush_storage = self._nothing  # type: ignore[method-assign]
        return disk

    async def _nothing(self) -> None:
        return


def session(target: VDI, *draws: Draw) -> World:
    """One client writes and flushes, in a session that takes glances and is closed."""
    world = World(target, ReplayTape(draws))
    Session(world, [[WRITE, FLUSH]], NoFaults(), end="close", closes_early=1e-9).run()
    return world


def glances(world: World, audit: Any = lambda _: None) -> Glances:
    return Glances(world, audit)


def test_zero_takes_no_glance() -> None:
    assert session(VDI()).outcome.images == 1


def test_what_a_flush_promised_is_looked_at_when_it_has_returned() -> None:
    """The write is told, no glance; the flush is told, power is lost: A0 must be there."""
    told = (Draw("crash.look", 3, 0), POWER, ALL_LOST)
    assert session(VDI(), *told).outcome.images == 2
    world = World(Forgetful(), ReplayTape(told))
    with pytest.raises(Violation, match="sector 0 holds zeros, expected A0 in sector 0"):
        Session(world, [[WRITE, FLUSH]], NoFaults(), end="close", closes_early=1e-9).run()


def test_nothing_of_the_run_comes_after_a_glance_that_shows_something() -> None:
    world = World(Forgetful(), ReplayTape([Draw("crash.look", 3, 0), POWER, ALL_LOST]))
    with pytest.raises(Violation):
        Session(
            world, [[WRITE, FLUSH], [Request("B0", "write", 512, 512)]], NoFaults(), end="close", closes_early=1e-9
        ).run()
    assert [event.what for event in world.trace.events][-1] == "power"


def test_a_write_that_was_only_acknowledged_may_be_lost_with_the_power_and_not_with_the_process() -> None:
    assert session(Forgetful(), POWER, ALL_LOST).outcome.images == 2
    assert session(Forgetful(), KILL).outcome.images == 2


def test_a_glance_changes_neither_the_device_nor_the_promises() -> None:
    world = World(VDI(), ReplayTape([ALL_LOST]))
    world.device.end(world.device.issue_write(0, world.target.blank()[:512]))
    world.oracle.end_write(world.oracle.begin_write(0, b"x" * 512, "A0"))
    before = world.device.volatile.copy(), world.device.durable.copy(), world.oracle.settled
    glances(world).glance(power=True)
    assert (world.device.volatile, world.device.durable, world.oracle.settled) == before


def test_an_image_that_contradicts_itself_is_a_failure_of_structure() -> None:
    world = World(VDI(), ReplayTape([]))

    def audit(_: object) -> None:
        raise ValueError("the count is below the map")

    with pytest.raises(Over):
        glances(world, audit).glance(power=False)
    assert world.outcome.kind == "structure"
    assert str(world.broken) == "after a kill: the count is below the map"


def test_glances_amid_a_close_wait_for_their_moments() -> None:
    tape = ReplayTape([Draw("crash.amid", 3, 2), Draw("crash.amid.moment", 16, 3)])
    world = World(VDI(), tape)
    loop = SimLoop(tape)
    taken: list[int] = []
    looking = glances(world, lambda _: taken.append(loop.steps))
    looking.amid(loop)
    loop.run_until_idle()
    assert taken == [2, 5]
    loop.close()


def test_the_tape_of_a_crash_loses_more_and_names_its_choices_apart() -> None:
    tape = ExploringTape(1)
    for _ in range(400):
        LossyTape(tape, "crash.look").draw("crash.mode", 4)
    values = [draw.value for draw in tape.draws]
    assert {draw.label for draw in tape.draws} == {"crash.look.mode"}
    assert set(values) == {0, 1, 2, 3}
    assert values.count(0) < min(values.count(mode) for mode in (1, 2, 3))


def test_no_task_keeps_the_end_of_a_run_for_itself() -> None:
    loop = SimLoop(ReplayTape([]))

    async def ends() -> None:
        raise Over

    async def waits() -> None:
        await asyncio.wait([loop.create_task(ends())])

    with pytest.raises(Over):
        loop.run_until_complete(waits())
    loop.close()


def test_random_runs_take_glances_of_each_kind() -> None:
    taken = {
        draw.value for seed in range(60) for draw in run(VDI(), ExploringTape(seed)).draws if draw.label == "crash.look"
    }
    assert taken == {0, 1, 2}
