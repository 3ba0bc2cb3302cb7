"""The requests of one client: admitted, begun, answered.

::

    parser -> backlog -> answered within the turn (`turn`), or begun as a task (`serving`)
                            |                                  |
            link <----------+------- replies of one turn ------+

Rule 1: it reads only while it can serve. With a backlog, or with replies that the client does not take, it
    stops reading; the client's own socket fills, and nobody else notices.
Rule 2: a request that has begun runs to its end, also when the client is gone. Then its reply is dropped.
Rule 3: the memory of a request is accounted for until its reply has left this process.
Rule 4: a request that somebody cancels has no reply, and its client could wait for ever: it is dropped.
Rule 5: replies that come of one turn of the loop go out in one write.
"""

import asyncio
from functools import partial
from typing import Protocol

from aiovdi.errors import VDIError
from aiovdi.nbd.replies import replies_for
from aiovdi.nbd.terms import BadPeer, Negotiated
from aiovdi.nbd.transmission import Request, RequestParser
from aiovdi.nbd.wire import Command, CommandFlag
from aiovdi.server.commons import Commons
from aiovdi.server.limits import Memory
from aiovdi.server.serving import Reply, Service
from aiovdi.server.turn import Turn

__all__ = ["Link", "Session"]

_READ = int(Command.READ)
_WRITE = int(Command.WRITE)
_FUA = int(CommandFlag.FUA)


class Link(Protocol):
    """The connection as a session sees it."""

    @property
    def is_full(self) -> bool:
        """The client has not taken all that was sent; ``Session.taken`` is called when it has."""

    def send(self, pieces: Reply) -> None:
        """Send what fits at once, and keep the rest."""

    def read_on(self, wanted: bool) -> None:
        """Read from the client, or stop reading."""

    def close(self) -> None:
        """Send what is left, then close."""

    def drop(self, reason: str) -> None:
        """Close without another word."""


