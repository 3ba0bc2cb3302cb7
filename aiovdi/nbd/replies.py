"""The server's replies, as bytes. Which of the three layouts a connection uses was agreed on before.

========  ===========================================================================================
simple    16 bytes, then the data of a READ; all of it or an error
chunks    a reply is one or more chunks, the last one marked DONE; a READ may come in parts and holes
extended  the same with 64 bits for lengths, and the request's offset in each header
========  ===========================================================================================

Rule: a header is made here, its data never passes through; the caller puts the data behind the header.
"""

from collections.abc import Iterable, Mapping

from aiovdi.nbd.terms import Negotiated
from aiovdi.nbd.transmission import Request
from aiovdi.nbd.wire import (
    BLOCK_MINIMUM_MAX,
    EXTENDED_CHUNK,
    EXTENDED_DATA,
    EXTENDED_REPLY_MAGIC,
    EXTENT,
    EXTENTS_MAX,
    LONG_EXTENT,
    SIMPLE_REPLY,
    SIMPLE_REPLY_MAGIC,
    STRING_MAX,
    STRUCTURED_CHUNK,
    STRUCTURED_DATA,
    STRUCTURED_REPLY_MAGIC,
    Chunk,
    ChunkFlag,
    CommandFlag,
)
from aiovdi.units import align_down

__all__ = ["ChunkReplies", "ExtendedReplies", "SimpleReplies", "replies_for"]

_DONE = int(ChunkFlag.DONE)  # the only flag, so True is as good
_NONE = int(Chunk.NONE)
_DATA = int(Chunk.OFFSET_DATA)

_LENGTH_MAX = align_down((1 << 32) - 1, BLOCK_MINIMUM_MAX)
"""The longest extent that 32 bits can tell, and that ends on a block whatever its size."""


class SimpleReplies:
    """Replies of a connection without structured replies; also what all kinds of replies have in common."""

    has_chunks = False
    """Whether a READ may be answered in parts: then this is a `ChunkReplies`."""

    read_header_bytes = SIMPLE_REPLY.size
    """Length of what goes before the data of a READ that is answered whole."""

    def done(self, request: Request) -> bytes:
        """The request succeeded, and there is nothing to tell. Also for a READ of no bytes."""
        return SIMPLE_REPLY.pack(SIMPLE_REPLY_MAGIC, 0, request.cookie)

    def error(self, request: Request, code: int, message: str = "") -> bytes:  # noqa: ARG002
        """The request failed with an `ErrorCode`, which is not 0; ``message`` is for people, where it can be told."""
        return SIMPLE_REPLY.pack(SIMPLE_REPLY_MAGIC, code, request.cookie)

    def read_header(self, request: Request) -> bytes:
        """What goes before all ``request.length`` bytes of a READ, at least 1, that has succeeded."""
        return SIMPLE_REPLY.pack(SIMPLE_REPLY_MAGIC, 0, request.cookie)

    def put_read_header(self, request: Request, buffer: bytearray) -> None:
        """The same into the first `read_header_bytes` of a buffer that holds the data behind them."""
        SIMPLE_REPLY.pack_into(buffer, 0, SIMPLE_REPLY_MAGIC, 0, request.cookie)


