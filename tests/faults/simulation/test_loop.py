"""Unmodified asyncio on a loop where every order is drawn: nothing of it behaves otherwise, and nothing hangs."""

import asyncio
import subprocess
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from faults.simulation.loop import Deadlock, Endless, SimLoop
from faults.simulation.schedules import Fifo
from faults.simulation.tape import ExploringTape, ReplayTape, Tape

SEEDS = range(40)


def simulate(main: Callable[[SimLoop], Coroutine[Any, Any, Any]], seed: int = 1) -> Any:
    loop = SimLoop(ExploringTape(seed))
    return loop.run_until_complete(main(loop))


async def hop(times: int = 1) -> None:
    for _ in range(times):
        await asyncio.sleep(0)


def io(loop: SimLoop, result: object = None) -> asyncio.Future[Any]:
    """An I/O that the world completes whenever the tape says."""
    future = loop.create_future()
    loop.happen(lambda: future.done() or future.set_result(result))
    return future


# asyncio's own tools


@pytest.mark.parametrize("seed", SEEDS)
def test_a_task_group_waits_for_all_and_cancels_the_rest_when_one_fails(seed: int) -> None:
    begun, ended = [], []

    async def forever() -> None:
        begun.append("forever")
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("forever")

    async def fail() -> None:
        await hop(3)
        raise ValueError

    async def main(loop: SimLoop) -> None:
        async with asyncio.TaskGroup() as group:
            for _ in range(3):
                group.create_task(forever())
            group.create_task(fail())

    with pytest.raises(ExceptionGroup):
        simulate(main, seed)
    assert ended == begun


@pytest.mark.parametrize("seed", SEEDS)
def test_a_lock_lets_in_one_at_a_time(seed: int) -> None:
    inside, most = 0, 0

    async def enter(lock: asyncio.Lock) -> None:
        nonlocal inside, most
        async with lock:
            inside += 1
            most = max(most, inside)
            await hop(2)
            inside -= 1

    async def main(loop: SimLoop) -> None:
        lock = asyncio.Lock()
        await asyncio.gather(*(enter(lock) for _ in range(5)))

    simulate(main, seed)
    assert most == 1


@pytest.mark.parametrize("seed", SEEDS)
def test_without_a_lock_some_schedule_loses_an_update(seed: int) -> None:
    """The loop would be of no use if it found this in no seed."""

    async def add(box: list[int]) -> None:
        before = box[0]
        await hop()
        box[0] = before + 1

    async def main(loop: SimLoop) -> int:
        box = [0]
        await asyncio.gather(add(box), add(box))
        return box[0]

    assert {simulate(main, seed * 50 + number) for number in range(50)} == {1, 2}


def test_a_timeout_ends_what_waits_too_long_and_the_clock_has_moved() -> None:
    async def main(loop: SimLoop) -> float:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(3600):
                await asyncio.Event().wait()
        return loop.time()

    assert simulate(main) == 3600


def test_wait_for_gives_a_result_in_time_and_times_out_otherwise() -> None:
    async def main(loop: SimLoop) -> Any:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(asyncio.Event().wait(), 5)
        return await asyncio.wait_for(io(loop, "in time"), 5)

    assert simulate(main) == "in time"


@pytest.mark.parametrize("seed", SEEDS)
def test_a_shielded_task_outlives_the_cancel_of_its_waiter(seed: int) -> None:
    async def main(loop: SimLoop) -> int:
        inner = loop.create_task(asyncio.sleep(1, 42))

        async def wait() -> None:
            await asyncio.shield(inner)

        waiter = loop.create_task(wait())
        loop.happen(waiter.cancel)
        with pytest.raises(asyncio.CancelledError):
            await waiter
        return await inner

    assert simulate(main, seed) == 42


def test_gather_keeps_the_order_of_its_arguments_whatever_ends_first() -> None:
    async def main(loop: SimLoop) -> list[Any]:
        return await asyncio.gather(*(io(loop, number) for number in range(6)))

    assert {tuple(simulate(main, seed)) for seed in SEEDS} == {(0, 1, 2, 3, 4, 5)}


