"""Who sends requests tells the oracle what they returned, and judges what they raised."""

import asyncio
import errno
from typing import Any

import pytest

import aiovdi
from faults.judges.oracle import Violation
from faults.runs.clients import Clients
from faults.runs.workload import Request
from faults.runs.world import World
from faults.simulation.loop import SimLoop
from faults.simulation.plan import NoFaults
from faults.simulation.tape import ReplayTape
from faults.vdi import VDI

FAILED = aiovdi.DiskFailed(OSError(errno.EIO, "a flush failed"))
CLOSED = aiovdi.ImageClosed("the disk is closed")


class Recorder:
    """A disk that keeps what it was asked, and does it or raises."""

    def __init__(self, error: BaseException | None = None) -> None:
        self.asked: list[tuple[Any, ...]] = []
        self.error = error

    def __getattr__(self, name: str) -> Any:
        async def answer(*args: Any, **options: Any) -> bytes:
            self.asked.append((name, *args, options))
            if self.error is not None:
                raise self.error
            return bytes(args[0]) if name == "pread" else b""

        return answer


def send(disk: Recorder, *requests: Request, injected: int = 0, closing: bool = False) -> Clients:
    world = World(VDI(), ReplayTape([]))
    loop = SimLoop(world.tape)
    plan = NoFaults()
    plan.injected = injected
    clients = Clients(world, loop, plan)
    clients.is_closing = closing
    loop.run_until_complete(clients.send(disk, list(requests)))
    return clients


@pytest.mark.parametrize(
    ("kind", "asked"),
    [
        ("read", ("pread", 512, 1024, {})),
        ("flush", ("flush", {})),
        ("zero", ("write_zeroes", 512, 1024, {"fua": False})),
        ("fua-zero", ("write_zeroes", 512, 1024, {"fua": True})),
        ("discard", ("discard", 512, 1024, {})),
    ],
)
def test_each_kind_of_request_is_a_call(kind: str, asked: tuple[Any, ...]) -> None:
    disk = Recorder()
    send(disk, Request("A0", kind, 1024, 512))
    assert disk.asked == [asked]


@pytest.mark.parametrize(("kind", "fua"), [("write", False), ("fua", True)])
def test_a_write_names_itself_in_every_sector(kind: str, fua: bool) -> None:
    disk = Recorder()
    clients = send(disk, Request("A0", kind, 1024, 1024))
    name, data, offset, options = disk.asked[0]
    assert (name, offset, options) == ("pwrite", 1024, {"fua": fua})
    assert data.startswith(b"A0 in sector 2;")
    assert data[512:].startswith(b"A0 in sector 3;")
    assert clients.has_changed


def test_reads_and_flushes_change_nothing() -> None:
    assert not send(Recorder(), Request("A0", "read", 0, 512), Request("A1", "flush")).has_changed


def test_an_error_without_a_fault_is_what_was_broken() -> None:
    with pytest.raises(Violation, match="nothing was injected"):
        send(Recorder(FAILED), Request("A0", "flush"))


def test_an_error_after_a_fault_may_be() -> None:
    clients = send(Recorder(FAILED), Request("A0", "flush"), injected=1)
    assert clients.has_stopped


def test_an_error_that_no_caller_can_know_is_broken_anyway() -> None:
    with pytest.raises(Violation, match="raised KeyError"):
        send(Recorder(KeyError("slot")), Request("A0", "write", 0, 512), injected=1)


def test_an_interrupt_is_for_whoever_searches_and_no_failure_of_the_disk() -> None:
    with pytest.raises(KeyboardInterrupt):
        send(Recorder(KeyboardInterrupt()), Request("A0", "write", 0, 512))


def test_a_closing_disk_may_refuse_and_an_open_one_may_not() -> None:
    write = Request("A0", "write", 0, 512)
    assert not send(Recorder(CLOSED), write, write, closing=True).has_changed
    with pytest.raises(Violation, match="raised ImageClosed"):
        send(Recorder(CLOSED), write)


class Waits(Recorder):
    """A disk on which a request waits three times, and says how far it came."""

    def __init__(self) -> None:
        super().__init__()
        self.waited = 0

    async def pwrite(self, data: bytes, offset: int, *, fua: bool = False) -> None:
        self.asked.append(("pwrite", len(data), offset, fua))
        for _ in range(3):
            await asyncio.sleep(0)
            self.waited += 1


@pytest.mark.parametrize("waits", [1, 2, 3])
def test_a_request_is_cancelled_when_it_waits_for_the_nth_time(waits: int) -> None:
    disk = Waits()
    send(disk, Request("A0", "write", 0, 512, cancels=1, waits=waits))
    assert disk.waited == waits - 1


def test_a_request_that_never_waits_that_often_is_not_cancelled() -> None:
    disk = Waits()
    assert send(disk, Request("A0", "write", 0, 512, cancels=2, waits=4)).has_changed
    assert disk.waited == 3


@pytest.mark.parametrize(("insists", "asked"), [(False, 1), (True, 2)])
def test_who_insists_asks_again_when_cancelled(insists: bool, asked: int) -> None:
    disk = Waits()
    send(disk, Request("A0", "write", 0, 512, cancels=1, again="write", insists=insists, waits=1))
    assert len(disk.asked) == asked


def test_what_follows_a_failure_may_go_elsewhere() -> None:
    disk = Recorder(FAILED)
    send(disk, Request("A0", "write", 1024, 2048, again="zero", away=4096), injected=1)
    assert disk.asked[-1] == ("write_zeroes", 512, 5120, {"fua": False})
