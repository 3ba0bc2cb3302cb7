"""A second reader of the protocol, written from ``doc/proto.md`` alone: the judge shares no code with the judged.

It makes what a client sends, from numbers that stand here once more, and reads what a server sends. Whatever
the specification forbids a server is an ``AssertionError``.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

FIXED_NEWSTYLE, NO_ZEROES = 1, 2
ACK, SERVER, INFO, META_CONTEXT = 1, 2, 3, 4
ERRORS = {0x80000000 + number for number in range(1, 11)}
EXPORT_NAME, ABORT, LIST, STARTTLS, OPT_INFO, GO, STRUCTURED, LIST_META, SET_META, EXTENDED = (
    1,
    2,
    3,
    5,
    6,
    7,
    8,
    9,
    10,
    11,
)
READ, WRITE, DISC, FLUSH, TRIM, CACHE, ZEROES, STATUS = range(8)
FUA, NO_HOLE, DF, REQ_ONE, FAST_ZERO, PAYLOAD_LEN = 1, 2, 4, 8, 16, 32
CODES = {1, 5, 12, 22, 28, 75, 95, 108}


def be(value: int, width: int) -> bytes:
    return value.to_bytes(width, "big")


def number(raw: bytes) -> int:
    return int.from_bytes(raw, "big")


def text(name: str) -> bytes:
    return be(len(name.encode()), 4) + name.encode()


# What a client sends


def client_flags(flags: int = FIXED_NEWSTYLE | NO_ZEROES) -> bytes:
    return be(flags, 4)


def option(kind: int, data: bytes = b"", *, length: int | None = None, magic: bytes = b"IHAVEOPT") -> bytes:
    return magic + be(kind, 4) + be(len(data) if length is None else length, 4) + data


def go(name: str = "", *infos: int, kind: int = GO) -> bytes:
    return option(kind, text(name) + be(len(infos), 2) + b"".join(be(info, 2) for info in infos))


def meta(name: str = "", *queries: str, kind: int = SET_META) -> bytes:
    return option(kind, text(name) + be(len(queries), 4) + b"".join(text(query) for query in queries))


def request(
    kind: int,
    *,
    cookie: int = 1,
    offset: int = 0,
    length: int = 0,
    flags: int = 0,
    payload: bytes = b"",
    extended: bool = False,
) -> bytes:
    head = be(0x21E41C71 if extended else 0x25609513, 4) + be(flags, 2) + be(kind, 2) + be(cookie, 8)
    return head + be(offset, 8) + be(length, 8 if extended else 4) + payload


# What a server sends


class Bytes:
    """Bytes that are read from the front."""

    def __init__(self, raw: bytes) -> None:
        self.raw = raw

    def take(self, count: int) -> bytes:
        assert len(self.raw) >= count, f"{len(self.raw)} bytes where {count} belong"
        taken, self.raw = self.raw[:count], self.raw[count:]
        return taken

    def number(self, width: int) -> int:
        return number(self.take(width))

    def string(self, length: int) -> str:
        assert length <= 4096, "MUST be no longer than 4096 bytes"
        decoded = self.take(length).decode()
        assert "\0" not in decoded
        return decoded


class OptionReply(NamedTuple):
    option: int
    kind: int
    data: bytes


def read_greeting(raw: Bytes) -> int:
    assert raw.take(16) == b"NBDMAGICIHAVEOPT"
    return raw.number(2)


def read_option_replies(raw: Bytes) -> Iterator[OptionReply]:
    while raw.raw:
        assert raw.number(8) == 0x3E889045565A9
        reply = OptionReply(raw.number(4), raw.number(4), raw.take(raw.number(4)))
        check_option_reply(reply)
        yield reply


def check_option_reply(reply: OptionReply) -> None:
    data = Bytes(reply.data)
    match reply.kind:
        case 1:
            assert not reply.data
        case 2:
            assert reply.option == LIST
            data.string(data.number(4))
            data.string(len(data.raw))
        case 3:
            assert reply.option in (OPT_INFO, GO)
            check_info(data.number(2), data)
        case 4:
            assert reply.option in (LIST_META, SET_META)
            data.number(4)
            assert ":" in data.string(len(data.raw))
        case _:
            assert reply.kind in ERRORS
            data.string(len(data.raw))


def check_info(kind: int, data: Bytes) -> None:
    match kind:
        case 0:
            assert len(data.raw) == 10, "length MUST be 12"
            assert number(data.raw[8:]) & 1, "NBD_FLAG_HAS_FLAGS MUST always be 1"
        case 1 | 2:
            data.string(len(data.raw))
        case 3:
            minimum, preferred, payload_max = data.number(4), data.number(4), data.number(4)
            assert minimum.bit_count() == preferred.bit_count() == 1
            assert minimum <= 65536
            assert preferred >= max(minimum, 512)
            assert payload_max >= preferred
        case _:
            raise AssertionError(f"unknown information {kind}")


def check_option_conversation(replies: list[OptionReply]) -> list[list[OptionReply]]:
    """The replies, option by option: any number that go on, then one that ends it."""
    groups: list[list[OptionReply]] = [[]]
    for reply in replies:
        assert not groups[-1] or groups[-1][-1].option == reply.option
        groups[-1].append(reply)
        if reply.kind == ACK or reply.kind in ERRORS:
            if reply.option in (OPT_INFO, GO) and reply.kind == ACK:
                assert any(each.kind == INFO and each.data[:2] == be(0, 2) for each in groups[-1])
            groups.append([])
    assert not groups.pop(), "the last option has no final reply"
    return groups


class Asked(NamedTuple):
    """A request that the server was sent."""

    kind: int
    flags: int
    cookie: int
    offset: int
    length: int


class Told(NamedTuple):
    """The whole answer to a request."""

    error: int
    data: bytes | None
    extents: dict[int, list[tuple[int, int]]]


def read_replies(
    raw: bytes, asked: list[Asked], *, layout: str, contexts: frozenset[int] = frozenset()
) -> dict[int, Told]:
    """All of a server's replies, by cookie: each request exactly one answer."""
    reader = Bytes(raw)
    waiting = {each.cookie: Answer(each, contexts, layout) for each in asked}
    assert len(waiting) == len(asked)
    told = {}
    while reader.raw:
        cookie, is_last = read_one(reader, waiting, layout)
        if is_last:
            told[cookie] = waiting.pop(cookie).end()
    assert not waiting, f"unanswered: {[each.asked for each in waiting.values()]}"
    return told


