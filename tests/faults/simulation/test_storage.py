"""The simulated storage has the shape of the real ones, and every order and fault that they could have."""

import asyncio
import errno
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from aiovdi.storage.base import Storage
from faults.simulation.device import Device
from faults.simulation.loop import SimLoop
from faults.simulation.plan import Fate, NoFaults, Plan, Rule, Rules, parse_rule
from faults.simulation.storage import PowerLost, SimStorage
from faults.simulation.tape import Draw, ExploringTape, ReplayTape, Tape
from faults.simulation.trace import Trace

Body = Callable[[SimStorage, SimLoop], Coroutine[Any, Any, Any]]


def simulate(body: Body, *, tape: Tape | None = None, plan: Plan | None = None, **options: Any) -> Any:
    tape = tape or ExploringTape(1)
    loop = SimLoop(tape)
    device = Device.holding(b"o" * 4096)
    storage = SimStorage(device, loop, tape, plan or NoFaults(), Trace(tape), **options)
    return loop.run_until_complete(body(storage, loop))


async def read(storage: SimStorage, length: int, offset: int) -> bytes:
    buffer = bytearray(length)
    count = await storage.pread_some(memoryview(buffer), offset)
    return bytes(buffer[:count])


def test_it_is_a_storage_as_the_driver_wants_one() -> None:
    loop = SimLoop(tape := ExploringTape(1))
    assert isinstance(SimStorage(Device(), loop, tape, NoFaults(), Trace()), Storage)


def test_a_read_sees_what_was_written_before_it() -> None:
    async def body(storage: SimStorage, loop: SimLoop) -> bytes:
        assert await storage.pwrite_some(memoryview(b"new"), 10) == 3
        await storage.write_zeroes(2, 20)
        await storage.flush()
        return await read(storage, 14, 9)

    assert simulate(body) == b"onewooooooo\0\0o"


def test_a_write_that_is_begun_ends_when_the_tape_says_so_and_is_told_then() -> None:
    told: list[int | Exception] = []

    async def body(storage: SimStorage, loop: SimLoop) -> bytes:
        ended = asyncio.Event()
        assert storage.begin_write(memoryview(b"new"), 10, lambda result: (told.append(result), ended.set()))
        assert not told
        await read(storage, 1, 0)
        await ended.wait()
        return await read(storage, 5, 9)

    assert simulate(body, begins=True) == b"onewo"
    assert told == [3]


@pytest.mark.parametrize("at", [10, 4094])
def test_nothing_is_begun_where_that_is_not_offered_or_would_extend(at: int) -> None:
    async def body(storage: SimStorage, loop: SimLoop) -> bool:
        return storage.begin_write(memoryview(b"new"), at, pytest.fail)

    assert not simulate(body, begins=at == 4094)


def test_a_write_that_is_begun_can_fail() -> None:
    told: list[int | Exception] = []

    async def body(storage: SimStorage, loop: SimLoop) -> bytes:
        ended = asyncio.Event()
        assert storage.begin_write(memoryview(b"new"), 10, lambda result: (told.append(result), ended.set()))
        await ended.wait()
        return await read(storage, 5, 9)

    assert simulate(body, begins=True, plan=Rules([parse_rule("event=write errno=EIO")])) == b"ooooo"
    (error,) = told
    assert isinstance(error, OSError)
    assert error.errno == errno.EIO


def test_ios_end_in_any_order() -> None:
    async def body(storage: SimStorage, loop: SimLoop) -> bytes:
        tasks = [loop.create_task(storage.pwrite_some(memoryview(letter * 512), 0)) for letter in (b"a", b"b", b"c")]
        await asyncio.wait(tasks)
        return await read(storage, 1, 0)

    assert {simulate(body, tape=ExploringTape(seed)) for seed in range(60)} == {b"a", b"b", b"c"}


def test_a_resize_moves_the_end_when_it_ends() -> None:
    async def body(storage: SimStorage, loop: SimLoop) -> int:
        resize = loop.create_task(storage.resize(8192))
        await asyncio.sleep(0)
        assert storage.size in (4096, 8192)
        await resize
        return storage.size

    assert simulate(body) == 8192


def test_what_cannot_grow_refuses() -> None:
    async def body(storage: SimStorage, loop: SimLoop) -> None:
        await storage.resize(8192)

    with pytest.raises(OSError) as refused:
        simulate(body, can_grow=False)
    assert refused.value.errno == errno.ENOTSUP


def test_only_a_cached_storage_answers_at_once() -> None:
    async def body(storage: SimStorage, loop: SimLoop) -> int:
        return storage.pread_now(bytearray(8), 0)

    assert simulate(body) == 0
    assert simulate(body, cached=True) == 8


@pytest.mark.parametrize("effect", ["none", "all", "some"])
def test_a_write_that_fails_leaves_each_unit_old_or_new(effect: str) -> None:
    async def body(storage: SimStorage, loop: SimLoop) -> str:
        with pytest.raises(OSError) as failed:
            await storage.pwrite_some(memoryview(b"n" * 1536), 0)
        assert failed.value.errno == errno.ENOSPC
        content = await read(storage, 1536, 0)
        units = [content[at : at + 512] for at in range(0, 1536, 512)]
        assert all(unit in (b"o" * 512, b"n" * 512) for unit in units)
        return "".join(chr(unit[0]) for unit in units)

    def left(seed: int) -> str:
        plan = Rules([parse_rule(f"event=write errno=ENOSPC effect={effect}")])
        return str(simulate(body, tape=ExploringTape(seed), plan=plan))

    expected = {"none": 1, "all": 1, "some": 8}
    assert len({left(seed) for seed in range(120)}) == expected[effect]


