"""A request that a client waits for, and what has come of its answer so far.

Rule: what a server says of a request must fit it. A READ has succeeded only if each of its bytes came, and
came once; a BLOCK_STATUS, if each agreed context was told of, once. Whatever does not fit is ``Malformed``.
"""

import struct
from bisect import bisect, insort
from collections.abc import Collection
from typing import NamedTuple

from aiovdi.nbd.options import Malformed
from aiovdi.nbd.wire import EXTENT, LONG_EXTENT, Chunk, Command, ErrorCode

__all__ = ["Answer", "Extents", "Pending"]

Extents = list[tuple[int, int]]
"""Length and state of consecutive extents."""

_ERROR = struct.Struct(">IH")
_HOLE = struct.Struct(">QI")


class Answer(NamedTuple):
    """All that the server said to one request."""

    cookie: int
    error: int
    """An `ErrorCode`, or a number that is not known; 0: the request succeeded."""
    message: str
    """What the server says of the error, for people."""
    extents: dict[int, Extents]
    """Of a BLOCK_STATUS: by metadata context id, from the request's offset on."""


class Pending:
    """One request that is under way.

    Args:
        buffer: where the data of a READ goes, ``length`` bytes.
    """

    __slots__ = ("_parts", "buffer", "command", "error", "extents", "length", "message", "missing", "offset")

    def __init__(self, command: int, offset: int, length: int, buffer: memoryview | None) -> None:
        self.command = command
        self.offset = offset
        self.length = length
        self.buffer = buffer
        self.error = 0
        self.message = ""
        self.extents: dict[int, Extents] = {}
        self.missing = length if command == Command.READ else 0
        self._parts: list[tuple[int, int]] = []

    def place_of(self, offset: int, length: int) -> memoryview:
        """Where that part of a READ belongs; it counts as come. Raises Malformed."""
        end = offset + length
        if self.buffer is None or not length or not self.offset <= offset < end <= self.offset + self.length:
            raise Malformed(f"data of {length} bytes at {offset} for {self}")
        if self._parts:
            index = bisect(self._parts, (offset, end))
            before, after = self._parts[index - 1 : index], self._parts[index : index + 1]
            if (before and before[0][1] > offset) or (after and after[0][0] < end):
                raise Malformed(f"data of {length} bytes at {offset} that came before, for {self}")
        if length > self.missing:
            raise Malformed(f"data of {length} bytes where {self.missing} are missing, for {self}")
        if length < self.length:  # else it is all there is, and the next one finds nothing missing
            insort(self._parts, (offset, end))
        self.missing -= length
        return self.buffer[offset - self.offset : end - self.offset]

    def take_chunk(self, kind: int, body: memoryview, contexts: Collection[int]) -> None:
        """A chunk that is not OFFSET_DATA. Raises Malformed."""
        if kind & 0x8000:
            self._take_error(body)
        elif kind == Chunk.OFFSET_HOLE and len(body) == _HOLE.size:
            place = self.place_of(*_HOLE.unpack(body))
            place[:] = bytes(len(place))
        elif kind in {Chunk.BLOCK_STATUS, Chunk.BLOCK_STATUS_EXT} and self.command == Command.BLOCK_STATUS:
            self._take_extents(body, is_long=kind == Chunk.BLOCK_STATUS_EXT, contexts=contexts)
        elif kind != Chunk.NONE or body:
            raise Malformed(f"a chunk of kind {kind} in {len(body)} bytes for {self}")

    def fail(self, code: int, message: str = "") -> None:
        """The server reports an error; the first one is kept."""
        if not self.error:
            self.error, self.message = code or ErrorCode.EINVAL, message

    def finish(self, cookie: int, contexts: Collection[int]) -> Answer:
        """The last of it has come. Raises Malformed if something is missing."""
        if not self.error:
            if self.missing:
                raise Malformed(f"success, and {self.missing} bytes are missing, for {self}")
            if self.command == Command.BLOCK_STATUS and self.extents.keys() != set(contexts):
                raise Malformed(f"success without all contexts for {self}")
        return Answer(cookie, self.error, self.message, self.extents)

    def _take_error(self, body: memoryview) -> None:
        if len(body) < _ERROR.size:
            raise Malformed(f"an error in {len(body)} bytes")
        code, length = _ERROR.unpack_from(body)
        if _ERROR.size + length > len(body):
            raise Malformed(f"an error of {len(body)} bytes with a text of {length}")
        self.fail(code, bytes(body[_ERROR.size : _ERROR.size + length]).decode(errors="replace"))

    def _take_extents(self, body: memoryview, *, is_long: bool, contexts: Collection[int]) -> None:
        layout, prefix = (LONG_EXTENT, 8) if is_long else (EXTENT, 4)
        if len(body) <= prefix or (len(body) - prefix) % layout.size:
            raise Malformed(f"extents in {len(body)} bytes")
        context = int.from_bytes(body[:4], "big")
        extents: Extents = list(layout.iter_unpack(body[prefix:]))
        if context not in contexts or context in self.extents or not all(length for length, _ in extents):
            raise Malformed(f"extents of context {context} that do not fit {self}")
        if is_long and int.from_bytes(body[4:8], "big") != len(extents):
            raise Malformed(f"{len(extents)} extents, which say that they are others")
        self.extents[context] = extents

    def __str__(self) -> str:
        name = Command(self.command).name if self.command in Command.__members__.values() else self.command
        return f"a {name} of {self.length} bytes at {self.offset}"