def read_one(reader: Bytes, waiting: dict[int, Any], layout: str) -> tuple[int, bool]:
    magic = reader.number(4)
    if magic == 0x67446698:
        assert layout != "extended"
        error, cookie = reader.number(4), reader.number(8)
        answer = waiting[cookie]
        assert layout == "simple" or answer.asked.kind != READ, "MUST NOT use a simple reply for NBD_CMD_READ"
        if error:
            answer.fail(error)
        elif answer.asked.kind == READ:
            answer.fill(answer.asked.offset, reader.take(answer.asked.length))
        return cookie, True
    assert magic == {"structured": 0x668E33EF, "extended": 0x6E8A278C}[layout]
    flags, kind, cookie = reader.number(2), reader.number(2), reader.number(8)
    assert flags in (0, 1), "The server MUST NOT set any other flags"
    if layout == "extended":
        assert reader.number(8) == waiting[cookie].asked.offset, "MUST match the offset of the client's request"
    waiting[cookie].chunk(kind, Bytes(reader.take(reader.number(8 if layout == "extended" else 4))), bool(flags))
    return cookie, bool(flags)


class Answer:
    """The chunks of one reply, each held to its rules."""

    def __init__(self, asked: Asked, contexts: frozenset[int], layout: str) -> None:
        self.asked = asked
        self.contexts = contexts
        self.status_kind = {"structured": 5, "extended": 6}.get(layout)
        self.error = 0
        self.pieces: dict[int, bytes] = {}
        self.extents: dict[int, list[tuple[int, int]]] = {}

    def chunk(self, kind: int, body: Bytes, is_last: bool) -> None:
        if kind == 0:
            assert is_last, "MUST always be used with the NBD_REPLY_FLAG_DONE bit set"
        elif kind == 1:
            self.fill(body.number(8), body.take(len(body.raw)))
        elif kind == 2:
            self.fill(body.number(8), bytes(body.number(4)))
        elif kind == self.status_kind:
            self.status(body)
        else:
            assert kind == 0x8001, f"unknown chunk {kind:#x}"
            self.fail(body.number(4))
            body.string(body.number(2))
        assert not body.raw

    def fail(self, error: int) -> None:
        assert error in CODES
        assert not self.error
        self.error = error

    def fill(self, offset: int, data: bytes) -> None:
        assert self.asked.kind == READ
        assert data or not self.asked.length, "each chunk MUST describe at least one byte"
        assert self.asked.offset <= offset
        assert offset + len(data) <= self.asked.offset + self.asked.length
        assert not (self.asked.flags & DF and self.pieces), "at most one content chunk"
        for start, piece in self.pieces.items():
            assert offset + len(data) <= start or start + len(piece) <= offset, "MUST NOT overlap"
        self.pieces[offset] = data

    def status(self, body: Bytes) -> None:
        assert self.asked.kind == STATUS
        width = 8 if self.status_kind == 6 else 4
        context = body.number(4)
        assert context in self.contexts
        assert context not in self.extents
        count = body.number(4) if self.status_kind == 6 else len(body.raw) // 8
        extents = [(body.number(width), body.number(width)) for _ in range(count)]
        lengths = [length for length, _ in extents]
        assert lengths
        assert all(lengths), "MUST be nonzero"
        assert sum(lengths[:-1]) < self.asked.length
        assert all(state < 4 for _, state in extents)
        if self.asked.flags & REQ_ONE:
            assert len(lengths) == 1
            assert lengths[0] <= self.asked.length
        self.extents[context] = extents

    def end(self) -> Told:
        data = b"".join(self.pieces[start] for start in sorted(self.pieces))
        if not self.error:
            assert self.asked.kind != READ or len(data) == self.asked.length, "cover the entire region"
            assert self.asked.kind != STATUS or self.extents.keys() == self.contexts
        return Told(self.error, data if self.asked.kind == READ and not self.error else None, self.extents)