def test_an_event_wakes_all_who_wait_in_more_than_one_order() -> None:
    async def main(loop: SimLoop) -> str:
        woken = []
        event = asyncio.Event()

        async def wait(name: str) -> None:
            await event.wait()
            woken.append(name)

        waiters = [loop.create_task(wait(name)) for name in "abc"]
        await hop(9)
        event.set()
        await asyncio.wait(waiters)
        return "".join(woken)

    orders = {simulate(main, seed) for seed in range(100)}
    assert {"".join(sorted(order)) for order in orders} == {"abc"}
    assert len(orders) == 6


@pytest.mark.parametrize("seed", SEEDS)
def test_a_queue_loses_nothing_and_keeps_its_order(seed: int) -> None:
    async def main(loop: SimLoop) -> list[int]:
        queue: asyncio.Queue[int] = asyncio.Queue(2)

        async def produce() -> None:
            for number in range(8):
                await queue.put(number)

        producer = loop.create_task(produce())
        got = [await queue.get() for _ in range(8)]
        await producer
        return got

    assert simulate(main, seed) == list(range(8))


def test_plain_callbacks_keep_the_order_that_asyncio_documents() -> None:
    async def main(loop: SimLoop) -> list[int]:
        called: list[int] = []
        for number in range(5):
            loop.call_soon(called.append, number)
        loop.call_soon(called.append, 99).cancel()
        await hop()
        return called

    assert {tuple(simulate(main, seed)) for seed in SEEDS} == {(0, 1, 2, 3, 4)}


def test_a_context_variable_is_the_tasks_own() -> None:
    import contextvars

    name: contextvars.ContextVar[str] = contextvars.ContextVar("name")

    async def main(loop: SimLoop) -> set[str]:
        async def be(who: str) -> str:
            name.set(who)
            await hop(3)
            return name.get()

        return set(await asyncio.gather(be("a"), be("b"), be("c")))

    assert simulate(main) == {"a", "b", "c"}


# Time


def test_time_is_virtual_and_jumps_only_when_nothing_else_can_happen() -> None:
    async def main(loop: SimLoop) -> list[float]:
        times = [loop.time()]
        await asyncio.sleep(1e9)
        times.append(loop.time())
        await io(loop)
        times.append(loop.time())
        return times

    assert simulate(main) == [0.0, 1e9, 1e9]


def test_timers_fire_in_the_order_of_their_times() -> None:
    async def main(loop: SimLoop) -> list[int]:
        fired: list[int] = []
        for delay in (3, 1, 2):
            loop.call_later(delay, fired.append, delay)
        loop.call_later(2.5, fired.append, 99).cancel()
        await asyncio.sleep(4)
        return fired

    assert {tuple(simulate(main, seed)) for seed in SEEDS} == {(1, 2, 3)}


def test_timers_of_one_moment_fire_in_every_order() -> None:
    async def main(loop: SimLoop) -> tuple[int, ...]:
        fired: list[int] = []
        for number in range(3):
            loop.call_at(1, fired.append, number)
        await asyncio.sleep(2)
        return tuple(fired)

    assert len({simulate(main, seed) for seed in range(100)}) == 6


# Ends


def test_a_run_that_cannot_go_on_says_so() -> None:
    async def main(loop: SimLoop) -> None:
        await loop.create_future()

    with pytest.raises(Deadlock, match="nothing is ready"):
        simulate(main)


def test_two_locks_taken_crosswise_are_a_deadlock_in_some_schedules_only() -> None:
    #   one:  lock a ........ wants b
    #   two:       lock b ........ wants a
    async def take(first: asyncio.Lock, second: asyncio.Lock) -> None:
        async with first:
            await hop()
            async with second:
                pass

    async def main(loop: SimLoop) -> None:
        a, b = asyncio.Lock(), asyncio.Lock()
        await asyncio.gather(take(a, b), take(b, a))

    def ends(seed: int) -> bool:
        try:
            simulate(main, seed)
        except Deadlock:
            return False
        return True

    assert {ends(seed) for seed in SEEDS} == {True, False}


def test_a_run_without_an_end_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("faults.simulation.loop.STEPS_MAX", 1000)

    async def main(loop: SimLoop) -> None:
        while True:
            await hop()

    with pytest.raises(Endless, match="1000 steps"):
        simulate(main)


