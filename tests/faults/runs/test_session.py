"""A session with a driver that breaks one promise is broken; with one that keeps them it is not."""

import asyncio
import gc
from contextlib import suppress
from typing import Any

import pytest

import aiovdi
from faults.judges.oracle import Violation
from faults.runs.session import Session
from faults.runs.workload import Request, Workload
from faults.runs.world import World
from faults.simulation.plan import NoFaults, Plan, Rules, parse_rule
from faults.simulation.storage import SimStorage
from faults.simulation.tape import Draw, ExploringTape, ReplayTape, Tape
from faults.target import Disk
from faults.vdi import VDI

WRITE = Request("A0", "write", 0, 512)
READ = Request("A1", "read", 0, 512)
FLUSH = Request("A2", "flush")


class Wrapped:
    """A disk that does as the one below, except for what a subclass says."""

    def __init__(self, below: Disk) -> None:
        self.below = below

    def __getattr__(self, name: str) -> Any:
        return getattr(self.below, name)


class Altered(VDI):
    """aiovdi below one of the wrappers."""

    def __init__(self, wrapper: type[Wrapped]) -> None:
        super().__init__(blocks=2)
        self.wrapper = wrapper

    async def open(self, storage: SimStorage) -> Any:
        return self.wrapper(await super().open(storage))

    def leaks(self, disk: Any) -> list[str]:
        return [*super().leaks(disk.below), *getattr(disk, "leaked", [])]


def hold(
    target: VDI, *clients: list[Request], end: str = "close", plan: Plan | None = None, tape: Tape | None = None
) -> World:
    """One session of these clients. Raises Violation."""
    workload: Workload = list(clients)
    world = World(target, tape or ReplayTape([]))
    Session(world, workload, plan or NoFaults(), end=end).run()
    return world


def kind_of(target: VDI, *clients: list[Request], **options: Any) -> str:
    """In one word what was broken."""
    world = World(target, options.pop("tape", None) or ReplayTape([]))
    with pytest.raises(Violation):
        Session(world, list(clients), options.pop("plan", None) or NoFaults(), **{"end": "close", **options}).run()
    return world.outcome.kind or "violation"


@pytest.mark.parametrize("end", ["close", "power", "kill"])
def test_a_driver_that_keeps_its_promises_holds(end: str) -> None:
    for seed in range(30):
        world = hold(VDI(blocks=2), [WRITE, READ, FLUSH], [READ], end=end, tape=ExploringTape(seed))
        assert world.outcome.images == 1
        assert world.outcome.steps > 10


class Forgets(Wrapped):
    """Acknowledges writes that it never made."""

    async def pwrite(self, data: bytes, offset: int, *, fua: bool = False) -> None:
        await asyncio.sleep(0)


class FlushesNothing(Wrapped):
    async def flush(self) -> None:
        await asyncio.sleep(0)


class ReadsShort(Wrapped):
    async def pread(self, length: int, offset: int) -> bytes:
        return bytes(await self.below.pread(length, offset))[:-1]


class FailsForNothing(Wrapped):
    async def flush(self) -> None:
        import aiovdi

        raise aiovdi.DiskFailed(OSError("a story"))


class Crashes(Wrapped):
    async def flush(self) -> None:
        raise KeyError("a programming error")


class LeaksAllocation(Wrapped):
    leaked = ("a lock",)


class CancelsItself(Wrapped):
    async def flush(self) -> None:
        raise asyncio.CancelledError


class Hangs(Wrapped):
    async def flush(self) -> None:
        await asyncio.get_running_loop().create_future()


class LeavesALooseEnd(Wrapped):
    async def flush(self) -> None:
        def fail() -> None:
            raise ValueError

        asyncio.get_running_loop().call_soon(fail)
        await self.below.flush()


@pytest.mark.parametrize(
    ("wrapper", "clients", "expected"),
    [
        (Forgets, [[WRITE, READ]], "violation"),
        (Forgets, [[WRITE]], "violation"),
        (ReadsShort, [[READ]], "violation"),
        (FailsForNothing, [[FLUSH]], "spurious"),
        (Crashes, [[FLUSH]], "unexpected"),
        (LeaksAllocation, [[READ]], "leak"),
        (CancelsItself, [[FLUSH]], "cancelled"),
        (Hangs, [[FLUSH]], "crashed"),
        (LeavesALooseEnd, [[FLUSH]], "loose end"),
    ],
)
def test_a_driver_that_breaks_one_is_told_which(
    wrapper: type[Wrapped], clients: list[list[Request]], expected: str
) -> None:
    assert kind_of(Altered(wrapper), *clients) == expected


def test_a_flush_that_does_nothing_is_found_by_a_power_loss_and_only_by_it() -> None:
    requests = [WRITE, FLUSH]
    assert hold(Altered(FlushesNothing), requests, end="kill")

    def broken(seed: int) -> bool:
        try:
            hold(Altered(FlushesNothing), requests, end="power", tape=ExploringTape(seed))
        except Violation as violation:
            assert "power loss" in str(violation)
            return True
        return False

    assert any(broken(seed) for seed in range(40))
    assert not any(broken_real(seed, requests) for seed in range(40))