def test_a_short_io_ends_at_a_sector_and_does_at_least_one_byte() -> None:
    async def body(storage: SimStorage, loop: SimLoop) -> tuple[int, int]:
        return await storage.pwrite_some(memoryview(b"n" * 1500), 100), len(await read(storage, 1500, 100))

    plan = [Rule("any", Fate(short=True), nth=0)]
    pairs = {simulate(body, tape=ExploringTape(seed), plan=Rules(plan)) for seed in range(100)}
    assert {count for pair in pairs for count in pair} == {412, 924, 1436}


def test_a_read_that_fails_gives_nothing() -> None:
    async def body(storage: SimStorage, loop: SimLoop) -> None:
        await read(storage, 512, 0)

    with pytest.raises(OSError, match="Input/output"):
        simulate(body, plan=Rules([parse_rule("event=read")]))


def test_a_cancelled_call_waits_for_its_io() -> None:
    #   writer  write issued ─ cancelled ─────────── raises
    #   I/O     ................................ lands
    async def body(storage: SimStorage, loop: SimLoop) -> bytes:
        writer = loop.create_task(storage.pwrite_some(memoryview(b"n"), 0))
        await asyncio.sleep(0)
        writer.cancel()
        await asyncio.wait([writer])
        assert not storage.under_way
        return await read(storage, 1, 0)

    assert {simulate(body, tape=ExploringTape(seed)) for seed in range(30)} <= {b"o", b"n"}


def test_one_that_does_not_wait_lands_over_a_newer_write() -> None:
    #   first   write issued ─ cancelled ─ raises
    #   second                                  write issued ─ ends
    #   medium                                                      first lands
    async def body(storage: SimStorage, loop: SimLoop) -> bytes:
        first = loop.create_task(storage.pwrite_some(memoryview(b"1"), 0))
        await asyncio.sleep(0)
        first.cancel()
        await asyncio.wait([first])
        await storage.pwrite_some(memoryview(b"2"), 0)
        await asyncio.sleep(1)  # virtual: everything else happens first
        return await read(storage, 1, 0)

    found = {simulate(body, tape=ExploringTape(seed), recalls=False) for seed in range(60)}
    assert b"1" in found
    assert b"2" in found
    assert {simulate(body, tape=ExploringTape(seed)) for seed in range(60)} == {b"2"}


def test_the_power_goes_when_so_many_ios_have_ended() -> None:
    ended = []

    async def body(storage: SimStorage, loop: SimLoop) -> None:
        try:
            for number in range(9):
                await storage.pwrite_some(memoryview(b"n"), number)
                ended.append(number)
        except Exception:  # what a driver may do about it: nothing
            ended.append(99)

    with pytest.raises(PowerLost):
        simulate(body, lives=3)
    assert ended == [0, 1, 2]


@pytest.mark.parametrize(("pages", "seen"), [("retry_ok", b"n"), ("clean_new", b"n"), ("clean_old", b"o")])
def test_a_failed_flush_treats_its_pages_as_it_was_told(pages: str, seen: bytes) -> None:
    lost: list[bool] = []

    async def body(storage: SimStorage, loop: SimLoop) -> tuple[bytes, bytes]:
        await storage.pwrite_some(memoryview(b"n" * 512), 0)
        with pytest.raises(OSError):
            await storage.flush()
        after = await read(storage, 1, 0)
        await storage.flush()
        return after, storage.device.stable()[:1]

    plan = Rules([parse_rule(f"event=flush pages={pages}")])
    # Draw 1: no unit was written.
    tape = ReplayTape([Draw("lost", 2, 1)])
    after, durable = simulate(body, tape=tape, plan=plan, on_lost=lambda: lost.append(True))
    assert after == seen
    assert durable == (b"n" if pages == "retry_ok" else b"o")
    assert bool(lost) == (pages != "retry_ok")


def test_a_fua_write_is_durable_and_another_is_not() -> None:
    async def body(storage: SimStorage, loop: SimLoop) -> bytes:
        await storage.pwrite_some(memoryview(b"a" * 512), 0)
        await storage.pwrite_some(memoryview(b"b" * 512), 512, fua=True)
        return storage.device.stable()[:1024:512]

    assert simulate(body) == b"ob"


@pytest.mark.parametrize(("zeroes", "expected"), [(0, b"no"), (1, b"\0\0")])
def test_a_discard_leaves_old_bytes_or_zeros_and_a_dropped_cache_harms_nothing(zeroes: int, expected: bytes) -> None:
    async def body(storage: SimStorage, loop: SimLoop) -> bytes:
        await storage.pwrite_some(memoryview(b"n"), 0)
        await storage.discard(9999, 0)
        await storage.drop_cache(512, 0)
        await storage.close()
        assert storage.size == 4096
        return await read(storage, 2, 0)

    assert simulate(body, tape=ReplayTape([Draw("discard.zeroes", 2, zeroes)])) == expected


def test_a_storage_without_zeros_grows_by_old_bytes() -> None:
    def grown(**options: bool) -> Any:
        async def body(storage: SimStorage, loop: SimLoop) -> bytes:
            await storage.resize(5120)
            return await read(storage, 2048, 4096)

        return simulate(body, **options)

    assert grown(extends_with_zeros=True) == bytes(1024)
    assert grown(extends_with_zeros=False) == b"\xee" * 1024
