"""The lock of a block that is being allocated: first come, first served, and gone when free."""

import asyncio

import pytest

from aiovdi.driver.allocation import AllocationLocks
from aiovdi.units import BlockIndex
from tests.driver.gated import turns

SEVEN, EIGHT = BlockIndex(7), BlockIndex(8)


async def test_writers_of_one_block_take_turns_in_the_order_they_came() -> None:
    locks, order = AllocationLocks(), []

    async def writer(number: int) -> None:
        async with locks.of(SEVEN):
            order.append(number)
            await turns(3)
            assert order[-1] == number

    await asyncio.gather(*map(writer, range(5)))
    assert order == [0, 1, 2, 3, 4]
    assert len(locks) == 0


async def test_writers_of_different_blocks_do_not_meet() -> None:
    locks = AllocationLocks()
    async with locks.of(SEVEN), locks.of(EIGHT):
        assert len(locks) == 2
    assert len(locks) == 0


#  t   A                B                     C
#  1   holds            waits                 waits
#  2                    cancelled: leaves
#  3   lets go                                holds


async def test_a_cancelled_waiter_leaves_the_queue_and_the_next_gets_the_lock() -> None:
    locks, held = AllocationLocks(), []

    async def writer(name: str, until: asyncio.Event) -> None:
        async with locks.of(SEVEN):
            held.append(name)
            await until.wait()

    go = asyncio.Event()
    a, b, c = (asyncio.create_task(writer(name, go)) for name in "abc")
    await turns()
    b.cancel()
    await asyncio.wait([b])
    assert len(locks) == 1
    go.set()
    await asyncio.gather(a, c)
    assert held == ["a", "c"]
    assert len(locks) == 0


async def test_a_waiter_cancelled_in_the_step_in_which_it_would_get_the_lock_passes_it_on() -> None:
    locks, held = AllocationLocks(), []

    async def writer(name: str) -> None:
        async with locks.of(SEVEN):
            held.append(name)

    async with locks.of(SEVEN):
        b, c = (asyncio.create_task(writer(name)) for name in "bc")
        await turns()
    b.cancel()  # the lock was released in this very step, and is on its way to b
    await asyncio.wait([b, c])
    assert b.cancelled()
    assert held == ["c"]
    assert len(locks) == 0


async def test_the_lock_is_free_after_an_error_in_its_holder() -> None:
    locks = AllocationLocks()
    with pytest.raises(LookupError):
        async with locks.of(SEVEN):
            raise LookupError
    assert len(locks) == 0
    async with asyncio.timeout(5), locks.of(SEVEN):
        assert len(locks) == 1
