"""A story gets a machine with one storage: sessions, faults, power losses, and a failure for whatever it raises."""

import asyncio
import errno
from functools import partial
from typing import Any

import pytest

from faults.runs.story import Sim, run_story
from faults.simulation.fences import NotSimulated
from faults.simulation.plan import Fate, Rule, Rules
from faults.simulation.tape import ExploringTape, ReplayTape


async def write(storage: Any, data: bytes) -> None:
    await storage.pwrite_some(memoryview(data), 0)


async def read(storage: Any) -> bytes:
    buffer = bytearray(4)
    await storage.pread_some(memoryview(buffer), 0)
    return bytes(buffer)


def test_what_one_session_wrote_the_next_one_reads() -> None:
    found = []

    def story(sim: Sim) -> None:
        sim.session(lambda storage: write(storage, b"kept"), faults=False, power=False)
        found.append(sim.session(read, faults=False, power=False))

    assert run_story(story, ReplayTape([])).failure is None
    assert found == [b"kept"]


def test_without_a_flush_some_tape_loses_it_and_with_one_none_does() -> None:
    def tell(sim: Sim, *, flushes: bool) -> None:
        async def use(storage: Any) -> None:
            await write(storage, b"kept")
            if flushes:
                await storage.flush()

        sim.session(use, faults=False, power=False)
        sim.lose_power()
        assert sim.session(read, faults=False, power=False) == b"kept", "lost"

    def failures(*, flushes: bool) -> set[str | None]:
        return {run_story(partial(tell, flushes=flushes), ExploringTape(seed)).failure for seed in range(20)}

    assert failures(flushes=False) == {None, "lost"}
    assert failures(flushes=True) == {None}


def test_a_session_that_ends_by_a_power_loss_returns_nothing() -> None:
    seen = set()

    def story(sim: Sim) -> None:
        async def use(storage: Any) -> str:
            for _ in range(8):
                await write(storage, b"kept")
            return "ended"

        seen.add((sim.session(use, faults=False), sim.power_was_lost))

    for seed in range(40):
        run_story(story, ExploringTape(seed))
    assert seen == {("ended", False), (None, True)}


def test_a_hand_written_plan_fails_the_io_that_it_names() -> None:
    def story(sim: Sim) -> None:
        sim.session(lambda storage: write(storage, b"kept"), faults=Rules([Rule("write", Fate(errno.ENOSPC, "none"))]))

    outcome = run_story(story, ReplayTape([]))
    assert (outcome.kind, outcome.injected) == ("OSError", 1)


def test_the_first_error_of_a_group_is_the_failure() -> None:
    def story(sim: Sim) -> None:
        async def fail() -> None:
            raise LookupError("what a task found")

        async def use(storage: Any) -> None:
            async with asyncio.TaskGroup() as group:
                group.create_task(fail())

        sim.session(use)

    assert run_story(story, ReplayTape([])).failure == "what a task found"


def test_a_task_that_nobody_waited_for_is_a_failure() -> None:
    def story(sim: Sim) -> None:
        async def fail() -> None:
            raise LookupError

        async def use(storage: Any) -> None:
            task = asyncio.create_task(fail())
            await asyncio.sleep(0)
            del task

        sim.session(use)

    failure = run_story(story, ReplayTape([])).failure
    assert failure is not None
    assert "never retrieved" in failure


def test_a_request_marks_what_happens_on_its_behalf() -> None:
    def story(sim: Sim) -> None:
        sim.session(lambda storage: sim.request("A", write, storage, b"kept"), faults=False, power=False)

    events = run_story(story, ReplayTape([])).trace.events
    assert [(event.what, event.by) for event in events] == [
        ("open", ""), ("submit", "A"), ("issue", "A"), ("end", ""), ("return", "A"),
    ]  # fmt: skip


def test_a_story_that_leaves_the_simulation_fails_loudly() -> None:
    def story(sim: Sim) -> None:
        sim.session(lambda storage: asyncio.to_thread(print))

    assert run_story(story, ReplayTape([])).kind == NotSimulated.__name__


def test_skipping_a_test_is_no_failure_of_the_story() -> None:
    def story(sim: Sim) -> None:
        pytest.skip("not here")

    with pytest.raises(pytest.skip.Exception):
        run_story(story, ReplayTape([]))
