"""The storage below the driver: an I/O takes effect when it ends, as its fate says, and is answered then."""

import errno
from typing import Any

import pytest

from aiovdi.nbd.transmission import Request as NBDRequest
from aiovdi.nbd.wire import Command, CommandFlag
from faults.foreign.below import Below
from faults.foreign.formats import Opaque
from faults.runs.workload import Request, payload
from faults.simulation.device import Device
from faults.simulation.plan import FINE, Fate
from faults.simulation.tape import Draw, ReplayTape
from faults.simulation.trace import Trace

OLD = b"o" * 4096
A0 = Request("A0", "write", 512, 1024)


class Arrived:
    """A request of the driver, and what it was answered."""

    def __init__(
        self, command: int, offset: int = 0, length: int = 0, data: bytes | None = None, flags: int = 0
    ) -> None:
        self.request = NBDRequest(command, flags, 1, offset, length, data, 0)
        self.answers: list[tuple[int, bytes]] = []

    def answer(self, error: int = 0, data: bytes = b"") -> None:
        self.answers.append((error, data))


def below(*draws: Draw) -> Below:
    return Below(Device.holding(OLD), ReplayTape(draws), Trace(), Opaque(), OLD)


def admitted(storage: Below, *arrived: Any, waiting: tuple[Request, ...] = ()) -> Any:
    for each in arrived:
        storage.note(each)
    return storage.admit("Z0", waiting)


def write(offset: int = 512, data: bytes = b"n" * 1024, flags: int = 0) -> Arrived:
    return Arrived(Command.WRITE, offset, len(data), data, flags)


def test_a_write_is_visible_when_it_has_ended_and_answered_then() -> None:
    storage, arrived = below(), write()
    (held,) = admitted(storage, arrived)
    assert storage.device.read(0, 4096) == OLD
    assert arrived.answers == []
    storage.end(held, FINE)
    assert storage.device.read(512, 1024) == b"n" * 1024
    assert arrived.answers == [(0, b"")]
    assert storage.held == []


@pytest.mark.parametrize(("effect", "content"), [("none", b"oooo"), ("all", b"onno"), ("some", b"onoo")], ids=str)
def test_of_a_write_that_fails_stays_what_its_fate_says(effect: str, content: bytes) -> None:
    storage, arrived = below(Draw("torn write image 1024@512 #1", 2, 1)), write()
    (held,) = admitted(storage, arrived)
    storage.end(held, Fate(errno.ENOSPC, effect))
    assert storage.device.read(0, 2048)[::512] == content
    assert arrived.answers == [(28, b"")]


def test_a_flush_covers_what_had_ended_when_it_was_issued() -> None:
    storage = below()
    (early,) = admitted(storage, write(0, b"e" * 512))
    storage.end(early, FINE)
    (flush,) = admitted(storage, Arrived(Command.FLUSH))
    (late,) = admitted(storage, write(512, b"l" * 512))
    storage.end(late, FINE)
    storage.end(flush, FINE)
    assert storage.device.stable()[:1024:512] == b"eo"


def test_fua_is_durable_when_it_has_ended() -> None:
    storage = below()
    (held,) = admitted(storage, write(flags=CommandFlag.FUA))
    storage.end(held, FINE)
    assert storage.device.stable()[512:1536] == b"n" * 1024


def test_zeros_are_a_write_a_discard_is_none_and_a_read_goes_on_past_the_end() -> None:
    storage, read = below(), Arrived(Command.READ, 3584, 1024)
    zeros, discard = Arrived(Command.WRITE_ZEROES, 0, 512), Arrived(Command.TRIM, 512, 512)
    for held in admitted(storage, zeros, discard, read):
        storage.end(held, FINE)
    assert storage.device.read(0, 1024) == bytes(512) + b"o" * 512
    assert read.answers == [(0, b"o" * 512 + bytes(512))]


def test_those_of_one_step_are_numbered_by_range_and_not_by_arrival() -> None:
    names = []
    for order in (1, -1):
        arrived = [write(0, b"a" * 512), write(512, b"b" * 512), Arrived(Command.FLUSH)][::order]
        names.append([(held.io.number, held.name) for held in admitted(below(), *arrived)])
    assert names[0] == names[1]
    assert [name for _, name in names[0]] == ["write image 512@0 #1", "flush #1", "write image 512@512 #1"]


def test_an_io_belongs_to_whose_bytes_it_carries_and_else_to_whose_turn_it_was() -> None:
    storage = below()
    padded = write(0, bytes(512) + payload(A0) + bytes(512))
    held = admitted(storage, padded, write(2048, b"m" * 512), waiting=(A0, Request("B0", "zero", 0, 512)))
    assert [each.owner for each in held] == ["A0", "Z0"]
    (zeros,) = admitted(storage, write(0, bytes(512)), waiting=(A0, Request("B0", "zero", 0, 512)))
    assert zeros.owner == "B0"


def test_what_a_dead_process_had_asked_for_stays_in_flight() -> None:
    storage = below()
    admitted(storage, write())
    storage.abandon()
    assert storage.held == []
    assert len(storage.device.in_flight) == 1


def test_who_serves_answers_at_once() -> None:
    storage, arrived = below(), Arrived(Command.READ, 0, 512)
    storage.serve(arrived)  # type: ignore[arg-type]
    assert arrived.answers == [(0, b"o" * 512)]
