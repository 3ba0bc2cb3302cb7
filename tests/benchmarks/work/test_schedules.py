"""The same programs on every simulator, each to its end, with choices made."""

import asyncio

import pytest

from benchmarks.work import schedules
from faults.simulation.loop import SimLoop
from faults.simulation.tape import ExploringTape


@pytest.mark.parametrize("program", schedules.PROGRAMS)
def test_a_program_leaves_no_task_behind(program: str) -> None:
    loop = SimLoop(ExploringTape(1))
    loop.run_until_complete(schedules.PROGRAMS[program][0]())
    assert not asyncio.all_tasks(loop)
    assert not loop.failures


def test_the_ring_takes_the_token_around_as_often_as_it_says() -> None:
    loop = SimLoop(ExploringTape(1))
    loop.run_until_complete(schedules.ring())
    hops = schedules.PROGRAMS["ring"][1]
    # A hop is a step of a task; beside those the tasks begin, and the one that waits for them is woken.
    assert hops <= loop.steps <= hops + 3 * schedules.RING


def test_schedules_differ_and_their_choices_are_counted() -> None:
    assert schedules.on_faults(schedules.three, 20) > 20


def test_a_simulator_that_chooses_nothing_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(schedules.SIMULATORS, "idle", lambda program, runs: 0)
    with pytest.raises(AssertionError, match="idle chose nothing"):
        schedules.main("idle", "three", "5")


@pytest.mark.parametrize("peer", ["simloop", "simloom"])
def test_a_peer_is_run_as_its_users_run_it(peer: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the peers: modules of their shape, and what is asked of them."""
    import sys
    from types import SimpleNamespace

    seen: list[int] = []

    class Module:
        @staticmethod
        def explore(program: object, seeds: range) -> None:
            seen.extend(seeds)

        @staticmethod
        def run(program: object, *, seed: int) -> SimpleNamespace:
            seen.append(seed)
            return SimpleNamespace(tape=("a choice",))

    monkeypatch.setitem(sys.modules, peer, Module)  # type: ignore[arg-type]
    assert schedules.SIMULATORS[peer](schedules.three, 3) == 3
    assert seen == [0, 1, 2]