class Session:
    """One client's transmission phase."""

    def __init__(self, link: Link, terms: Negotiated, commons: Commons) -> None:
        export = commons.offers[terms.export.name].export
        replies = replies_for(terms)
        self._link = link
        self._commons = commons
        self._loop = asyncio.get_running_loop()
        self._parser = RequestParser(terms, allocate=self._memory_for)
        self._replies = replies
        self._export = export
        self._service = Service(export, terms, replies)
        self._turn = Turn(export, replies, commons.arena, commons.counters)
        self._backlog: list[Request] = []
        self._under_way = 0
        self._payload: bytearray | None = None  # of a write that is not all there yet, or has not begun
        self._ready: Reply = []
        self._is_scheduled = False
        self._is_ending = False
        self._is_lost = False
        self._memory = Memory(commons.pool, commons.limits.own_bytes, self._serve_soon)

    # From the connection

    def buffer(self) -> memoryview:
        """Where the next bytes of the client belong."""
        return self._parser.buffer()

    def received(self, count: int) -> None:
        """``count`` bytes were put there."""
        requests = self._parser.received(count)
        if requests or self._parser.ended is not None or self._parser.is_held:
            self._backlog += requests
            self._serve()

    def begin(self, rest: bytes) -> None:
        """Start with what the client has sent behind its handshake."""
        self._backlog += self._parser.receive(rest)
        self._serve()

    def taken(self) -> None:
        """The client has taken all that was sent."""
        self._memory.sent()
        self._serve()

    def end(self) -> None:
        """Nothing more comes, or shall come, from the client: answer what is there, then close."""
        self._is_ending = True
        self._serve()

    def lost(self) -> None:
        """The client is gone."""
        self._is_lost = True
        self._backlog.clear()
        self._ready.clear()
        self._memory.leave()
        if self._payload is not None:
            self._memory.answered(len(self._payload))
        # Session and connection refer to each other; what is large must not wait for the garbage collector.
        del self._payload, self._parser
        if not self._under_way:
            self._memory.sent()

    @property
    def is_idle(self) -> bool:
        """Nothing is under way for the client, and it has begun to ask nothing."""
        return not (self._under_way or self._backlog or self._ready) and self._parser.is_between_requests

    @property
    def is_hoarding(self) -> bool:
        """It holds memory that others may wait for, and it is the client who has to do something."""
        return self._memory.lent > 0 and not self._under_way

    # A turn

    def _serve_soon(self) -> None:
        if not self._is_scheduled:
            self._is_scheduled = True
            self._loop.call_soon(self._serve)

    def _serve(self) -> None:
        """Send what is ready, and answer or begin as much of the backlog as one turn may."""
        self._is_scheduled = False
        if self._is_lost or self._link.is_full:
            return
        if self._ready:
            ready, self._ready = self._ready, []
            self._send(ready)
        if self._parser.is_held and not self._backlog:
            self._backlog += self._parser.received(0)
        turn = self._turn
        turn.begin()
        if self._backlog and not self._link.is_full:
            self._work_off(turn)
            if not self._send(turn.output()):
                self._commons.arena.renew()
        self._go_on(turn)

    def _work_off(self, turn: Turn) -> None:
        backlog = self._backlog
        index = 0
        while index < len(backlog) and not turn.is_over:
            request = backlog[index]
            if request.command == _READ and (ahead := turn.reads(backlog, index)) > index:
                index = ahead
            elif self._take(request):
                index += 1
            else:
                break
        del backlog[:index]

    def _take(self, request: Request) -> bool:
        """Answer or begin one request; False: not now."""
        if request.error:
            return self._refuse(request)
        return self._turn.large_read(request) or self._begin(request)

    def _refuse(self, request: Request) -> bool:
        if not self._turn.put(self._replies.error(request, request.error)):
            return False
        self._commons.counters.errors += 1
        return True

    def _go_on(self, turn: Turn) -> None:
        """Decide what happens next: another turn, more from the client, or the end."""
        if self._backlog:
            self._link.read_on(False)
            if turn.is_over:
                self._serve_soon()
        elif isinstance(self._parser.ended, BadPeer):
            self._link.drop(self._parser.ended.reason)
        elif self._is_ending or self._parser.ended is not None:
            self._link.read_on(False)
            if not self._under_way and not self._ready and not self._link.is_full:
                self._link.close()
        else:
            self._link.read_on(not self._link.is_full and not self._parser.is_held)

    def _send(self, pieces: Reply) -> bool:
        """Send; False: some of it is still here."""
        self._link.send(pieces)
        if self._link.is_full:
            return False
        self._memory.sent()
        return True

    # Requests that need time

    def _begin(self, request: Request) -> bool:
        if self._under_way >= self._commons.limits.requests_max:
            return False
        length = request.length if request.command <= _WRITE else 0  # only these carry data
        if request.payload is not None and request.payload is self._payload:
            self._payload = None  # its memory was taken before it came
        elif not self._memory.take(length):
            return False
        self._under_way += 1
        self._commons.under_way.begin()
        self._commons.counters.count(request.command, length)
        if not self._begin_write(request):
            self._start(request, length)
        return True

    def _begin_write(self, request: Request) -> bool:
        """A write that needs no task."""
        if request.command != _WRITE or request.flags & _FUA or request.payload is None:
            return False
        done = partial(self._written, request)
        return self._export.begin_pwrite(memoryview(request.payload), request.offset, done)

    def _written(self, request: Request, is_done: bool) -> None:
        if is_done:
            self._answered(request, request.length, [self._replies.done(request)])
        else:
            self._start(request, request.length)

    def _start(self, request: Request, length: int) -> None:
        task = self._loop.create_task(self._answer(request))
        self._commons.under_way.keep(task)
        task.add_done_callback(partial(self._ended, request, length))

    def _memory_for(self, length: int) -> bytearray | None:
        """For a payload that the client is about to send."""
        if not self._memory.take(length):
            return None
        try:
            self._payload = self._commons.payloads.take(length)
        except MemoryError:
            self._memory.answered(length)
            self._link.drop(f"there is no memory for {length} bytes of payload")
            return None
        return self._payload

    async def _answer(self, request: Request) -> Reply:
        try:
            return await self._service.ways[request.command](request)
        except Exception as error:
            self._note(error)
            return [self._service.refusal(request, error)]

    def _ended(self, request: Request, length: int, task: asyncio.Task[Reply]) -> None:
        """The task is done, in whatever way: one that is cancelled before its first step runs no line of its own."""
        error = asyncio.CancelledError() if task.cancelled() else task.exception()
        if error is None:
            self._answered(request, length, task.result())
            return
        if not isinstance(error, asyncio.CancelledError):
            self._note(error)
        self._account(length)
        if not self._is_lost:
            self._backlog.clear()
            self._link.drop("a request of it ended without a reply")

    def _answered(self, request: Request, length: int, reply: Reply) -> None:
        if isinstance(request.payload, bytearray):
            self._commons.payloads.give(request.payload)
        self._account(length)
        if self._is_lost:
            return
        self._ready += reply
        if self._under_way or self._is_scheduled:
            self._serve_soon()
        else:
            self._serve()  # no other reply can come in this turn, to go out with this one

    def _account(self, length: int) -> None:
        """A request that took ``length`` bytes of memory is under way no longer."""
        self._under_way -= 1
        self._commons.under_way.end()
        self._memory.answered(length)
        if self._is_lost:
            self._memory.sent()

    def _note(self, error: BaseException) -> None:
        self._commons.counters.errors += 1
        if not isinstance(error, VDIError | OSError | MemoryError):
            self._loop.call_exception_handler({"message": "a request failed for no good reason", "exception": error})
