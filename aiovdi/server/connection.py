"""One connection: its transport, its handshake, its TLS, its end. What its client asks for is a `session`'s.

Rule 1: the transport's limits are zero: what is written is sent at once, and ``pause_writing`` says that
    the client has not taken all of it. With TLS there is a buffer between, and what is sent is copied.
Rule 2: a peer that breaks the protocol, or a limit, is dropped without a word, and counted.
Rule 3: after STARTTLS not a byte of plain text is looked at, and not one is sent.
"""

import asyncio
import logging
from collections.abc import Callable
from typing import Any, cast

from aiovdi.nbd.handshake import Abort, Event, ServerHandshake, StartTLS
from aiovdi.nbd.terms import BadPeer, Negotiated
from aiovdi.server.commons import Commons
from aiovdi.server.serving import Reply
from aiovdi.server.session import Session
from aiovdi.units import KiB

__all__ = ["Connection"]

_JOINED_MAX = 16 * KiB
"""Pieces of a reply up to this are copied together, so that they leave in one write."""

_log = logging.getLogger("aiovdi.server")


class Connection(asyncio.BufferedProtocol):
    """One client's connection.

    Args:
        commons: what it shares with the others.
        lost: told when it is gone; its requests may still be under way.
        welcome: False: there are too many already, or the server ends.
    """

    def __init__(self, commons: Commons, lost: Callable[["Connection"], None], *, welcome: bool = True) -> None:
        self.is_full = False
        self.session: Session | None = None
        self.heard_at = 0.0
        """When the client last sent or took something, on the loop's clock."""
        self._commons = commons
        self._lost = lost
        self._welcome = welcome
        self._loop = asyncio.get_running_loop()
        self._handshake = ServerHandshake(
            {name: offer.info() for name, offer in commons.offers.items()}, tls=commons.tls
        )
        self._too_slow: asyncio.TimerHandle | None = None
        self._upgrade: asyncio.Task[None] | None = None
        self._early = bytearray()  # came in over TLS before its transport did
        self._is_encrypted = self._is_lost = False
        self._is_reading = True
        self._is_made = self._is_ending = False

    # From the transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._is_made = True
        if self._is_ending:  # the server's end came between the accept and this
            self._transport.abort()
            return
        if not self._welcome:
            self.drop("too many connections, or the server ends")
            return
        self._transport.set_write_buffer_limits(high=0)
        self.heard_at = self._loop.time()
        if (seconds := self._commons.limits.handshake_seconds) is not None:
            self._too_slow = self._loop.call_later(seconds, self.drop, f"no handshake within {seconds} seconds")
        self.send([self._handshake.take_output()])

    def get_buffer(self, sizehint: int) -> memoryview:  # noqa: ARG002  (asyncio's signature)
        return self._commons.scratch if self.session is None else self.session.buffer()

    def buffer_updated(self, count: int) -> None:
        self.heard_at = self._loop.time()
        if self.session is not None:
            self.session.received(count)
        elif self._upgrade is not None:
            self._early += self._commons.scratch[:count]
        else:
            self._shake(self._commons.scratch[:count])

    def eof_received(self) -> bool:
        """The client sends no more; it may still want its answers. Over TLS it cannot have them."""
        if self.session is not None:
            self.session.end()
        return self.session is not None and not self._is_encrypted

    def pause_writing(self) -> None:
        self.is_full = True

    def resume_writing(self) -> None:
        self.is_full = False
        self.heard_at = self._loop.time()
        if self.session is not None:
            self.session.taken()

    def connection_lost(self, error: Exception | None) -> None:  # noqa: ARG002
        """The last call; asyncio leaves it out for what is lost within TLS's own handshake."""
        if self._is_lost:
            return
        self._is_lost = True
        self._end_timer()
        if self.session is not None:
            self.session.lost()
        self._lost(self)

    # For the session

    def send(self, pieces: Reply) -> None:
        """Send what fits at once, and keep the rest."""
        if self._transport.is_closing():  # the client is gone, and the loop has yet to say so
            return
        if self._is_encrypted:
            pieces = [bytes(piece) for piece in pieces]
        for piece in _joined(pieces):
            self._transport.write(piece)

    def read_on(self, wanted: bool) -> None:
        """Read from the client, or stop reading."""
        if wanted != self._is_reading and not self._is_ending and not self._transport.is_closing():
            self._is_reading = wanted
            if wanted:
                self._transport.resume_reading()
            else:
                self._transport.pause_reading()

    def close(self) -> None:
        """Send what is left, then close."""
        self._is_ending = True
        if self._is_made:
            self._transport.close()

    def drop(self, reason: str) -> None:
        """Close without another word."""
        _log.info("dropped a client: %s", reason)
        self._commons.counters.refused += 1
        self._is_ending = True
        if self._is_made:
            self._transport.abort()

    def end(self) -> None:
        """The server ends: answer what the client has asked, then close."""
        if self.session is not None:
            self.session.end()
        else:
            self.close()

    def drop_if_silent(self, now: float) -> None:
        """Drop a client that did nothing for longer than the limits allow."""
        if self.session is None:
            return
        limits, silent = self._commons.limits, now - self.heard_at
        is_in_the_way = self.session.is_hoarding and self._commons.pool.is_short
        if self.session.is_idle and limits.idle_seconds is not None and silent > limits.idle_seconds:
            self.drop(f"silent for {silent:.1f} seconds")
        elif is_in_the_way and limits.stall_seconds is not None and silent > limits.stall_seconds:
            self.drop(f"held memory that others wait for, and was silent for {silent:.1f} seconds")

    # The handshake

    def _shake(self, data: bytes | bytearray | memoryview) -> None:
        events = self._handshake.receive(data)
        if output := self._handshake.take_output():
            self.send([output])
        for event in events:
            self._happened(event)

    def _happened(self, event: Event) -> None:
        match event:
            case StartTLS():
                self.read_on(False)
                self._upgrade = self._loop.create_task(self._start_tls())
            case Negotiated():
                self._enter(event)
            case Abort():
                self.close()
            case BadPeer():
                self.drop(event.reason)

    def _enter(self, terms: Negotiated) -> None:
        self._end_timer()
        self._commons.counters.clients += 1
        self.session = Session(self, terms, self._commons)
        self.session.begin(self._handshake.take_rest())

    async def _start_tls(self) -> None:
        assert self._commons.context is not None
        plain = self._transport
        plain.set_write_buffer_limits()
        try:
            transport = await self._loop.start_tls(plain, self, self._commons.context, server_side=True)
        except OSError as error:
            self.drop(f"TLS: {error}")
            self.connection_lost(error)
            return
        if self._is_ending:  # it was dropped meanwhile
            self.connection_lost(None)
            return
        self._transport = cast("asyncio.Transport", transport)
        self._is_encrypted = self._is_reading = True
        self._upgrade = None
        self._handshake.tls_started()
        early, self._early = self._early, bytearray()
        if early:
            self._shake(early)

    def _end_timer(self) -> None:
        if self._too_slow is not None:
            self._too_slow.cancel()
            self._too_slow = None


def _joined(pieces: Reply) -> Reply:
    """The same bytes in fewer pieces: small neighbours are copied together."""
    if len(pieces) < 2:
        return pieces
    joined: Reply = []
    small: list[Any] = []
    for piece in pieces:
        if len(piece) <= _JOINED_MAX:
            small.append(piece)
            continue
        if small:
            joined.append(b"".join(small))
            small = []
        joined.append(piece)
    return [*joined, b"".join(small)] if small else joined
