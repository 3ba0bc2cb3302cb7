"""The clients' connection to the driver: requests go out, answers are kept until somebody looks at them.

A *probe* is a request that the protocol itself refuses, one past the end of the export: the driver's
server must look at it and answer, and nothing below it is asked.

Replies are simple ones: with structured replies qemu-nbd 7.2 hangs up where a read below it has failed,
and a search would see little else.
"""

import asyncio
from dataclasses import dataclass

from aiovdi.nbd.answers import Answer, ReplyParser, request_header
from aiovdi.nbd.client import ClientHandshake
from aiovdi.nbd.terms import Negotiated
from aiovdi.nbd.wire import Command, CommandFlag, ExportFlag, errno_of
from faults.runs.workload import Request, payload

__all__ = ["Answered", "HungUp", "Upstream"]


class HungUp(Exception):
    """The driver closed the connection, or broke the protocol."""


@dataclass(eq=False)
class Answered:
    """What the driver said to a request."""

    request: Request
    errno: int
    """0: it succeeded."""
    data: bytes = b""


_COMMANDS = {
    "read": Command.READ,
    "write": Command.WRITE,
    "fua": Command.WRITE,
    "zero": Command.WRITE_ZEROES,
    "fua-zero": Command.WRITE_ZEROES,
    "discard": Command.TRIM,
    "flush": Command.FLUSH,
}
_NEEDS = {
    "flush": ExportFlag.SEND_FLUSH,
    "fua": ExportFlag.SEND_FUA,
    "zero": ExportFlag.SEND_WRITE_ZEROES,
    "fua-zero": ExportFlag.SEND_WRITE_ZEROES | ExportFlag.SEND_FUA,
    "discard": ExportFlag.SEND_TRIM,
}


class Upstream(asyncio.Protocol):
    """One connection."""

    def __init__(self) -> None:
        self.heard = 0
        """How many times anything but the answer to a probe came."""
        self.answered: list[Answered] = []
        self.under_way: dict[int, Request] = {}
        self.end: HungUp | None = None
        self.terms: Negotiated | None = None
        self._buffers: dict[int, bytearray] = {}
        self._transport: asyncio.Transport | None = None
        self._handshake = ClientHandshake(structured=False, extended=False)
        self._parser: ReplyParser | None = None
        self._cookie = 0
        self._probe = 0
        loop = asyncio.get_running_loop()
        self._agreed: asyncio.Future[None] = loop.create_future()
        self._probed: asyncio.Future[None] = loop.create_future()

    async def negotiated(self) -> int:
        """Wait for the end of the handshake. Returns the export's size in bytes. Raises HungUp."""
        await self._agreed
        assert self.terms is not None
        return self.terms.export.size

    def offers(self, kind: str) -> bool:
        """Whether the driver's export takes requests of this kind."""
        assert self.terms is not None
        wanted = _NEEDS.get(kind, 0)
        return self.terms.flags & wanted == wanted

    @property
    def grain(self) -> int:
        """Offsets and lengths that the driver's export takes are multiples of this, in bytes."""
        assert self.terms is not None
        return self.terms.export.block_sizes.minimum

    def send(self, request: Request) -> None:
        """Send it; the answer will be in ``answered``."""
        fua = CommandFlag.FUA if request.is_fua else 0
        data = payload(request) if request.kind in ("write", "fua") else b""
        cookie = self._ask(_COMMANDS[request.kind], request.offset, request.length, fua, data)
        self.under_way[cookie] = request

    async def probe(self) -> None:
        """One round trip through the driver's server. Raises HungUp."""
        if self.end is not None:
            raise self.end
        assert self.terms is not None
        self._probed = asyncio.get_running_loop().create_future()
        self._probe = self._ask(Command.READ, self.terms.export.size, 512)
        await self._probed

    async def read(self, length: int, offset: int) -> bytes:
        """A read on nobody's behalf. Raises OSError, HungUp."""
        request = Request("look", "read", offset, length)
        self.send(request)
        while not (mine := [each for each in self.answered if each.request is request]):
            await self.probe()
        self.answered.remove(mine[0])
        if mine[0].errno:
            raise OSError(mine[0].errno, "the driver cannot read")
        return mine[0].data

    @property
    def is_between_messages(self) -> bool:
        """Nothing is half sent. What is half received shows when its rest comes."""
        return self._transport is None or not self._transport.get_write_buffer_size()

    def close(self, *, politely: bool) -> None:
        """Hang up; ``politely``: with the word that says so."""
        if self._transport is None:
            return
        if politely and self.end is None and self.terms is not None:
            self._transport.write(request_header(self.terms, Command.DISC, cookie=0))
            self._transport.close()
        else:
            self._transport.abort()

    # What the event loop calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def connection_lost(self, exc: Exception | None) -> None:
        # Which of the connection's errors it is depends on who came first.
        self._over(f"the driver hung up{f' ({exc})' if exc and not isinstance(exc, ConnectionError) else ''}")

    def data_received(self, data: bytes) -> None:
        if self._parser is None:
            data = self._negotiate(data)
        if self._parser is None or not data:
            return
        answers = self._parser.receive(data)
        is_probe = len(answers) == 1 and answers[0].cookie == self._probe
        self.heard += not is_probe
        for answer in answers:
            self._take(answer)
        if self._parser.ended is not None:
            self._over(f"the driver broke the protocol: {self._parser.ended.reason}")

    def _take(self, answer: Answer) -> None:
        buffer = self._buffers.pop(answer.cookie, bytearray())
        if answer.cookie == self._probe:
            if not self._probed.done():
                self._probed.set_result(None)
            return
        request = self.under_way.pop(answer.cookie)
        self.answered.append(Answered(request, errno_of(answer.error) if answer.error else 0, bytes(buffer)))

    def _ask(self, command: Command, offset: int, length: int, flags: int = 0, data: bytes = b"") -> int:
        assert self._parser is not None
        assert self.terms is not None
        assert self._transport is not None
        self._cookie += 1
        buffer = None
        if command == Command.READ:
            buffer = self._buffers[self._cookie] = bytearray(length)
        view = None if buffer is None else memoryview(buffer)
        self._parser.expect(self._cookie, command, offset=offset, length=length, buffer=view)
        header = request_header(
            self.terms, command, cookie=self._cookie, offset=offset, length=length, flags=int(flags)
        )
        self._transport.write(header + data)
        return self._cookie

    def _negotiate(self, data: bytes) -> bytes:
        assert self._transport is not None
        events = self._handshake.receive(data)
        self._transport.write(self._handshake.take_output())
        for event in events:
            if not isinstance(event, Negotiated):
                self._over(f"no agreement with the driver: {event}")
                return b""
            self.terms, self._parser = event, ReplyParser(event)
            self._agreed.set_result(None)
        return self._handshake.take_rest() if self._parser else b""

    def _over(self, reason: str) -> None:
        self.end = self.end or HungUp(reason)
        for waiting in (self._agreed, self._probed):
            if not waiting.done():
                waiting.set_exception(self.end)
                waiting.exception()  # nobody need ask
