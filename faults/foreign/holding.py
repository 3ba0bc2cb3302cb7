"""The NBD export below the driver: a server that answers a request when it is told to, and not before.

It knows nothing of devices: requests go up as they came, and replies are sent as they are handed down.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from aiovdi.nbd.handshake import Negotiated, ServerHandshake
from aiovdi.nbd.replies import SimpleReplies, replies_for
from aiovdi.nbd.terms import ExportInfo
from aiovdi.nbd.transmission import Request, RequestParser
from aiovdi.nbd.wire import ExportFlag

__all__ = ["Arrived", "HoldingExport"]

_OFFERS = ExportFlag.SEND_FLUSH | ExportFlag.SEND_FUA | ExportFlag.SEND_TRIM | ExportFlag.SEND_WRITE_ZEROES


@dataclass(eq=False)
class Arrived:
    """A request of the driver that has not been answered."""

    request: Request
    link: "_Link"

    def answer(self, error: int = 0, data: bytes = b"") -> None:
        """Send the reply; ``data`` of a READ that succeeded."""
        self.link.answer(self.request, error, data)


class HoldingExport:
    """Serves one export of ``size`` bytes.

    Args:
        take: is given each request as it arrives.
        room: up to where it takes requests, if that is more: an image that grows.
    """

    def __init__(self, size: int, take: Callable[[Arrived], object], *, room: int = 0) -> None:
        self.info = ExportInfo(name="", size=size, flags=int(_OFFERS), contexts=())
        self.room = max(size, room)
        self.take = take
        self.heard = 0
        """How many connections and requests came from the driver; not those that the protocol itself refuses."""
        self.links: list[_Link] = []
        self._server: asyncio.Server | None = None

    async def listen(self, socket: Path) -> None:
        """Accept connections on ``socket``."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_unix_server(lambda: _Link(self), str(socket))

    @property
    def is_between_messages(self) -> bool:
        """Nothing is half received, and nothing half sent."""
        return all(link.is_between_messages for link in self.links)

    def close(self) -> None:
        """Hang up."""
        for link in self.links:
            link.transport.abort()
        if self._server is not None:
            self._server.close()


class _Link(asyncio.Protocol):
    """One connection of the driver."""

    def __init__(self, export: HoldingExport) -> None:
        self._export = export
        # QEMU 10.0 takes extended headers and then sends writes that lack their flag; simple ones do as well here.
        self._handshake: ServerHandshake | None = ServerHandshake({"": export.info}, extended=False)
        self._parser: RequestParser | None = None
        self._replies: SimpleReplies | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self._export.links.append(self)
        self._export.heard += 1
        assert self._handshake is not None
        transport.write(self._handshake.take_output())

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        self._export.links.remove(self)

    def data_received(self, data: bytes) -> None:
        if self._handshake is not None:
            data = self._negotiate(self._handshake, data)
        if self._parser is None:
            return
        for request in self._parser.receive(data):
            if request.error:
                self.answer(request, request.error)
            else:
                self._export.heard += 1
                self._export.take(Arrived(request, self))
        if self._parser.ended is not None:
            self.transport.close()

    @property
    def is_between_messages(self) -> bool:
        received = self._parser is None or self._parser.is_between_requests
        return received and not self.transport.get_write_buffer_size()

    def answer(self, request: Request, error: int, data: bytes = b"") -> None:
        assert self._replies is not None
        if error:
            self.transport.write(self._replies.error(request, error))
        elif data:
            self.transport.write(self._replies.read_header(request) + data)
        else:
            self.transport.write(self._replies.done(request))

    def _negotiate(self, handshake: ServerHandshake, data: bytes) -> bytes:
        events = handshake.receive(data)
        self.transport.write(handshake.take_output())
        for event in events:
            if not isinstance(event, Negotiated):
                self.transport.close()
                return b""
            self._handshake = None
            terms = replace(event, export=replace(event.export, size=self._export.room))
            self._parser, self._replies = RequestParser(terms), replies_for(terms)
        return b"" if self._handshake else handshake.take_rest()
