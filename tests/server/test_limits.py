"""Memory is lent first come, first served; one's own is never asked for; all of it comes back."""

from hypothesis import given
from hypothesis import strategies as st

from aiovdi.server.limits import Limits, Memory, Pool


def test_the_defaults_leave_room_for_the_longest_request() -> None:
    assert Limits().pool_bytes >= 32 << 20


def test_memory_of_ones_own_is_not_asked_for() -> None:
    pool = Pool(0)
    memory = Memory(pool, 100, list)
    assert memory.take(60)
    assert memory.take(40)
    assert (pool.lent, memory.lent) == (0, 0)


def test_what_goes_beyond_is_lent_and_comes_back_once_it_was_sent() -> None:
    pool = Pool(100)
    memory = Memory(pool, 10, list)
    assert memory.take(50)
    assert pool.lent == 40
    memory.answered(50)
    assert pool.lent == 40
    memory.sent()
    assert (pool.lent, memory.lent) == (0, 0)


def test_a_request_larger_than_the_pool_is_served_alone() -> None:
    pool = Pool(100)
    memory = Memory(pool, 0, list)
    assert memory.take(1000)
    assert not memory.take(1)
    memory.answered(1000)
    memory.sent()
    assert pool.lent == 1  # what was waited for


def test_who_came_first_is_served_first() -> None:
    #  t   a: holds 60    b: wants 50, waits    c: wants 10, which would be there, waits behind b
    #  1   gives back     is granted            is granted
    pool = Pool(100)
    order: list[str] = []
    a = Memory(pool, 0, list)
    b = Memory(pool, 0, lambda: order.append("b"))
    c = Memory(pool, 0, lambda: order.append("c"))
    assert a.take(60)
    assert not b.take(50)
    assert not c.take(10)
    a.answered(60)
    a.sent()
    assert order == ["b", "c"]
    assert b.take(50)
    assert c.take(10)
    assert pool.lent == 60


def test_who_leaves_the_queue_lets_those_behind_pass() -> None:
    pool = Pool(100)
    order: list[str] = []
    a, b = Memory(pool, 0, list), Memory(pool, 0, lambda: order.append("b"))
    c = Memory(pool, 0, lambda: order.append("c"))
    assert a.take(60)
    assert not b.take(50)
    assert not c.take(10)
    b.leave()
    assert order == ["c"]
    assert not pool.is_short


@given(st.data())
def test_whatever_is_taken_comes_back_and_nobody_is_forgotten(data: st.DataObject) -> None:
    pool = Pool(data.draw(st.integers(0, 50)))
    ready: set[int] = set()
    accounts = [
        Memory(pool, data.draw(st.integers(0, 20)), lambda number=number: ready.add(number)) for number in range(3)
    ]
    held: list[list[int]] = [[], [], []]
    wanted: dict[int, int] = {}
    for _ in range(data.draw(st.integers(0, 30))):
        number = data.draw(st.integers(0, 2))
        if number in wanted or (data.draw(st.booleans()) or not held[number]):
            count = wanted.setdefault(number, data.draw(st.integers(0, 60)))
            if accounts[number].take(count):
                held[number].append(wanted.pop(number))
                ready.discard(number)
        elif held[number]:
            accounts[number].answered(held[number].pop())
            accounts[number].sent()
    _finish(accounts, held, wanted)
    assert pool.lent == 0
    assert not pool.is_short


def _finish(accounts: list[Memory], held: list[list[int]], wanted: dict[int, int]) -> None:
    """Everybody ends what is under way, and who waited takes and ends too."""
    for _ in range(10):
        for number, account in enumerate(accounts):
            while held[number]:
                account.answered(held[number].pop())
                account.sent()
            if number in wanted and account.take(wanted[number]):
                held[number].append(wanted.pop(number))
    assert not wanted
    for account in accounts:
        account.leave()
        account.sent()