def broken_real(seed: int, requests: list[Request]) -> bool:
    try:
        hold(VDI(blocks=2), requests, end="power", tape=ExploringTape(seed))
    except Violation:
        return True
    return False


def test_an_error_is_expected_once_one_was_injected() -> None:
    plan = Rules([parse_rule("event=write nth=0")])
    world = hold(VDI(blocks=2), [WRITE], plan=plan)
    assert world.outcome.injected > 0
    assert any(event.what == "raise" for event in world.trace.events)


def test_a_broken_promise_is_reported_although_its_client_is_never_waited_for() -> None:
    """The second client fails while the first still waits; then the power goes, and nobody asks the second."""

    class WaitsForEver(Forgets):
        async def flush(self) -> None:
            await asyncio.sleep(1)
            await self.below.pread(512, 0)
            await asyncio.get_running_loop().create_future()

    assert kind_of(Altered(WaitsForEver), [FLUSH], [WRITE, READ]) == "violation"


def test_a_cancelled_request_may_have_happened_or_not() -> None:
    cancelled = WRITE._replace(cancels=2)
    seen = set()
    for seed in range(60):
        world = hold(VDI(blocks=2), [cancelled, READ], [FLUSH], tape=ExploringTape(seed))
        seen |= {str(event.detail) for event in world.trace.events if event.what == "raise"}
    assert seen == {"CancelledError"}


def test_what_was_not_durable_after_a_kill_is_still_not_durable() -> None:
    world = hold(VDI(blocks=2), [WRITE], end="kill")
    assert world.device.versions
    assert world.device.read(0, world.device.length) != world.device.stable()


def test_after_a_power_loss_everything_that_is_left_is_durable() -> None:
    world = hold(VDI(blocks=2), [WRITE], end="power")
    assert not world.device.versions
    assert not world.device.in_flight


class LeavesAnIO(Wrapped):
    """Its close does not wait for the last flush."""

    async def close(self) -> None:
        await self.below.close()
        self.last = asyncio.ensure_future(self.below._storage.flush())
        await asyncio.sleep(0)
        await asyncio.sleep(0)


class WakesUpLate(Wrapped):
    """It has a timer that close forgets, and that writes."""

    async def close(self) -> None:
        await self.below.close()
        loop = asyncio.get_running_loop()
        loop.call_later(5, lambda: loop.create_task(self.below._storage.pwrite_some(memoryview(b"x"), 0)))


class WaitsForEver(Wrapped):
    """A task of its own is never told that all is over."""

    async def close(self) -> None:
        await self.below.close()
        self.worker = asyncio.ensure_future(asyncio.Event().wait())


@pytest.mark.parametrize(
    ("wrapper", "clients", "expected"),
    [(LeavesAnIO, [READ], "late"), (WakesUpLate, [READ], "late"), (WaitsForEver, [READ], "leak")],
)
def test_nothing_comes_after_a_close(wrapper: type[Wrapped], clients: list[Request], expected: str) -> None:
    found = set()
    for seed in range(20):
        world = World(Altered(wrapper), ExploringTape(seed))
        with suppress(Violation):
            Session(world, [clients], NoFaults(), end="close").run()
        found.add(world.outcome.kind)
    assert expected in found


def test_a_close_amid_requests_lets_some_finish_and_refuses_the_rest() -> None:
    seen = set()
    for seed in range(40):
        world = World(VDI(blocks=2), ExploringTape(seed))
        Session(world, [[WRITE, READ, FLUSH], [READ]], NoFaults(), end="close", closes_early=1.0).run()
        seen |= {(event.what, event.detail) for event in world.trace.events if event.what in ("return", "raise")}
    assert ("raise", "ImageClosed") in seen
    assert any(what == "return" for what, _ in seen)


def test_the_end_may_come_in_the_middle_of_a_close() -> None:
    ends = set()
    for seed in range(80):
        events = [
            event.what for event in hold(VDI(blocks=2), [WRITE], end="power", tape=ExploringTape(seed)).trace.events
        ]
        ends.add(("closing" in events, "close" in events))
    assert ends == {(False, False), (True, False), (True, True)}


def test_what_a_living_host_has_given_up_nobody_writes_any_more() -> None:
    """The only flush fails, and its pages are marked clean: readers see them, and no later flush saves them."""
    plan = Rules([parse_rule("event=flush nth=2 pages=clean_new")])
    world = World(VDI(blocks=2), ReplayTape([Draw("lost", 2, 1)] * 9))
    Session(world, [[WRITE, FLUSH]], plan, end="kill").run()
    assert world.device.read(0, world.device.length) != world.device.stable()
    assert not world.device.versions


def test_a_session_leaves_no_task_behind() -> None:
    hold(VDI(blocks=2), [WRITE], [WRITE], end="power")
    gc.collect()
    assert not [each for each in gc.get_objects() if isinstance(each, asyncio.Task) and not each.done()]


def test_a_patient_cancel_waits_until_more_has_happened() -> None:
    def ends_of_ios(patience: int) -> int:
        world = hold(VDI(blocks=2), [WRITE._replace(cancels=1, patience=patience)])
        events = [event.what for event in world.trace.events]
        return events[: events.index("raise")].count("end")

    assert ends_of_ios(0) < ends_of_ios(3) < ends_of_ios(6)


