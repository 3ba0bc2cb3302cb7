"""The client's part of transmission: request headers out, replies in.

::

    parser.expect(7, Command.READ, offset=0, length=4096, buffer=memory)
    header = request_header(terms, Command.READ, cookie=7, offset=0, length=4096)
    ...                                  # send the header, and the data behind it if it is a WRITE
    memory = parser.buffer()             # as asyncio.BufferedProtocol.get_buffer
    count = sock.recv_into(memory)
    for answer in parser.received(count):
        ...                              # whole answers, in the order in which they were completed
    if parser.ended: ...                 # BadPeer, after the answers before it

Rule 1: the data of a READ goes into the buffer of its request. What is not there yet when its chunk is
looked at is read there from the socket, without a copy on the way.
Rule 2: a server that answers what nobody asked, or in a layout that was not agreed on, is a ``BadPeer``.
"""

from collections.abc import Callable
from typing import NamedTuple

from aiovdi.nbd.options import Malformed
from aiovdi.nbd.pending import Answer, Pending
from aiovdi.nbd.terms import BadPeer, Negotiated
from aiovdi.nbd.wire import (
    EXTENDED_CHUNK,
    EXTENDED_REPLY_MAGIC,
    EXTENDED_REQUEST,
    EXTENDED_REQUEST_MAGIC,
    EXTENTS_MAX,
    LONG_EXTENT,
    REQUEST,
    REQUEST_MAGIC,
    SIMPLE_REPLY,
    SIMPLE_REPLY_MAGIC,
    STRUCTURED_CHUNK,
    STRUCTURED_REPLY_MAGIC,
    Chunk,
    ChunkFlag,
    Command,
    CommandFlag,
)
from aiovdi.units import KiB, ReadableBuffer, as_bytes_view

__all__ = ["Answer", "ReplyParser", "request_header"]

_BUFFER_BYTES = 256 * KiB

_ROOM_MIN = 128 * KiB
"""With less room behind them, unparsed bytes move to the front of the buffer."""

_BODY_MAX = LONG_EXTENT.size * EXTENTS_MAX + 8
"""The longest payload of a chunk that is not data."""

_DONE = int(ChunkFlag.DONE)
_NONE = int(Chunk.NONE)
_DATA = int(Chunk.OFFSET_DATA)
_READ = int(Command.READ)
_OFFSET_BYTES = 8


def request_header(
    terms: Negotiated, command: int, *, cookie: int, offset: int = 0, length: int = 0, flags: int = 0
) -> bytes:
    """What asks for ``command``; the ``length`` bytes of a WRITE follow it."""
    if terms.extended:
        flags |= CommandFlag.PAYLOAD_LEN if command == Command.WRITE else 0
        return EXTENDED_REQUEST.pack(EXTENDED_REQUEST_MAGIC, flags, command, cookie, offset, length)
    return REQUEST.pack(REQUEST_MAGIC, flags, command, cookie, offset, length)


class _Head(NamedTuple):
    """The header of a reply in any of the three layouts."""

    size: int
    """Of the header itself, in bytes."""
    is_last: bool
    kind: int
    """A `Chunk`. The data of a simple reply is OFFSET_DATA without the offset."""
    cookie: int
    error: int
    """Of a simple reply."""
    length: int
    """Of what follows the header."""


