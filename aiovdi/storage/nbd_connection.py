"""One connection to an NBD server: many requests under way, each answered when the server is done with it.

Rule 1: a request that was sent is waited for, whoever is cancelled: it may still land.
Rule 2: a connection that is lost, or whose server broke the protocol, stays so. What was under way may or
may not have been done, and may still be done; a new connection could not tell. Every later request fails.
Rule 3: what is asked in one turn of the loop is sent in one piece; data goes straight into the buffer that
it was asked for.
"""

import asyncio
import errno
import os
import ssl
from collections.abc import Iterable
from typing import cast

from aiovdi.nbd.answers import ReplyParser, request_header
from aiovdi.nbd.client import ClientHandshake
from aiovdi.nbd.terms import BadPeer, Event, Negotiated, Refused, StartTLS
from aiovdi.nbd.wire import Command, ErrorCode, errno_of
from aiovdi.settling import Settling
from aiovdi.storage.nbd_failures import hung_up, no_way_to, refusal, tls_failures
from aiovdi.storage.nbd_uri import Address
from aiovdi.units import KiB

__all__ = ["Connection", "connect"]

_SCRATCH_BYTES = 64 * KiB

_JOINED_MAX = 64 * KiB
"""Longer data is sent by itself; a copy of it would cost more than another system call."""


async def connect(address: Address, *, name: str, context: ssl.SSLContext | None) -> "Connection":
    """Connect, and haggle until transmission.

    Args:
        name: what error messages call the export.
        context: for TLS, which is insisted on; None: no TLS.

    Raises:
        OSError: there is no server, it refuses (ENOENT: no such export), or it breaks the protocol (EPROTO).
    """
    loop = asyncio.get_running_loop()
    # Extended headers are for lengths of 64 bits, which a storage can do without.
    connection = Connection(ClientHandshake(address.export, tls=context is not None, extended=False), name)
    try:
        with no_way_to(name, address):
            if address.path is None:
                await loop.create_connection(lambda: connection, address.host, address.port)
            else:
                await loop.create_unix_connection(lambda: connection, address.path)
        await connection.haggle(context, address.hostname)
    except BaseException:
        await connection.drop()
        raise
    return connection


