"""The smallest NBD server: it serves a bytearray at a Unix socket, and does what a test wants of it.

Every request is answered in the turn in which it came, unless the test holds it, refuses it, or hangs up.
"""

import asyncio
import ssl
from contextlib import suppress
from pathlib import Path
from typing import Self, cast
from urllib.parse import quote

from aiovdi.nbd.handshake import ServerHandshake
from aiovdi.nbd.replies import ChunkReplies, SimpleReplies, replies_for
from aiovdi.nbd.terms import BlockSizes, ExportInfo, Negotiated, StartTLS
from aiovdi.nbd.transmission import Request, RequestParser
from aiovdi.nbd.wire import Command, ExportFlag

__all__ = ["ALL_FLAGS", "Exporter"]

ALL_FLAGS = (
    ExportFlag.SEND_FLUSH | ExportFlag.SEND_FUA | ExportFlag.SEND_TRIM | ExportFlag.SEND_WRITE_ZEROES
)  # fmt: skip


class Exporter:
    """One export, for any number of connections.

    Attributes:
        content: the bytes.
        log: the requests that were served, in order.
        refuse: error codes by command.
        holding: requests are kept, unanswered, in ``held``; ``arrived`` tells of each.
        raw: sent in place of the next answer.
    """

    def __init__(
        self,
        path: Path,
        content: bytes,
        *,
        flags: int = ALL_FLAGS,
        block_sizes: BlockSizes = BlockSizes(),  # noqa: B008
        context: ssl.SSLContext | None = None,
    ) -> None:
        self.path = path
        self.content = bytearray(content)
        self.info = ExportInfo(name="disk", size=len(content), flags=flags, block_sizes=block_sizes)
        self.context = context
        self.log: list[Request] = []
        self.refuse: dict[int, int] = {}
        self.holding = False
        self.held: list[tuple[Connection, Request]] = []
        self.arrived = asyncio.Semaphore(0)
        self.raw: bytes | None = None
        self.connections: list[Connection] = []
        self.server: asyncio.AbstractServer | None = None

    @property
    def uri(self) -> str:
        return f"nbd+unix:///disk?socket={quote(str(self.path))}"

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        self.server = await loop.create_unix_server(lambda: Connection(self), str(self.path))
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self.server is not None
        self.hang_up()
        self.server.close()
        await self.server.wait_closed()
        for connection in self.connections:
            await connection.lost.wait()

    def hang_up(self) -> None:
        for connection in self.connections:
            connection.transport.abort()

    def release(self) -> None:
        """Answer what was held, the last first."""
        self.holding = False
        held, self.held = self.held, []
        for connection, request in reversed(held):
            if not connection.lost.is_set():
                connection.answer(request)

    def serve(self, request: Request, replies: SimpleReplies | ChunkReplies) -> bytes:
        self.log.append(request)
        code = self.refuse.get(request.command, request.error)
        if code:
            return replies.error(request, code, "the test wants it so")
        place = slice(request.offset, request.offset + request.length)
        if request.command == Command.READ:
            return replies.read_header(request) + self.content[place]
        if request.command == Command.WRITE and request.payload is not None:
            self.content[place] = request.payload
        elif request.command in {Command.WRITE_ZEROES, Command.TRIM}:
            self.content[place] = bytes(request.length)
        return replies.done(request)


class Connection(asyncio.Protocol):
    """One client."""

    transport: asyncio.Transport
    replies: SimpleReplies | ChunkReplies

    def __init__(self, exporter: Exporter) -> None:
        self.exporter = exporter
        tls = "off" if exporter.context is None else "require"
        self.handshake = ServerHandshake({"disk": exporter.info}, tls=tls)  # type: ignore[arg-type]
        self.parser: RequestParser | None = None
        self.upgrading: asyncio.Task[None] | None = None
        self.early = b""  # came over TLS before the transport of it did
        self.lost = asyncio.Event()
        exporter.connections.append(self)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)  # uvloop's is none by name
        transport.write(self.handshake.take_output())

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost.set()

    def data_received(self, data: bytes) -> None:
        if self.upgrading is not None:
            self.early += data
            return
        if self.parser is None:
            self.haggle(data)
            return
        for request in self.parser.receive(data):
            if self.exporter.holding:
                self.exporter.held.append((self, request))
                self.exporter.arrived.release()
            else:
                self.answer(request)
        if self.parser.ended is not None:
            self.transport.close()

    def haggle(self, data: bytes) -> None:
        events = self.handshake.receive(data)
        self.transport.write(self.handshake.take_output())
        match events:
            case [StartTLS()]:
                self.upgrading = asyncio.create_task(self.upgrade())
            case [Negotiated() as terms]:
                self.parser, self.replies = RequestParser(terms), replies_for(terms)
            case [_]:
                self.transport.close()

    async def upgrade(self) -> None:
        assert self.exporter.context is not None
        loop = asyncio.get_running_loop()
        with suppress(OSError):  # the client does not like the certificate
            transport = await loop.start_tls(self.transport, self, self.exporter.context, server_side=True)
            assert transport is not None
            self.transport, self.upgrading = transport, None
            self.handshake.tls_started()
            self.data_received(self.early)

    def answer(self, request: Request) -> None:
        reply, self.exporter.raw = self.exporter.raw, None
        self.transport.write(self.exporter.serve(request, self.replies) if reply is None else reply)