class ReplyParser:
    """The replies of one connection.

    Attributes:
        ended: why nothing more comes; None while the connection goes on.
    """

    def __init__(self, terms: Negotiated) -> None:
        self.ended: BadPeer | None = None
        self._contexts = terms.contexts
        self._head: Callable[[int], _Head | None] = self._simple_head
        if terms.has_chunks:
            self._head = self._extended_head if terms.extended else self._structured_head
        self._pending: dict[int, Pending] = {}
        self._memory = bytearray(_BUFFER_BYTES)
        self._view = memoryview(self._memory)
        self._start = self._end = 0  # what of the buffer is not parsed yet
        self._body_bytes = 0  # of a chunk that has to be in the buffer whole
        self._missing = memoryview(b"")  # of the data that is being read into its place
        self._reading: tuple[int, Pending, bool] | None = None  # whose data that is, and whether it is the last

    def expect(
        self, cookie: int, command: int, *, offset: int = 0, length: int = 0, buffer: memoryview | None = None
    ) -> None:
        """A request is about to be sent. ``buffer``, of ``length`` bytes, is for the data of a READ."""
        assert cookie not in self._pending
        self._pending[cookie] = Pending(command, offset, length, buffer)

    def buffer(self) -> memoryview:
        """Where the next bytes of the connection belong. Never empty."""
        if self._missing:
            return self._missing
        if self._start and len(self._memory) - self._end < _ROOM_MIN:
            self._move_to(self._memory)
        if self._end - self._start < self._body_bytes and len(self._memory) - self._start < self._body_bytes:
            self._move_to(bytearray(self._body_bytes + _ROOM_MIN))
        return self._view[self._end :]

    def received(self, count: int) -> list[Answer]:
        """``count`` bytes were put into ``buffer()``. Returns the answers that are complete now."""
        answers: list[Answer] = []
        if self._missing:
            self._missing = self._missing[count:]
        else:
            self._end += count
        try:
            while self.ended is None and not self._missing and self._take_one(answers):
                pass
        except Malformed as error:
            self.ended = BadPeer(str(error))
        if self.ended is not None:
            self._missing, self._reading, self._end = memoryview(b""), None, self._start
        if self._start == self._end:
            self._start = self._end = 0
        return answers

    def receive(self, data: ReadableBuffer) -> list[Answer]:
        """The same for bytes that lie elsewhere; copies them."""
        view = as_bytes_view(data)
        answers = []
        while view:
            memory = self.buffer()
            count = min(len(memory), len(view))
            memory[:count] = view[:count]
            view = view[count:]
            answers += self.received(count)
        return answers

    def _take_one(self, answers: list[Answer]) -> bool:
        """Take the next reply, or the end of the data that was being read. False: more bytes are needed."""
        reading = self._reading or self._next()
        if reading is None or self._missing:
            self._reading = reading
            return False
        self._reading = None
        cookie, pending, is_last = reading
        if is_last:
            del self._pending[cookie]
            answers.append(pending.finish(cookie, self._contexts))
        return True

    def _next(self) -> tuple[int, Pending, bool] | None:
        head = self._head(self._end - self._start)
        pending = None if head is None else self._take(head)
        return None if head is None or pending is None else (head.cookie, pending, head.is_last)

    def _take(self, head: _Head) -> Pending | None:
        """Take one reply off the buffer. None: more bytes are needed."""
        pending = self._pending.get(head.cookie)
        if pending is None:
            raise Malformed(f"a reply to a request that is not under way, cookie {head.cookie:#x}")
        body = self._start + head.size
        if head.kind == _DATA:
            return self._take_data(head, pending, body)
        if head.length > _BODY_MAX:
            raise Malformed(f"a chunk of kind {head.kind} in {head.length} bytes")
        if head.kind == _NONE and not head.is_last:
            raise Malformed("a chunk of kind NONE that is not the last")
        if self._end - body < head.length:
            self._body_bytes = head.size + head.length
            return None
        self._body_bytes = 0
        self._start = body + head.length
        if head.error:
            pending.fail(head.error)
        pending.take_chunk(head.kind, self._view[body : self._start], self._contexts)
        return pending

    def _take_data(self, head: _Head, pending: Pending, body: int) -> Pending | None:
        """Put the data where it belongs, as far as it is here; the rest is ``_missing``."""
        offset, length = pending.offset, head.length
        if self._head != self._simple_head:
            if self._end - body < _OFFSET_BYTES:
                return None
            offset = int.from_bytes(self._view[body : body + _OFFSET_BYTES], "big")
            body, length = body + _OFFSET_BYTES, length - _OFFSET_BYTES
        place = pending.place_of(offset, length)
        here = min(length, self._end - body)
        place[:here] = self._view[body : body + here]
        self._missing = place[here:]
        self._start = body + here
        return pending

    def _simple_head(self, available: int) -> _Head | None:
        if available < SIMPLE_REPLY.size:
            return None
        magic, error, cookie = SIMPLE_REPLY.unpack_from(self._memory, self._start)
        if magic != SIMPLE_REPLY_MAGIC:
            raise Malformed(f"a reply with magic {magic:#x}")
        pending = self._pending.get(cookie)
        length = pending.length if pending is not None and pending.command == _READ and not error else 0
        return _Head(SIMPLE_REPLY.size, True, _DATA if length else _NONE, cookie, error, length)

    def _structured_head(self, available: int) -> _Head | None:
        if available >= SIMPLE_REPLY.size and self._memory[self._start] == SIMPLE_REPLY_MAGIC >> 24:
            head = self._simple_head(available)
            if head is not None and (pending := self._pending.get(head.cookie)) and pending.command == _READ:
                raise Malformed("a simple reply to a READ")
            return head
        if available < STRUCTURED_CHUNK.size:
            return None
        magic, flags, kind, cookie, length = STRUCTURED_CHUNK.unpack_from(self._memory, self._start)
        if magic != STRUCTURED_REPLY_MAGIC:
            raise Malformed(f"a reply with magic {magic:#x}")
        return _Head(STRUCTURED_CHUNK.size, bool(flags & _DONE), kind, cookie, 0, length)

    def _extended_head(self, available: int) -> _Head | None:
        if available < EXTENDED_CHUNK.size:
            return None
        magic, flags, kind, cookie, offset, length = EXTENDED_CHUNK.unpack_from(self._memory, self._start)
        if magic != EXTENDED_REPLY_MAGIC:
            raise Malformed(f"a reply with magic {magic:#x}")
        pending = self._pending.get(cookie)
        if pending is not None and pending.offset != offset:
            raise Malformed(f"a reply for offset {offset} to {pending}")
        return _Head(EXTENDED_CHUNK.size, bool(flags & _DONE), kind, cookie, 0, length)

    def _move_to(self, memory: bytearray) -> None:
        """Put the unparsed bytes at the front of ``memory``, which may be the same."""
        rest = self._end - self._start
        view = memoryview(memory)
        view[:rest] = self._view[self._start : self._end]
        self._memory, self._view, self._start, self._end = memory, view, 0, rest