# What a client sent, read by the judge


class Sent(NamedTuple):
    """A request with its payload, or with what of it was sent before the end."""

    asked: Asked
    payload: bytes


def carries(kind: int, flags: int, *, extended: bool) -> bool:
    """Whether a payload follows. A WRITE has one also where a client (QEMU 10.0) forgets the flag that says so."""
    return kind == WRITE or (extended and bool(flags & PAYLOAD_LEN))


def read_requests(raw: bytes, *, extended: bool) -> list[Sent]:
    """The requests up to a DISC, another magic, a payload over 32 MiB, or the end of the bytes."""
    sent = []
    size = 32 if extended else 28
    while len(raw) >= size:
        head = Bytes(raw[:size])
        magic, flags, kind, cookie, offset = (head.number(width) for width in (4, 2, 2, 8, 8))
        length = head.number(8 if extended else 4)
        has_payload = carries(kind, flags, extended=extended)
        if magic != (0x21E41C71 if extended else 0x25609513) or kind == DISC or (has_payload and length > 1 << 25):
            break
        payload = raw[size : size + length] if has_payload else b""
        sent.append(Sent(Asked(kind, flags, cookie, offset, length), payload))
        raw = raw[size + len(payload) :]
    return sent


def must_fail(asked: Asked, *, size: int, offers: int, extended: bool, contexts: bool, minimum: int = 1) -> bool:
    """Whether the specification wants an error, for an export with these transmission flags."""
    known = {READ: DF, WRITE: 0, FLUSH: 0, TRIM: 0, CACHE: 0, ZEROES: NO_HOLE | FAST_ZERO, STATUS: REQ_ONE}
    offered_by = {FLUSH: 1 << 2, TRIM: 1 << 5, ZEROES: 1 << 6, CACHE: 1 << 10}
    flag_offered_by = {FUA: 1 << 3, DF: 1 << 7, FAST_ZERO: 1 << 11}
    if asked.kind not in known or (asked.kind in offered_by and not offers & offered_by[asked.kind]):
        return True
    if asked.kind == STATUS and (not contexts or not asked.length):
        return True
    payload_flag = PAYLOAD_LEN if extended and asked.kind == WRITE else 0
    if asked.flags & ~(known[asked.kind] | FUA | payload_flag):
        return True
    if any(asked.flags & flag and not offers & offer for flag, offer in flag_offered_by.items()):
        return True
    if asked.kind == FLUSH:
        return bool(asked.offset or asked.length)
    is_change = asked.kind in (WRITE, TRIM, ZEROES)
    is_inside = asked.offset + asked.length <= size and not asked.offset % minimum and not asked.length % minimum
    return not is_inside or bool(is_change and offers & 2)