@pytest.mark.parametrize(("field", "told"), [(0x184, "counts 6"), (None, "bytes where")])
def test_a_close_that_leaves_what_nobody_owns_is_found(field: int | None, told: str) -> None:
    class LeavesMore(Wrapped):
        is_closed = False

        async def close(self) -> None:
            await self.below.close()
            if self.is_closed:
                return
            self.is_closed = True
            if field is None:
                await self.below._storage.resize(self.below._storage.size + 512)
            else:
                await self.below._storage.pwrite_some(memoryview(b"\6\0\0\0"), field)

    world = World(Altered(LeavesMore), ReplayTape([]))
    with pytest.raises(Violation, match=told):
        Session(world, [[WRITE]], NoFaults(), end="close").run()
    assert world.outcome.kind == "structure"


def test_a_cancel_that_is_swallowed_is_found() -> None:
    class SwallowsCancels(Wrapped):
        async def pwrite(self, data: bytes, offset: int, *, fua: bool = False) -> None:
            with suppress(asyncio.CancelledError):
                await self.below.pwrite(data, offset, fua=fua)

    assert kind_of(Altered(SwallowsCancels), [WRITE._replace(cancels=1)]) == "cancelled"


def test_a_disk_that_never_recovers_from_a_failure_is_found() -> None:
    class NeverAgain(Wrapped):
        error: Exception | None = None

        async def pwrite(self, data: bytes, offset: int, *, fua: bool = False) -> None:
            if self.error:
                raise self.error
            try:
                await self.below.pwrite(data, offset, fua=fua)
            except Exception as error:
                self.error = error
                raise

    def told_of(target: VDI) -> World:
        world = World(target, ReplayTape([Draw("calm", 4, 2)]))
        plan = Rules([parse_rule("event=write:data errno=EIO")])
        Session(world, [[WRITE]], plan, end="close", closes_early=0.5).run()
        return world

    assert told_of(VDI(blocks=2)).outcome.injected == 1
    with pytest.raises(Violation, match="nothing fails any more, and every write still does"):
        told_of(Altered(NeverAgain))


def test_what_was_there_after_a_flush_must_be_there_after_a_power_loss() -> None:
    class FailsLate(Wrapped):
        """A write that was told to have failed, and is done behind everybody's back."""

        is_closed = False

        async def pwrite(self, data: bytes, offset: int, *, fua: bool = False) -> None:
            if self.is_closed:
                raise aiovdi.ImageClosed("it is")
            self.data, self.offset = data, offset
            raise OSError("no")

        async def close(self) -> None:
            if not self.is_closed:
                await self.below.pwrite(self.data, self.offset)
            self.is_closed = True
            await self.below.close()

    class Excused(NoFaults):
        injected = 1

    class Late(Altered):
        def is_expected(self, error: BaseException) -> bool:
            return isinstance(error, OSError)

    world = World(Late(FailsLate), ReplayTape([Draw("calm", 4, 1)]))
    with pytest.raises(Violation, match="sector 0 holds A0 in sector 0, expected zeros"):
        Session(world, [[WRITE]], Excused(), end="close", closes_early=0.5).run()


def test_a_disk_that_writes_through_is_held_to_it() -> None:
    class Claims(VDI):
        async def open(self, storage: SimStorage) -> Any:
            disk = await super().open(storage)
            disk._write_through = self.keeps
            return disk

    def lost(*, keeps: bool) -> int:
        target = Claims(blocks=2, writes_through=True)
        target.keeps = keeps
        held = 0
        for seed in range(20):
            with suppress(Violation):
                hold(target, [WRITE], end="power", tape=ExploringTape(seed))
                held += 1
        return 20 - held

    assert lost(keeps=True) == 0 < lost(keeps=False)


def test_a_request_that_failed_may_be_followed_by_another_at_the_same_place() -> None:
    plan = Rules([parse_rule("event=write:data errno=EIO")])
    world = hold(VDI(blocks=2), [WRITE._replace(again="read"), FLUSH._replace(again="write")], plan=plan)
    asked = [str(event) for event in world.trace.events if event.what == "submit"]
    assert asked == ["submit A0 write 512 at 0", "submit A0' read 512 at 0", "submit A2 flush"]


class FailsAside(Wrapped):
    """Its flush is a task of the disk's own, for which the one who asked waits."""

    async def flush(self) -> None:
        async def fail() -> None:
            raise aiovdi.StorageError(5, "no", operation="flush")

        task = asyncio.ensure_future(fail())
        await self.below.pread(512, 0)
        await task


def test_what_nobody_could_look_at_any_more_is_no_loose_end() -> None:
    """A's flush fails in a task of its own; power is lost at the read after it, before A looks at the task."""
    target = Altered(FailsAside)
    world = World(target, ReplayTape([]))
    Session(world, [[FLUSH]], NoFaults(), end="power", lives=1).run()
    assert world.outcome.failure is None
    assert [event.what for event in world.trace.events][-1] == "power"
