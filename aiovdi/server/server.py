"""The server: it listens, keeps its connections, and ends in order.

::

    server = Server([Offer(export=disk)])
    await server.listen(sockets)
    await server.deserted()        # or anything else to wait for
    await server.close()           # answers what was asked; then the disk is its owner's again

Rule 1: after ``close`` nothing of any client is under way.
Rule 2: a client that does not take its answers can delay the end by ``drain_seconds`` and no more.
Rule 3: whoever owns the export closes it; the server flushes nothing on its own.
"""

import asyncio
import socket
import ssl
from collections.abc import Iterable

from aiovdi.server.commons import Commons
from aiovdi.server.connection import Connection
from aiovdi.server.counters import Counters
from aiovdi.server.export import Offer
from aiovdi.server.limits import Limits
from aiovdi.server.listening import is_private
from aiovdi.server.uri import is_unix, uri
from aiovdi.settling import Settling, own, to_the_end

__all__ = ["Server"]

_SWEEP_SECONDS_MAX = 1.0


class Server:
    """An NBD server on the running event loop.

    Args:
        offers: what clients can have, each with a name of its own.
        limits: what they may take.
        context: for TLS, which is then demanded of everybody.

    Raises:
        ValueError: two offers have one name.
    """

    def __init__(
        self, offers: Iterable[Offer], *, limits: Limits | None = None, context: ssl.SSLContext | None = None
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._commons = Commons.of(offers, limits or Limits(), context)
        self._connections: set[Connection] = set()
        self._listening: list[asyncio.Server] = []
        self._sockets: list[socket.socket] = []
        self._deserted = asyncio.Event()
        self._empty: asyncio.Future[None] | None = None
        self._closing: asyncio.Task[None] | None = None
        self._sweeper: asyncio.TimerHandle | None = None

    async def listen(self, sockets: Iterable[socket.socket]) -> None:
        """Take connections from ``sockets``, which belong to the server from now on.

        Raises:
            ValueError: others than this machine could connect to one of them, and there is no TLS.
        """
        for listener in sockets:
            if self._commons.context is None and not is_private(listener):
                address = listener.getsockname()[0]
                raise ValueError(f"plain text to {address}: other machines can reach that address, so it needs TLS")
            start = self._loop.create_unix_server if is_unix(listener) else self._loop.create_server
            self._listening.append(await start(self._connection, sock=listener))
            self._sockets.append(listener)
        self._sweep()

    @property
    def counters(self) -> Counters:
        """What has been done so far."""
        return self._commons.counters

    def uris(self) -> list[str]:
        """How to reach each export, socket by socket."""
        tls = self._commons.context is not None
        return [uri(listener, name, tls=tls) for listener in self._sockets for name in self._commons.offers]

    def lines(self) -> list[str]:
        """What is going on now and what has been done so far, for people."""
        clients = sum(each.session is not None for each in self._connections)
        now = f"now: {clients} clients, {self._commons.under_way.count} requests under way"
        return [f"{now}, {self._commons.pool.lent} bytes lent", *self.counters.lines()]

    async def deserted(self) -> None:
        """Wait until a client has been here and the last one has gone."""
        await self._deserted.wait()

    async def close(self) -> None:
        """Let nobody in, answer what was asked, see everybody off. Idempotent. A cancel does not hurry it."""
        if self._closing is None or self._closing.cancelled():  # by the loop's end, which spares no task
            self._closing = own(self._close())
        await to_the_end(self._closing)

    async def _close(self) -> None:
        if self._sweeper is not None:
            self._sweeper.cancel()
        for server in self._listening:
            server.close()
        for connection in list(self._connections):
            connection.end()
        late = self._loop.call_later(self._commons.limits.drain_seconds or 0.0, self._abort_all)
        if self._commons.limits.drain_seconds is None:
            late.cancel()
        try:
            await self._until_empty()
        finally:  # also when the loop's end has cancelled every task, and this one with them
            late.cancel()
            await self._commons.under_way.idle()

    async def _until_empty(self) -> None:
        if self._connections:
            self._empty = Settling(loop=self._loop)
            await self._empty

    def _abort_all(self) -> None:
        for connection in list(self._connections):
            connection.drop("it did not take its answers before the end")

    def _connection(self) -> Connection:
        is_closing = self._closing is not None
        welcome = not is_closing and len(self._connections) < self._commons.limits.connections_max
        connection = Connection(self._commons, self._lost, welcome=welcome)
        self._commons.counters.connections += 1
        if not is_closing:  # else it was accepted just before, and asyncio may never give it a transport to lose
            self._connections.add(connection)
        return connection

    def _lost(self, connection: Connection) -> None:
        self._connections.discard(connection)
        if connection.session is not None and not any(each.session for each in self._connections):
            self._deserted.set()
        if self._empty is not None and not self._connections and not self._empty.done():
            self._empty.set_result(None)

    # Clients that do nothing

    def _sweep(self) -> None:
        """Drop who was silent for too long. Now and then is often enough."""
        limits = self._commons.limits
        now = self._loop.time()
        for connection in list(self._connections):
            connection.drop_if_silent(now)
        waits = [each for each in (limits.idle_seconds, limits.stall_seconds) if each is not None]
        self._sweeper = self._loop.call_later(min([_SWEEP_SECONDS_MAX, *(wait / 4 for wait in waits)]), self._sweep)