def test_what_asyncio_reports_to_nobody_is_kept() -> None:
    loop = SimLoop(ExploringTape(1))

    def fail() -> None:
        raise ValueError("in a callback")

    async def main() -> None:
        loop.call_soon(fail)
        await hop()

    loop.run_until_complete(main())
    assert [str(failure["exception"]) for failure in loop.failures] == ["in a callback"]


def test_the_loop_that_ran_before_runs_again_afterwards() -> None:
    async def outer() -> bool:
        before = asyncio.get_running_loop()
        simulate(lambda loop: hop())
        return asyncio.get_running_loop() is before

    assert asyncio.run(outer())


# Determinism


async def _everything(loop: SimLoop, told: list[str]) -> None:
    """A program that uses what tempts a loop to be nondeterministic: a set of tasks, ties, cancels, failures."""
    event, lock, queue = asyncio.Event(), asyncio.Lock(), asyncio.Queue[int](3)

    async def work(name: str) -> None:
        try:
            async with lock:
                await io(loop)
                told.append(f"{name} io")
            await queue.put(len(told))
            await asyncio.wait({io(loop), loop.create_task(hop(2))}, return_when=asyncio.FIRST_COMPLETED)
            told.append(f"{name} waited")
            async with asyncio.timeout(1):
                await event.wait()
        except asyncio.CancelledError:
            told.append(f"{name} cancelled")
            raise
        except TimeoutError:
            told.append(f"{name} timed out")
        if name == "c":
            raise ValueError

    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(work(name)) for name in "abcdefg"]
            loop.happen(tasks[1].cancel)
            loop.happen(event.set)
            for _ in range(5):
                got = await queue.get()
                told.append(f"got {got}")
    except* ValueError:
        told.append("failed")
    told.append(f"at {loop.time()}")


def told_by(tape: Tape) -> str:
    loop = SimLoop(tape)
    told: list[str] = []
    try:
        loop.run_until_complete(_everything(loop, told))
    except Deadlock:
        told.append("deadlock")
    for task in asyncio.all_tasks(loop):
        task._log_destroy_pending = False
        task.get_coro().close()
    return "; ".join(told)


def test_a_seed_tells_the_same_story_again_and_another_seed_another() -> None:
    stories = {seed: told_by(ExploringTape(seed)) for seed in range(200)}
    assert all(told_by(ExploringTape(seed)) == story for seed, story in stories.items())
    assert len(set(stories.values())) > 150


@pytest.mark.parametrize("seed", SEEDS)
def test_a_recorded_tape_tells_the_same_story(seed: int) -> None:
    tape = ExploringTape(seed)
    told = told_by(tape)
    again = ReplayTape(tape.draws)
    assert told_by(again) == told
    assert again.misses == 0


def test_a_schedule_is_asked_with_the_actors_and_obeyed() -> None:
    asked: list[list[int]] = []

    class Oldest(Fifo):
        def pick(self, actors: list[int]) -> Any:
            asked.append(actors)
            return super().pick(actors)

    async def main() -> list[str]:
        done: list[str] = []

        async def one(name: str) -> None:
            done.append(name)

        await asyncio.gather(*(one(name) for name in "abc"))
        return done

    assert SimLoop(ExploringTape(1), Oldest()).run_until_complete(main()) == ["a", "b", "c"]
    assert any(len(actors) == 3 and min(actors) > 0 for actors in asked)


ASKS_FOR_HASHES = """
import sys
sys.path.insert(0, sys.argv[1])
from faults.runs.run import run
from faults.simulation.tape import ExploringTape
from faults.vdi import VDI
vdi = VDI()
for seed in range(int(sys.argv[2]), int(sys.argv[3])):
    outcome = run(vdi, ExploringTape(seed))
    print(outcome.trace.digest(), outcome.steps, len(outcome.draws))
"""


def test_whole_runs_are_equal_in_different_processes(campaign: bool) -> None:
    """Set order and hashes of strings differ between these processes; nothing of a run may."""
    count = 20_000 if campaign else 300
    command = [sys.executable, "-c", ASKS_FOR_HASHES, str(Path(__file__).resolve().parents[3]), "0", str(count)]
    environment = {"PYTHONHASHSEED": "random"}
    processes = [subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    one, other = (process.communicate()[0].splitlines() for process in processes)
    assert len(one) == count
    assert one == other
    assert len(set(one)) > 0.99 * count, "different seeds must differ"
