"""The storage below the driver: each I/O is held, and ends as the weather and the tape say.

A request of the driver is *noted* when it arrives, and becomes an I/O of the device when the driver is
quiet: those of one step in the order of their names, because the order of arrival is chance. From its
issue on a write may persist, and whether it has is seen when it ends, or when the power is lost.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from aiovdi.nbd.wire import Command, CommandFlag, code_of
from faults.foreign.formats import Format
from faults.foreign.holding import Arrived
from faults.foreign.naming import Names
from faults.runs.workload import Request
from faults.simulation.device import Device, Operation
from faults.simulation.plan import FINE, IO, Fate
from faults.simulation.tape import Tape
from faults.simulation.trace import Trace, acting

__all__ = ["Below", "Held"]

_KINDS = {
    Command.READ: "read",
    Command.WRITE: "write",
    Command.WRITE_ZEROES: "write",
    Command.TRIM: "discard",
    Command.FLUSH: "flush",
}


@dataclass(eq=False)
class Held:
    """An I/O that has not ended."""

    io: IO
    name: str
    arrived: Arrived
    owner: str
    """The request on whose behalf it seems to be made; for reports."""
    operation: Operation | None
    issued: int


class Below:
    """The device of one run, and the I/Os on it."""

    def __init__(self, device: Device, tape: Tape, trace: Trace, rules: Format, image: bytes) -> None:
        self.device = device
        self.issued = 0
        self._tape = tape
        self.trace = trace
        self._names = Names()
        self._rules = rules
        self._image = image[:4096]
        self._noted: list[Arrived] = []
        self.held: list[Held] = []

    def region(self, offset: int) -> str:
        """Which part of the image an offset lies in."""
        return self._rules.region(self._image, offset)

    def note(self, arrived: Arrived) -> None:
        """A request has come."""
        self._noted.append(arrived)

    def serve(self, arrived: Arrived) -> None:
        """A request has come, and ends well at once."""
        self.note(arrived)
        for held in self.admit("", ()):
            self.end(held, FINE)

    def admit(self, owner: str, waiting: Sequence[Request]) -> list[Held]:
        """What was noted begins. Returns the new I/Os.

        Args:
            owner: on whose behalf the event before it was.
            waiting: the requests that have no answer.
        """
        noted, self._noted = sorted(self._noted, key=_order), []
        admitted = [self._issue(arrived, _owner(arrived, owner, waiting)) for arrived in noted]
        self.held += admitted
        return admitted

    def end(self, held: Held, fate: Fate) -> None:
        """It takes effect as ``fate`` says, and is answered."""
        self.held.remove(held)
        _add(self.trace, "end", held, fate)
        if fate.errno:
            if held.operation is not None:
                self.device.end(held.operation, only=self._part(held, fate.effect))
            held.arrived.answer(code_of(fate.errno))
            return
        held.arrived.answer(0, self._take_effect(held))

    def abandon(self) -> None:
        """The process is gone, and what it had not been answered stays in flight."""
        self.held.clear()
        self._noted.clear()

    def _issue(self, arrived: Arrived, owner: str) -> Held:
        request = arrived.request
        kind = _KINDS[Command(request.command)]
        region = "" if kind == "flush" else self.region(request.offset)
        self.issued += 1
        fua = bool(request.flags & CommandFlag.FUA)
        io = IO(self.issued, kind, request.offset, request.length, region, fua)
        name = self._names.name(kind, region, request.offset, request.length)
        operation = None
        if request.command == Command.WRITE:
            operation = self.device.issue_write(request.offset, bytes(request.payload or b""))
        elif request.command == Command.WRITE_ZEROES:
            operation = self.device.issue_write(request.offset, bytes(request.length))
        held = Held(io, name, arrived, owner, operation, self.device.tick())
        _add(self.trace, "issue", held)
        return held

    def _take_effect(self, held: Held) -> bytes:
        io = held.io
        if io.kind == "read":
            return self.device.read(io.offset, io.length).ljust(io.length, b"\0")
        if io.kind == "flush":
            self.device.end_flush(held.issued)
        elif held.operation is not None:
            self.device.end(held.operation)
            if io.fua:
                self.device.persist_write(held.operation)
        return b""  # a discard keeps the old bytes, as it may

    def _part(self, held: Held, effect: str) -> "_Cut":
        """Of a write that fails: which units take effect."""
        units = -(-held.io.length // self.device.unit)
        if effect == "some":
            return _Cut(self._tape.draw(f"torn {held.name}", units))
        return _Cut(units if effect == "all" else 0)


@dataclass(frozen=True)
class _Cut:
    """The first so many units."""

    units: int

    def __call__(self, number: int) -> bool:
        return number < self.units


def _order(arrived: Arrived) -> tuple[int, int, int]:
    request = arrived.request
    return request.offset, request.command, request.length


def _add(trace: Trace, what: str, held: Held, detail: object = "") -> None:
    token = acting.set(held.owner)
    trace.add(what, held.io, detail)
    acting.reset(token)


def _owner(arrived: Arrived, owner: str, waiting: Sequence[Request]) -> str:
    """Whose this seems to be: whose bytes it carries; for zeros, who alone waits for as many; or whose turn it was."""
    payload, length = arrived.request.payload or b"", arrived.request.length
    alike = [request.name for request in waiting if length and request.length == length]
    if len(alike) == 1 and payload.count(0) == len(payload):
        return alike[0]
    return _named(payload) or owner


def _named(data: bytes | bytearray) -> str:
    """The write whose payload this is: every sector of one names it."""
    start = data.find(b" in sector ", 0, len(data))
    if start < 0:
        return ""
    begin = start
    while begin and data[begin - 1 : begin].isalnum():
        begin -= 1
    return data[begin:start].decode("ascii")