class Connection(asyncio.BufferedProtocol):
    """Made by `connect`.

    Attributes:
        terms: what both sides agreed on.
    """

    terms: Negotiated

    def __init__(self, handshake: ClientHandshake, name: str) -> None:
        self._name = name
        self._loop = asyncio.get_running_loop()
        self._handshake = handshake
        self._events: asyncio.Queue[Event | OSError] = asyncio.Queue()
        self._scratch = memoryview(bytearray(_SCRATCH_BYTES))
        self._parser: ReplyParser | None = None
        self._transport: asyncio.Transport | None = None
        self._lost: Settling[None] = Settling(loop=self._loop)
        self._failure: OSError | None = None
        self._waiting: dict[int, Settling[None]] = {}
        self._idle: Settling[None] | None = None
        self._cookie = 0
        self._outgoing: list[bytes | memoryview] = []
        self._is_paused = self._is_sending = self._is_in_tls = False

    async def haggle(self, context: ssl.SSLContext | None, hostname: str) -> None:
        """Go through the handshake. Raises OSError."""
        while True:
            match await self._events.get():
                case StartTLS() if self._transport is not None and context is not None:
                    with tls_failures(self._name):
                        self._transport = await self._loop.start_tls(
                            self._transport, self, context, server_hostname=hostname
                        )
                    self._is_in_tls = True
                    self._handshake.tls_started()
                    self._say()
                case Negotiated():
                    return
                case Refused(code, reason):
                    raise refusal(self._name, code, reason)
                case BadPeer(reason):
                    raise self._error(errno.EPROTO, f"the server breaks the NBD protocol: {reason}")
                case OSError() as error:
                    raise error

    def request(
        self,
        command: Command,
        *,
        offset: int = 0,
        length: int = 0,
        flags: int = 0,
        data: memoryview | None = None,
        buffer: memoryview | None = None,
    ) -> Settling[None]:
        """Send a request. The future ends with the server's answer, in success or with an OSError.

        Args:
            data: of a WRITE; must not change until the future is done.
            buffer: for a READ; is nobody else's until then.

        Raises:
            OSError: the connection was lost earlier; nothing was sent.
        """
        if self._failure is not None:
            raise OSError(self._failure.errno, self._failure.strerror)
        assert self._parser is not None
        self._cookie += 1
        self._parser.expect(self._cookie, command, offset=offset, length=length, buffer=buffer)
        future = self._waiting[self._cookie] = Settling(loop=self._loop)
        self._outgoing.append(
            request_header(self.terms, command, cookie=self._cookie, offset=offset, length=length, flags=flags)
        )
        if data is not None:
            self._outgoing.append(data)
        self._send_soon()
        return future

    async def close(self) -> None:
        """Wait for every answer that is still to come, then take leave."""
        if self._waiting:
            self._idle = Settling(loop=self._loop)
            await self._idle
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(request_header(self.terms, Command.DISC, cookie=0))
            self._transport.close()
        await self._lost

    async def drop(self) -> None:
        """Give the connection up, whatever is under way."""
        if self._transport is not None:
            self._transport.abort()
            await self._lost

    # asyncio's side

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is none by name

    def get_buffer(self, sizehint: int) -> memoryview:  # noqa: ARG002
        return self._scratch if self._parser is None else self._parser.buffer()

    def buffer_updated(self, nbytes: int) -> None:
        if self._parser is None:
            self._haggle_on(self._scratch[:nbytes])
        else:
            self._settle(self._parser, nbytes)

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop(errno.ECONNRESET, f"the connection was lost{f': {exc}' if exc else ''}")
        self._events.put_nowait(hung_up(self._name, exc, in_tls=self._is_in_tls))
        self._lost.set_result(None)

    def pause_writing(self) -> None:
        self._is_paused = True

    def resume_writing(self) -> None:
        self._is_paused = False
        self._send_soon()

    # ours

    def _haggle_on(self, data: memoryview) -> None:
        for event in self._handshake.receive(data):
            if isinstance(event, Negotiated):
                self.terms = event
                self._parser = ReplyParser(event)
            self._events.put_nowait(event)
        self._say()
        if self._parser is not None and self._handshake.take_rest():
            self._break_off("it answers before it was asked")

    def _say(self) -> None:
        if self._transport is not None and (output := self._handshake.take_output()):
            self._transport.write(output)

    def _settle(self, parser: ReplyParser, count: int) -> None:
        for answer in parser.received(count):
            future = self._waiting.pop(answer.cookie)
            if not answer.error:
                future.set_result(None)
                continue
            number = errno_of(answer.error)
            future.set_exception(self._error(number, answer.message or os.strerror(number)))
            if answer.error == ErrorCode.ESHUTDOWN and self._failure is None:  # "it MUST initiate a soft disconnect"
                self._failure = self._error(errno.ESHUTDOWN, "the server is shutting down")
        if parser.ended is not None:
            self._break_off(parser.ended.reason)
        self._notice_idle()

    def _break_off(self, reason: str) -> None:
        self._stop(errno.EPROTO, f"the server breaks the NBD protocol: {reason}")
        if self._transport is not None:
            self._transport.abort()

    def _stop(self, number: int, why: str) -> None:
        """Nothing more will be answered."""
        if self._failure is None:
            self._failure = self._error(number, why)
        for future in self._waiting.values():
            future.set_exception(self._error(number, why))
        self._waiting.clear()
        self._notice_idle()

    def _notice_idle(self) -> None:
        if self._idle is not None and not self._waiting and not self._idle.done():
            self._idle.set_result(None)

    def _send_soon(self) -> None:
        if not self._is_sending:
            self._is_sending = True
            self._loop.call_soon(self._send)

    def _send(self) -> None:
        self._is_sending = False
        if self._is_paused or self._transport is None or self._transport.is_closing():
            return
        parts, self._outgoing = self._outgoing, []
        for piece in _joined(parts):
            self._transport.write(piece)

    def _error(self, number: int, why: str) -> OSError:
        return OSError(number, f"{self._name}: {why}")


def _joined(parts: Iterable[bytes | memoryview]) -> Iterable[bytes | memoryview]:
    """Short neighbours as one piece, long ones as they are."""
    short: list[bytes | memoryview] = []
    for part in parts:
        if len(part) <= _JOINED_MAX:
            short.append(part)
            continue
        if short:
            yield b"".join(short)
            short = []
        yield part
    if short:
        yield b"".join(short)
