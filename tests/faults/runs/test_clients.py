"""Who sends requests tells the oracle what they returned, and judges what they raised."""

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


def test_a_closing_disk_may_refuse_and_an_open_one_may_not() -> None:
    write = Request("A0", "write", 0, 512)
    assert not send(Recorder(CLOSED), write, write, closing=True).has_changed
    with pytest.raises(Violation, match="raised ImageClosed"):
        send(Recorder(CLOSED), write)
