"""The reply parser: whole answers in any split, data where it belongs, and a server that is not believed."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiovdi.nbd.answers import Answer, ReplyParser, request_header
from aiovdi.nbd.replies import ChunkReplies, replies_for
from aiovdi.nbd.terms import BadPeer, ExportInfo, Negotiated
from aiovdi.nbd.transmission import RequestParser
from aiovdi.nbd.wire import ErrorCode
from tests.nbd import spec
from tests.nbd.spec import FUA, READ, STATUS, WRITE, be

LAYOUTS = ["simple", "structured", "extended"]
CONTEXTS = {1: "base:allocation"}


def terms_of(layout: str) -> Negotiated:
    contexts = {} if layout == "simple" else CONTEXTS
    export = ExportInfo(name="x", size=1 << 30)
    return Negotiated(
        export=export, flags=0x9, structured=layout == "structured", extended=layout == "extended", contexts=contexts
    )


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_request_is_read_as_it_was_written(layout: str) -> None:
    header = request_header(terms_of(layout), WRITE, cookie=1 << 50, offset=77, length=3, flags=FUA)
    flags = FUA | (spec.PAYLOAD_LEN if layout == "extended" else 0)
    extended = layout == "extended"
    assert header == spec.request(WRITE, cookie=1 << 50, offset=77, length=3, flags=flags, extended=extended)
    (request,) = RequestParser(terms_of(layout)).receive(header + b"abc")
    assert request == (WRITE, flags, 1 << 50, 77, 3, b"abc", 0)


def conversation(layout: str) -> tuple[ReplyParser, bytes, bytearray]:
    """A parser that expects five answers, what the server sends, and where the data of a long READ goes."""
    terms, long = terms_of(layout), bytearray(300_000)
    parser, server, replies = ReplyParser(terms), RequestParser(terms), replies_for(terms)
    sent = b""
    for cookie, (command, length) in enumerate([(WRITE, 3), (READ, 300_000), (READ, 5), (READ, 0), (STATUS, 4096)], 1):
        buffer = memoryview(long if length > 5 else bytearray(length)) if command == READ else None
        parser.expect(cookie, command, offset=512, length=length, buffer=buffer)
        sent += request_header(terms, command, cookie=cookie, offset=512, length=length)
        sent += b"abc" if command == WRITE else b""
    write, read, failing, empty, status = server.receive(sent)
    output = replies.error(failing, ErrorCode.EIO, "no luck") + replies.done(write)
    if isinstance(replies, ChunkReplies):
        output += replies.data_header(read, offset=200_512, length=100_000, last=False) + b"b" * 100_000
        output += replies.done(empty)
        output += replies.hole(read, offset=512, length=200_000, last=False)
        output += replies.done(read) + replies.block_status(status, {1: [(4096, 3)]})
    else:
        output += replies.read_header(read) + bytes(200_000) + b"b" * 100_000
        output += replies.done(empty) + replies.error(status, status.error)
    return parser, output, long


@pytest.mark.parametrize("layout", LAYOUTS)
@given(cuts=st.lists(st.integers(0, 400_000), max_size=20), small=st.lists(st.integers(0, 200), max_size=20))
def test_any_split_of_the_input_gives_the_same(layout: str, cuts: list[int], small: list[int]) -> None:
    parser, raw, long = conversation(layout)
    edges = sorted({0, len(raw), *(cut for cut in [*cuts, *small] if cut < len(raw))})
    answers = [answer for start, end in pairwise(edges) for answer in parser.receive(raw[start:end])]
    assert parser.ended is None
    assert long == bytes(200_000) + b"b" * 100_000
    told = "" if layout == "simple" else "no luck"
    ends = [(2, 0, "", {}), (4, 0, "", {})]
    assert answers == [
        (3, ErrorCode.EIO, told, {}),
        (1, 0, "", {}),
        *(ends if layout == "simple" else reversed(ends)),
        (5, 22, "", {}) if layout == "simple" else (5, 0, "", {1: [(4096, 3)]}),
    ]


@pytest.mark.parametrize("layout", LAYOUTS[1:])
def test_a_very_long_block_status_is_read(layout: str) -> None:
    terms = terms_of(layout)
    parser, replies = ReplyParser(terms), replies_for(terms)
    assert isinstance(replies, ChunkReplies)
    parser.expect(1, STATUS, offset=0, length=1 << 30)
    header = request_header(terms, STATUS, cookie=1, offset=0, length=1 << 30)
    (request,) = RequestParser(terms).receive(header)
    extents = [(512, index % 2) for index in range(50_000)]
    raw = replies.block_status(request, {1: extents})
    (answer,) = [each for at in range(0, len(raw), 70_000) for each in parser.receive(raw[at : at + 70_000])]
    assert answer == Answer(1, 0, "", {1: extents})


# a server that is not believed


def simple(cookie: int = 1, error: int = 0) -> bytes:
    return be(0x67446698, 4) + be(error, 4) + be(cookie, 8)


def chunk(kind: int, body: bytes = b"", *, cookie: int = 1, last: bool = True, length: int | None = None) -> bytes:
    size = len(body) if length is None else length
    return be(0x668E33EF, 4) + be(last, 2) + be(kind, 2) + be(cookie, 8) + be(size, 4) + body


def long_chunk(kind: int, body: bytes = b"", *, offset: int = 512) -> bytes:
    return be(0x6E8A278C, 4) + be(1, 2) + be(kind, 2) + be(1, 8) + be(offset, 8) + be(len(body), 8) + body


DATA = be(512, 8) + b"d" * 100


@pytest.mark.parametrize(
    ("layout", "raw"),
    [
        ("simple", b"\0" * 16),
        ("simple", simple(cookie=2)),
        ("simple", chunk(1, DATA)),
        ("structured", b"\0" * 20),
        ("structured", simple() + b"d" * 100),
        ("structured", simple(error=5)),
        ("structured", long_chunk(1, DATA)),
        ("structured", chunk(1, DATA, cookie=2)),
        ("structured", chunk(1, DATA[:-1])),
        ("structured", chunk(1, DATA[:8])),
        ("structured", chunk(1, DATA + b"d")),
        ("structured", chunk(1, DATA, last=False) * 2),
        ("structured", chunk(1, DATA) * 2),
        ("structured", chunk(0, last=False)),
        ("structured", chunk(0)),
        ("structured", chunk(4)),
        ("structured", chunk(0x8001, length=1 << 31)),
        ("structured", chunk(5, be(1, 4) + be(512, 4) + be(0, 4))),
        ("extended", long_chunk(1, DATA, offset=513)),
        ("extended", simple(error=5) + bytes(16)),
        ("extended", chunk(1, DATA)),
    ],
)
def test_a_reply_that_does_not_fit_ends_the_connection(layout: str, raw: bytes) -> None:
    parser = ReplyParser(terms_of(layout))
    buffer = bytearray(100)
    parser.expect(1, READ, offset=512, length=100, buffer=memoryview(buffer))
    parser.receive(raw)
    assert isinstance(parser.ended, BadPeer)
    before = bytes(buffer)
    assert parser.receive(chunk(1, DATA) + long_chunk(1, DATA) + b"\xee" * 1000) == []
    assert buffer == before


DATA_NEARBY = st.builds(lambda at, count: be(at, 8) + b"d" * count, st.integers(500, 620), st.integers(0, 110))


@given(
    layout=st.sampled_from(LAYOUTS),
    raw=st.lists(
        st.binary(max_size=40)
        | st.builds(chunk, st.integers(0, 7) | st.just(0x8001), st.binary(max_size=150), last=st.booleans())
        | st.builds(chunk, st.just(1), DATA_NEARBY)
        | st.builds(long_chunk, st.integers(0, 7), st.binary(max_size=150))
        | st.builds(simple, error=st.sampled_from([0, 5])),
        max_size=6,
    ),
    length=st.sampled_from([0, 100, 70_000]),
)
def test_whatever_a_server_sends_stays_within_the_buffer(layout: str, raw: list[bytes], length: int) -> None:
    parser = ReplyParser(terms_of(layout))
    memory = bytearray(b"?" * (length + 2))
    parser.expect(1, READ, offset=512, length=length, buffer=memoryview(memory)[1:-1])
    answers = [answer for piece in raw for answer in parser.receive(piece)]
    assert len(answers) <= 1
    assert memory[0] == memory[-1] == ord("?")
    assert not any(answer.error == 0 and b"?" in memory[1:-1] for answer in answers)
