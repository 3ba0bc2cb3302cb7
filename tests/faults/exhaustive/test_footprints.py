"""Whatever a step does on the spot leaves a mark, and so does what it issues and what it tells."""

import asyncio

from faults.exhaustive.footprints import MarkedStorage, MarkedTrace
from faults.simulation.device import Device
from faults.simulation.loop import SimLoop
from faults.simulation.plan import NoFaults
from faults.simulation.tape import ReplayTape


def marked(*, cached: bool = False) -> tuple[SimLoop, MarkedStorage, MarkedTrace]:
    tape = ReplayTape([])
    loop, trace = SimLoop(tape), MarkedTrace(tape)
    return loop, MarkedStorage(Device.holding(bytes(4096)), loop, tape, NoFaults(), trace, cached=cached), trace


def test_an_io_is_marked_when_it_is_issued() -> None:
    loop, storage, trace = marked()
    loop.run_until_complete(storage.pwrite_some(memoryview(bytes(512)), 1024))
    assert [(io.kind, io.offset) for io in trace.footprint.issued] == [("write", 1024)]
    assert not trace.footprint.tells


def test_a_result_that_a_user_hears_of_is_marked() -> None:
    for word in ("return", "raise", "close"):
        trace = MarkedTrace(ReplayTape([]))
        trace.add(word, "A0")
        assert trace.footprint.tells


def test_a_look_at_what_is_cached_is_marked_and_one_at_nothing_is_not() -> None:
    _, storage, trace = marked()
    storage.pread_now(bytearray(512), 512)
    assert trace.footprint.looks == []
    _, storage, trace = marked(cached=True)
    storage.pread_now(bytearray(512), 512)
    assert trace.footprint.looks == [(512, 512)]


def test_asking_for_the_size_and_dropping_pages_are_looks_at_everything() -> None:
    loop, storage, trace = marked()
    assert storage.size == 4096
    loop.run_until_complete(storage.drop_cache(0, 1024))
    assert trace.footprint.looks == [(0, 4096), (1024, 4096)]


def test_somebody_may_look_before_each_io_ends() -> None:
    loop, storage, _ = marked()
    seen: list[tuple[int, bytes]] = []
    storage.look = lambda ended: seen.append((ended, storage.device.read(0, 1)))

    async def use() -> None:
        await storage.pwrite_some(memoryview(b"x" * 512), 0)
        await asyncio.sleep(0)
        await storage.flush()

    loop.run_until_complete(use())
    assert seen == [(0, b"\0"), (1, b"x")]
