"""Each schedule keeps its promise, takes its chance from the tape, and finds what another one misses."""

import asyncio
from collections import Counter
from collections.abc import Callable
from itertools import pairwise, permutations

import pytest

from faults.runs.run import run
from faults.simulation.loop import Schedule, SimLoop
from faults.simulation.schedules import PCT, SCHEDULES, Fifo, Walk, draw_schedule
from faults.simulation.tape import ExploringTape, ReplayTape, Tape
from faults.vdi import VDI


def order(tape: Tape, schedule: Schedule | None, tasks: int = 3, steps: int = 3) -> str:
    """Who stepped when: a letter for each step of each task."""
    stepped: list[str] = []

    async def step(name: str) -> None:
        for _ in range(steps):
            stepped.append(name)
            await asyncio.sleep(0)

    async def main() -> None:
        await asyncio.gather(*(step(chr(97 + number)) for number in range(tasks)))

    SimLoop(tape, schedule).run_until_complete(main())
    return "".join(stepped)


def orders(make: Callable[[], Schedule | None], runs: int = 600) -> Counter[str]:
    return Counter(order(ExploringTape(seed), make()) for seed in range(runs))


def test_fifo_is_what_asyncio_does() -> None:
    assert set(orders(Fifo, 20)) == {"abcabcabc"}


def test_fifo_is_what_an_empty_tape_does() -> None:
    assert order(ReplayTape([]), None) == "abcabcabc"


@pytest.mark.parametrize("name", ["random", "pct", "walk"])
def test_every_task_may_come_first_and_last(name: str) -> None:
    found = orders(SCHEDULES[name])
    assert {each[0] for each in found} == set("abc")
    assert {each[-1] for each in found} == set("abc")


def test_pct_without_a_change_runs_one_task_after_the_other() -> None:
    found = orders(lambda: PCT(depth=1))
    assert set(found) == {"".join(name * 3 for name in names) for names in permutations("abc")}


def test_pct_with_one_change_interrupts_one_task_once() -> None:
    for each in orders(lambda: PCT(depth=2, length=8)):
        changes = sum(left != right for left, right in pairwise(each))
        assert changes <= 3


def test_pct_reaches_an_order_that_uniform_choice_hardly_ever_does() -> None:
    """One of two tasks makes its first step after forty of the other: 2 to the power of -40 by coin tosses."""
    late = "a" * 40 + "b"
    assert any(late in order(ExploringTape(seed), PCT(), 2, 40) for seed in range(20))
    assert not any(late in order(ExploringTape(seed), None, 2, 40) for seed in range(200))


def test_a_walk_makes_every_interleaving_about_as_likely() -> None:
    """Two tasks of four steps each, the last of which only returns.

    That one makes its first three before the other has begun: 2 * 4/8 * 3/7 * 2/6 = 1/7 of the
    interleavings. Tossing a coin at each step gives 2 * 1/8 = 1/4.
    """

    def share(make: Callable[[], Schedule | None]) -> float:
        found = [order(ExploringTape(seed), make(), 2) for seed in range(2000)]
        return sum(each in ("aaabbb", "bbbaaa") for each in found) / len(found)

    assert 0.11 < share(lambda: Walk(length=4)) < 0.18
    assert 0.21 < share(lambda: None) < 0.29


@pytest.mark.parametrize("name", SCHEDULES)
def test_a_schedule_takes_its_chance_from_the_tape(name: str) -> None:
    assert orders(SCHEDULES[name], 30) == orders(SCHEDULES[name], 30)


@pytest.mark.parametrize("name", SCHEDULES)
def test_a_replay_needs_no_schedule(name: str) -> None:
    tape = ExploringTape(7)
    first = order(tape, SCHEDULES[name]())
    assert order(ReplayTape(tape.draws), None) == first


def test_a_run_draws_its_schedule_and_zero_is_fifo() -> None:
    assert draw_schedule(ReplayTape([])) == "fifo"
    counts = Counter(draw_schedule(ExploringTape(seed)) for seed in range(1000))
    assert set(counts) == set(SCHEDULES)
    assert counts["random"] > counts["fifo"]


@pytest.mark.parametrize("name", SCHEDULES)
def test_the_real_driver_holds_under(name: str) -> None:
    for seed in range(60):
        outcome = run(VDI(), ExploringTape(f"{name} {seed}"), schedule=name)
        assert outcome.failure is None, f"seed {name} {seed}: {outcome.failure}"
