"""An I/O that cannot be recalled is waited for, and cancels keep their count."""

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest

from aiovdi.settling import Settling, UnderWay, join, own, settle_all, to_the_end


async def turns(count: int = 20) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


async def wait_for(future: asyncio.Future[Any]) -> Any:
    return await future


async def test_a_cancelled_waiter_of_a_settling_future_raises_once_it_is_done() -> None:
    io = Settling[int]()
    task = asyncio.create_task(wait_for(io))
    await turns()
    task.cancel()
    task.cancel()
    await turns()
    assert not task.done()
    assert task.cancelling() == 2
    io.set_result(1)
    await asyncio.wait([task])
    assert task.cancelled()


async def test_a_cancelled_waiter_raises_cancelled_error_even_if_the_io_failed() -> None:
    io = Settling[int]()
    task = asyncio.create_task(wait_for(io))
    await turns()
    task.cancel()
    io.set_exception(OSError("told to nobody, and no loose end"))
    await asyncio.wait([task])
    assert task.cancelled()


async def test_settle_all_returns_results_in_the_order_of_its_parts() -> None:
    async def part(value: int) -> int:
        await turns(5 - value)
        return value

    assert await settle_all(*map(part, range(4))) == [0, 1, 2, 3]
    assert await settle_all() == []


#  t   part 0            part 1              part 2
#  1   fails             in flight           in flight
#  2                     completes           fails
#  3   the failure of part 0 comes out, with a note about part 2; part 1 is accounted for


async def test_a_part_that_fails_leaves_its_siblings_alone_and_waits_for_them() -> None:
    ios = [Settling[int]() for _ in range(3)]
    whole = asyncio.create_task(settle_all(*map(wait_for, ios)))
    await turns()
    ios[0].set_exception(OSError("first"))
    await turns()
    assert not whole.done()
    ios[1].set_result(1)
    ios[2].set_exception(OSError("third"))
    with pytest.raises(OSError, match="first") as caught:
        await whole
    assert caught.value.__notes__ == ["another part of the same request failed too: third"]


async def test_a_cancel_of_the_whole_reaches_each_part_and_waits_for_all() -> None:
    seen = []
    ios = [Settling[int]() for _ in range(2)]

    async def part(number: int) -> int:
        try:
            return await ios[number]
        except asyncio.CancelledError:
            seen.append(number)
            raise

    whole = asyncio.create_task(settle_all(*map(part, range(2))))
    await turns()
    whole.cancel()
    await turns()
    assert not whole.done()
    ios[0].set_result(0)
    await turns()
    assert seen == [0]
    assert not whole.done()
    ios[1].set_exception(OSError("after the cancel"))
    await asyncio.wait([whole])
    assert whole.cancelled()
    assert seen == [0, 1]


async def test_settle_all_can_be_cancelled_before_its_parts_have_started() -> None:
    started = []

    async def part() -> None:
        started.append(1)

    whole = asyncio.create_task(settle_all(part(), part()))
    await asyncio.sleep(0)
    whole.cancel()
    await asyncio.wait([whole])
    assert whole.cancelled()
    assert started in ([], [1, 1])
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_to_the_end_waits_for_the_task_and_then_raises_the_cancel() -> None:
    io = Settling[int]()
    work = own(wait_for(io))
    waiter = asyncio.create_task(to_the_end(work))
    await turns()
    waiter.cancel()
    await turns()
    assert not waiter.done()
    assert not work.done()
    io.set_result(7)
    await asyncio.wait([waiter])
    assert waiter.cancelled()
    assert work.result() == 7
    assert await to_the_end(work) == 7, "also when it has ended before"


async def test_to_the_end_raises_what_the_task_raised() -> None:
    async def fail() -> None:
        raise OSError("flush")

    with pytest.raises(OSError, match="flush"):
        await to_the_end(own(fail()))


async def test_join_leaves_at_once_when_cancelled_and_the_task_goes_on() -> None:
    io = Settling[int]()
    work = own(wait_for(io))
    first, second = asyncio.create_task(join(work)), asyncio.create_task(join(work))
    await turns()
    first.cancel()
    await asyncio.wait([first])
    assert first.cancelled()
    assert not work.done()
    io.set_result(7)
    assert await second == 7


async def test_join_raises_what_the_task_raised_to_each_waiter() -> None:
    async def fail() -> None:
        await turns(3)
        raise OSError("window")

    work = own(fail())
    results = await asyncio.gather(join(work), join(work), return_exceptions=True)
    assert all(isinstance(result, OSError) for result in results)


async def test_a_failure_of_own_work_that_nobody_hears_is_no_loose_end() -> None:
    complaints: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(context))

    async def fail() -> None:
        raise OSError("nobody listens")

    work: asyncio.Task[None] | None = own(fail())
    await turns()
    del work
    import gc

    gc.collect()
    assert not complaints


async def test_a_timeout_around_a_settling_io_is_a_timeout_error() -> None:
    io = Settling[int]()
    asyncio.get_running_loop().call_later(0.02, io.set_result, 1)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.001):
            await io
    assert io.done()
    task = asyncio.current_task()
    assert task is not None
    assert task.cancelling() == 0


async def test_a_task_group_keeps_its_cause_around_settling_work() -> None:
    async def fail() -> None:
        raise LookupError

    def work(io: asyncio.Future[int]) -> Coroutine[Any, Any, list[int]]:
        return settle_all(wait_for(io), wait_for(io))

    io = Settling[int]()
    asyncio.get_running_loop().call_later(0.01, io.set_result, 1)
    with pytest.raises(ExceptionGroup) as caught:
        async with asyncio.TaskGroup() as group:
            group.create_task(work(io))
            group.create_task(fail())
    assert [type(error) for error in caught.value.exceptions] == [LookupError]


async def test_who_waits_for_none_under_way_waits_for_the_last() -> None:
    under_way = UnderWay()
    await under_way.idle()
    for _ in range(2):
        under_way.begin()
    waiting = asyncio.create_task(under_way.idle())
    under_way.end()
    await asyncio.sleep(0)
    assert not waiting.done()
    under_way.end()
    await waiting


async def test_any_number_may_wait_for_none_under_way() -> None:
    under_way = UnderWay()
    under_way.begin()
    waiting = [asyncio.create_task(under_way.idle()) for _ in range(3)]
    await asyncio.sleep(0)
    under_way.end()
    await asyncio.wait_for(asyncio.wait(waiting), 10)
    under_way.begin()
    again = asyncio.create_task(under_way.idle())
    await asyncio.sleep(0)
    assert not again.done()
    under_way.end()
    await again