class ChunkReplies(SimpleReplies):
    """Structured replies."""

    has_chunks = True
    read_header_bytes = STRUCTURED_DATA.size

    _status = Chunk.BLOCK_STATUS
    _extent = EXTENT
    _extent_max = _LENGTH_MAX

    def __init__(self, terms: Negotiated) -> None:
        self._extents_max = min(EXTENTS_MAX, max(1, terms.export.block_sizes.payload_max // self._extent.size))

    def done(self, request: Request) -> bytes:
        return self._header(request, _DONE, _NONE, 0)

    def error(self, request: Request, code: int, message: str = "") -> bytes:
        text = message.encode(errors="replace")[:STRING_MAX].decode(errors="ignore").encode()  # no character is cut
        body = code.to_bytes(4, "big") + len(text).to_bytes(2, "big") + text
        return self._header(request, _DONE, Chunk.ERROR, len(body)) + body

    def read_header(self, request: Request) -> bytes:
        return self.data_header(request, offset=request.offset, length=request.length, last=True)

    def put_read_header(self, request: Request, buffer: bytearray) -> None:
        length = request.length + 8
        STRUCTURED_DATA.pack_into(
            buffer, 0, STRUCTURED_REPLY_MAGIC, _DONE, _DATA, request.cookie, length, request.offset
        )

    def data_header(self, request: Request, *, offset: int, length: int, last: bool) -> bytes:
        """What goes before ``length`` bytes, at least 1, of the READ, from ``offset`` of the export.

        ``last``: nothing more is sent for this request, not even an error. Parts of a READ do not overlap.
        """
        return STRUCTURED_DATA.pack(STRUCTURED_REPLY_MAGIC, last, _DATA, request.cookie, length + 8, offset)

    def hole(self, request: Request, *, offset: int, length: int, last: bool) -> bytes:
        """These bytes of the READ, at least 1, are zeros. Not for a request with DF, unless it is all one hole."""
        body = offset.to_bytes(8, "big") + length.to_bytes(4, "big")
        return self._header(request, last, Chunk.OFFSET_HOLE, len(body)) + body

    def block_status(self, request: Request, extents: Mapping[int, Iterable[tuple[int, int]]]) -> bytes:
        """The reply to BLOCK_STATUS.

        Args:
            request: what was asked.
            extents: for each agreed metadata context, by its id: (length, state) of consecutive extents from
                ``request.offset`` on, at least one. They may go on for ever: neighbours of one state are
                joined, and no more is taken than the reply can hold.
        """
        chunks = []
        for number, (context, states) in enumerate(extents.items(), 1):
            fitting = self._fit(request, states)
            body = self._status_prefix(context, len(fitting)) + b"".join(self._extent.pack(*each) for each in fitting)
            chunks += [self._header(request, number == len(extents), self._status, len(body)), body]
        return b"".join(chunks)

    def _fit(self, request: Request, extents: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
        """As many extents as may be told: "the sum of the first N-1 MUST be less than the requested length"."""
        only_one = bool(request.flags & CommandFlag.REQ_ONE)
        fitting: list[tuple[int, int]] = []
        told = 0
        for length, state in _joined(extents):
            told_now = min(length, request.length if only_one else self._extent_max)
            fitting.append((told_now, state))
            told += told_now
            is_full = only_one or len(fitting) == self._extents_max
            if is_full or told_now < length or told >= request.length:
                break
        return fitting

    def _status_prefix(self, context: int, count: int) -> bytes:  # noqa: ARG002
        return context.to_bytes(4, "big")

    def _header(self, request: Request, flags: int, kind: int, length: int) -> bytes:
        return STRUCTURED_CHUNK.pack(STRUCTURED_REPLY_MAGIC, flags, kind, request.cookie, length)


class ExtendedReplies(ChunkReplies):
    """Replies with extended headers."""

    read_header_bytes = EXTENDED_DATA.size

    _status = Chunk.BLOCK_STATUS_EXT
    _extent = LONG_EXTENT
    _extent_max = (1 << 64) - 1

    def put_read_header(self, request: Request, buffer: bytearray) -> None:
        length, offset = request.length + 8, request.offset
        EXTENDED_DATA.pack_into(buffer, 0, EXTENDED_REPLY_MAGIC, _DONE, _DATA, request.cookie, offset, length, offset)

    def data_header(self, request: Request, *, offset: int, length: int, last: bool) -> bytes:
        start = request.offset
        return EXTENDED_DATA.pack(EXTENDED_REPLY_MAGIC, last, _DATA, request.cookie, start, length + 8, offset)

    def _status_prefix(self, context: int, count: int) -> bytes:
        return context.to_bytes(4, "big") + count.to_bytes(4, "big")

    def _header(self, request: Request, flags: int, kind: int, length: int) -> bytes:
        return EXTENDED_CHUNK.pack(EXTENDED_REPLY_MAGIC, flags, kind, request.cookie, request.offset, length)


def replies_for(terms: Negotiated) -> SimpleReplies | ChunkReplies:
    """The replies that both sides agreed on."""
    if terms.extended:
        return ExtendedReplies(terms)
    return ChunkReplies(terms) if terms.structured else SimpleReplies()


def _joined(extents: Iterable[tuple[int, int]]) -> Iterable[tuple[int, int]]:
    """Neighbours of one state as one, nothing of length 0."""
    length, state = 0, 0
    for more, next_state in extents:
        if length and more and next_state != state:
            yield length, state
            length = 0
        length, state = (length + more, next_state) if more else (length, state)
    if length:
        yield length, state
