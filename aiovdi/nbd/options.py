"""What options and their replies carry, packed and parsed; for both roles.

Rule: every length in the data is checked against what is there before it is used, and every string
is UTF-8 without NUL of at most 4096 bytes. Data that breaks this is ``Malformed``.
"""

import struct
from collections.abc import Iterable
from typing import NamedTuple

from aiovdi.nbd.terms import BlockSizes
from aiovdi.nbd.wire import EXPORT, STRING_MAX, Info

__all__ = [
    "ContextQuery",
    "ExportQuery",
    "Malformed",
    "pack_context",
    "pack_context_query",
    "pack_export_query",
    "pack_info_block_size",
    "pack_info_export",
    "pack_info_text",
    "pack_server",
    "parse_context",
    "parse_context_query",
    "parse_export_query",
    "parse_info",
    "parse_text",
]

_U16 = struct.Struct(">H")
_U32 = struct.Struct(">I")
_BLOCK_SIZES = struct.Struct(">III")


class Malformed(Exception):
    """The data of an option, or of a reply to one, contradicts itself or breaks a limit."""


class ExportQuery(NamedTuple):
    """The data of GO and INFO: an export's name, and what the client wants to know of it (`Info`)."""

    name: str
    infos: list[int]


class ContextQuery(NamedTuple):
    """The data of LIST_META_CONTEXT and SET_META_CONTEXT."""

    name: str
    queries: list[str]


class _Reader:
    """Takes fields off the front of ``data``."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def take(self, length: int) -> bytes:
        start, self._at = self._at, self._at + length
        if self._at > len(self._data):
            raise Malformed(f"{len(self._data)} bytes of data end before a field at {start} of {length} bytes")
        return self._data[start : self._at]

    def number(self, width: struct.Struct) -> int:
        return int(width.unpack(self.take(width.size))[0])

    def text(self) -> str:
        """A string that stands behind its length."""
        return parse_text(self.take(self.number(_U32)))

    def rest(self) -> bytes:
        return self.take(len(self._data) - self._at)

    def end(self) -> None:
        if rest := len(self._data) - self._at:
            raise Malformed(f"{rest} bytes of data follow the last field")


def parse_text(data: bytes) -> str:
    """A string of the protocol. Raises Malformed."""
    if len(data) > STRING_MAX:
        raise Malformed(f"a string of {len(data)} bytes, expected at most {STRING_MAX}")
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        raise Malformed("a string is not UTF-8") from error
    if "\0" in text:
        raise Malformed("a string contains NUL")
    return text


def parse_export_query(data: bytes) -> ExportQuery:
    """The data of GO and INFO. Raises Malformed."""
    reader = _Reader(data)
    name = reader.text()
    infos = [reader.number(_U16) for _ in range(reader.number(_U16))]
    reader.end()
    return ExportQuery(name, infos)


def pack_export_query(name: str, infos: Iterable[int]) -> bytes:
    """The data of GO and INFO."""
    numbers = list(infos)
    return _pack_text(name) + struct.pack(f">{len(numbers) + 1}H", len(numbers), *numbers)


def parse_context_query(data: bytes) -> ContextQuery:
    """The data of LIST_META_CONTEXT and SET_META_CONTEXT. Raises Malformed.

    A query has a namespace and a colon; what follows is the namespace's own.
    """
    reader = _Reader(data)
    name = reader.text()
    queries = []
    for _ in range(reader.number(_U32)):  # each takes four bytes at least, so the data bounds the loop
        queries.append(query := reader.text())
        if not query.partition(":")[1]:
            raise Malformed("a query has no namespace")
    reader.end()
    return ContextQuery(name, queries)


def pack_context_query(name: str, queries: Iterable[str]) -> bytes:
    """The data of LIST_META_CONTEXT and SET_META_CONTEXT."""
    texts = [_pack_text(query) for query in queries]
    return _pack_text(name) + _U32.pack(len(texts)) + b"".join(texts)


def pack_server(name: str, description: str) -> bytes:
    """A reply to LIST: an export."""
    return _pack_text(name) + description.encode()


def pack_context(number: int, name: str) -> bytes:
    """A metadata context, in reply to LIST_META_CONTEXT or SET_META_CONTEXT."""
    return _U32.pack(number) + name.encode()


def parse_context(data: bytes) -> tuple[int, str]:
    """Id and name of a metadata context. Raises Malformed."""
    reader = _Reader(data)
    return reader.number(_U32), parse_text(reader.rest())


def pack_info_export(size: int, flags: int) -> bytes:
    """An INFO reply: the size in bytes and the transmission flags."""
    return _U16.pack(Info.EXPORT) + EXPORT.pack(size, flags)


def pack_info_text(kind: Info, text: str) -> bytes:
    """An INFO reply: the canonical name, or the description."""
    return _U16.pack(kind) + text.encode()


def pack_info_block_size(sizes: BlockSizes) -> bytes:
    """An INFO reply: the size constraints."""
    return _U16.pack(Info.BLOCK_SIZE) + _BLOCK_SIZES.pack(*sizes)


def parse_info(data: bytes) -> tuple[int, tuple[int, int] | BlockSizes | str | None]:
    """Kind and content of an INFO reply; content None for a kind that is not known. Raises Malformed."""
    reader = _Reader(data)
    kind = reader.number(_U16)
    body = reader.rest()
    match kind:
        case Info.EXPORT if len(body) == EXPORT.size:
            size, flags = EXPORT.unpack(body)
            return kind, (size, flags)
        case Info.BLOCK_SIZE if len(body) == _BLOCK_SIZES.size:
            return kind, BlockSizes(*_BLOCK_SIZES.unpack(body))
        case Info.EXPORT | Info.BLOCK_SIZE:
            raise Malformed(f"an information of kind {kind} in {len(body)} bytes")
        case Info.NAME | Info.DESCRIPTION:
            return kind, parse_text(body)
    return kind, None


def _pack_text(text: str) -> bytes:
    raw = text.encode()
    return _U32.pack(len(raw)) + raw
