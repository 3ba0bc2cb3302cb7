"""The server's request parser: the bytes of a connection become requests, many at a time.

The parser owns the memory that a socket reads into, so no byte is copied before it is understood::

    memory = parser.buffer()             # as asyncio.BufferedProtocol.get_buffer
    count = sock.recv_into(memory)
    for request in parser.received(count):
        ...                              # request.error, if not 0, is the whole answer to it
    if parser.ended: ...                 # Disconnect or BadPeer, after the requests before it

Rule 1: requests come out in the order of the wire; how the bytes were split changes nothing.
Rule 2: the payload of a request that is refused is skipped, not stored. What is stored is bounded by the
export's ``payload_max`` and the buffer.
Rule 3: a payload longer than that is skipped and answered up to 32 MiB, which the specification does not
call an attack; what is longer ends the connection.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

from aiovdi.nbd.rules import Rules
from aiovdi.nbd.terms import BadPeer, Negotiated
from aiovdi.nbd.wire import (
    EXTENDED_REQUEST,
    EXTENDED_REQUEST_MAGIC,
    PAYLOAD_MAX,
    REQUEST,
    REQUEST_MAGIC,
    Command,
    CommandFlag,
)
from aiovdi.units import KiB, ReadableBuffer, as_bytes_view

__all__ = ["BUFFER_BYTES", "Disconnect", "End", "Request", "RequestParser"]

BUFFER_BYTES = 256 * KiB
"""What one read of the socket takes at most."""

_IN_PLACE_MAX = 64 * KiB
"""A longer payload gets memory of its own, which the socket reads into; a shorter one waits in the buffer."""

_ROOM_MIN = 128 * KiB
"""With less room behind them, unparsed bytes move to the front of the buffer."""

_WRITE = int(Command.WRITE)
_DISC = int(Command.DISC)
_PAYLOAD_LEN = int(CommandFlag.PAYLOAD_LEN)

_new = tuple.__new__


class Request(NamedTuple):
    """One request of a client."""

    command: int
    """A `Command`, or a number that is not known, and then ``error`` says so."""
    flags: int
    """`CommandFlag` bits."""
    cookie: int
    """To be repeated in the reply."""
    offset: int
    """First byte of the export."""
    length: int
    """In bytes."""
    payload: bytes | bytearray | None
    """What is to be written, ``length`` bytes; None where there is nothing, or it was skipped."""
    error: int
    """The `ErrorCode` that is the answer; 0: the request may be served."""


@dataclass(frozen=True, slots=True)
class Disconnect:
    """The client said DISC: finish what is under way, then close. There is no reply to it."""


End: TypeAlias = Disconnect | BadPeer


class RequestParser:
    """The requests of one connection.

    Args:
        terms: what was agreed on.
        allocate: where the memory of a payload that is too long for the buffer comes from, by its length in
            bytes; None: there is none now.

    Attributes:
        ended: why nothing more comes; None while the connection goes on.
        is_held: there was no memory for a payload. Read nothing more, and call ``received(0)`` once there is.
    """

    def __init__(self, terms: Negotiated, *, allocate: Callable[[int], bytearray | None] = bytearray) -> None:
        self.ended: End | None = None
        self.is_held = False
        self._allocate = allocate
        self._rules = Rules(terms)
        self._is_extended = terms.extended
        self._layout = EXTENDED_REQUEST if terms.extended else REQUEST
        self._magic = EXTENDED_REQUEST_MAGIC if terms.extended else REQUEST_MAGIC
        self._skipped_max = max(terms.export.block_sizes.payload_max, PAYLOAD_MAX)
        self._memory = bytearray(BUFFER_BYTES)
        self._view = memoryview(self._memory)
        self._start = self._end = 0  # what of the buffer is not parsed yet
        self._to_skip = 0
        self._waiting: Request | None = None  # its payload is being read into memory of its own
        self._missing = memoryview(b"")

    def buffer(self) -> memoryview:
        """Where the next bytes of the connection belong. Never empty, unless the parser is held."""
        if self._waiting is not None:
            return self._missing
        if self._start and BUFFER_BYTES - self._end < _ROOM_MIN:
            rest = self._end - self._start
            self._view[:rest] = self._view[self._start : self._end]
            self._start, self._end = 0, rest
        return self._view[self._end :]

    def received(self, count: int) -> list[Request]:
        """``count`` bytes were put into ``buffer()``. Returns the requests that are complete now."""
        if self._waiting is not None:
            return self._fill(count)
        self._end += count
        requests: list[Request] = []
        if self.ended is None:
            self._parse(requests)
        if self.ended is not None or self._start == self._end:
            self._start = self._end = 0
        return requests

    def receive(self, data: ReadableBuffer) -> list[Request]:
        """The same for bytes that lie elsewhere; copies them."""
        view = as_bytes_view(data)
        requests = []
        while view:
            memory = self.buffer()
            count = min(len(memory), len(view))
            memory[:count] = view[:count]
            view = view[count:]
            requests += self.received(count)
        return requests

    @property
    def is_between_requests(self) -> bool:
        """False: a connection that ends now was cut within a request."""
        return self._start == self._end and self._waiting is None and not self._to_skip

    def _parse(self, requests: list[Request]) -> None:
        """Take every whole request off the buffer; where a refused one goes on past its end, skip that too."""
        memory, end, header_bytes, unpack = self._memory, self._end, self._layout.size, self._layout.unpack_from
        objection = self._rules.objection
        self.is_held = False
        start = self._start + self._to_skip
        while end - start >= header_bytes:
            magic, flags, command, cookie, offset, length = unpack(memory, start)
            if magic != self._magic or command == _DISC:
                self.ended = Disconnect() if magic == self._magic else BadPeer(f"a request with magic {magic:#x}")
                break
            error = objection(command, flags, offset, length)
            body = after = start + header_bytes
            payload = None
            if command == _WRITE or (self._is_extended and flags & _PAYLOAD_LEN):
                after += length
                if error:
                    if length > self._skipped_max:
                        self.ended = BadPeer(f"a payload of {length} bytes")
                        break
                elif after <= end:
                    payload = memory[body:after]
                elif length <= _IN_PLACE_MAX:
                    break
                else:
                    request = Request(command, flags, cookie, offset, length, None, 0)
                    start = end if self._wait_for(request, body) else start
                    break
            # As Request(...), which takes twice as long: its __new__ is a Python function.
            requests.append(_new(Request, (command, flags, cookie, offset, length, payload, error)))
            start = after
        self._start, self._to_skip = min(start, end), max(start - end, 0)

    def _wait_for(self, request: Request, start: int) -> bool:
        """Read the payload, which begins at ``start``, into memory of its own; False: there is none now."""
        payload = self._allocate(request.length)
        self.is_held = payload is None
        if payload is None:
            return False
        here = self._view[start : self._end]
        self._missing = memoryview(payload)
        self._missing[: len(here)] = here
        self._missing = self._missing[len(here) :]
        self._waiting = request._replace(payload=payload)
        return True

    def _fill(self, count: int) -> list[Request]:
        self._missing = self._missing[count:]
        if self._missing or self._waiting is None:
            return []
        request, self._waiting = self._waiting, None
        return [request]
