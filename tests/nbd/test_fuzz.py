"""Whatever a client sends, torn in whatever way, a server built of these parts follows the specification.

The server below is the smallest there can be. What it says is judged by ``tests/nbd/spec.py``, which has read
the client's bytes for itself: each option and each request has exactly one answer, an error where there
must be one and only there, the right bytes, nothing after the end, and bounded memory on the way.
"""

from collections.abc import Iterator
from itertools import pairwise

from hypothesis import assume, given
from hypothesis import strategies as st

from aiovdi.nbd.handshake import OPTION_BYTES_MAX, ServerHandshake
from aiovdi.nbd.replies import ChunkReplies, SimpleReplies, replies_for
from aiovdi.nbd.terms import Abort, BadPeer, BlockSizes, Event, ExportInfo, Negotiated, StartTLS
from aiovdi.nbd.transmission import BUFFER_BYTES, Request, RequestParser
from aiovdi.nbd.wire import Command, CommandFlag
from tests.nbd import spec
from tests.nbd.spec import Asked, be, client_flags, go, meta, option, request

SIZE = 70_000
CONTEXT = "base:allocation"
FLAGS = st.integers(0, 0xFFF).map(lambda flags: flags & ~(1 << 9))
LAYOUTS = st.sampled_from(["simple", "structured", "extended"])

# pieces of what clients send, right and wrong

NAMES = st.sampled_from(["", "disk", "secret", "nothing", "ä" * 2049])
QUERIES = st.lists(st.sampled_from([CONTEXT, "base:", "qemu:x", "no colon", ":", ""]), max_size=3)
OPTIONS = st.one_of(
    st.builds(go, NAMES, st.integers(0, 5), st.integers(0, 5), kind=st.sampled_from([spec.GO, spec.OPT_INFO])),
    st.builds(lambda name, queries, kind: meta(name, *queries, kind=kind), NAMES, QUERIES, st.sampled_from([9, 10])),
    st.builds(option, st.integers(1, 13), st.just(b"") | st.binary(max_size=40)),
    st.builds(option, st.integers(0, 0xFFFFFFFF), length=st.integers(0, 0xFFFFFFFF)),
    st.builds(lambda name: option(spec.EXPORT_NAME, name.encode()), NAMES),
)
PLACES = st.integers(0, SIZE + 10) | st.sampled_from([0, 512, SIZE - 1, SIZE, (1 << 32) - 1])
EXTENT_STATES = st.lists(st.tuples(st.integers(0, 9000), st.integers(0, 3)), max_size=8)


@st.composite
def requests(draw: st.DrawFn, extended: bool) -> bytes:
    kind = draw(st.sampled_from([*range(8), 8, 0xFFFF]) | st.just(spec.WRITE))
    offset = draw(PLACES | st.integers(0, (1 << 64) - 1))
    length = draw(PLACES | st.integers(0, 600))
    flags = draw(st.sampled_from([0, 0, 0, spec.FUA, spec.DF, spec.REQ_ONE, spec.NO_HOLE, spec.FAST_ZERO, 1 << 9]))
    if extended:
        flags |= draw(st.sampled_from([spec.PAYLOAD_LEN if kind == spec.WRITE else 0, 0, spec.PAYLOAD_LEN]))
    has_payload = spec.carries(kind, flags, extended=extended)
    payload = draw(st.integers(1, 255)).to_bytes() * min(length, 80_000) if has_payload else b""
    cookie = draw(st.integers(0, (1 << 64) - 1))
    return request(kind, cookie=cookie, offset=offset, length=length, flags=flags, payload=payload, extended=extended)


def mutated(raw: bytes, changes: list[tuple[int, int]]) -> bytes:
    changed = bytearray(raw)
    for at, value in changes:
        if at < len(changed):
            changed[at] = value
    return bytes(changed)


def torn(raw: bytes, cuts: list[int]) -> Iterator[bytes]:
    """``raw`` in pieces; no cut, and it comes whole."""
    edges = sorted({0, len(raw), *(cut % (len(raw) + 1) for cut in cuts)})
    yield from (raw[start:end] for start, end in pairwise(edges))


CHANGES = st.lists(st.tuples(st.integers(0, 300), st.integers(0, 255)), max_size=4)
CUTS = st.lists(st.integers(0, 1 << 20), max_size=12)


# the handshake


@given(
    tls=st.sampled_from(["off", "allow", "require"]),
    options=st.lists(OPTIONS, max_size=8),
    flags=st.sampled_from([3, 3, 3, 1, 0, 2, 7]),
    changes=CHANGES,
    cuts=CUTS,
)
def test_whatever_a_client_haggles_is_answered_as_the_specification_says(
    tls: str, options: list[bytes], flags: int, changes: list[tuple[int, int]], cuts: list[int]
) -> None:
    exports = {
        "disk": ExportInfo(name="disk", size=SIZE, description="a disk"),
        "secret": ExportInfo(name="secret", size=SIZE, tls_only=True, block_sizes=BlockSizes(minimum=512)),
    }
    raw = mutated(client_flags(flags) + b"".join(options), changes)
    handshake = ServerHandshake(exports, tls=tls)  # type: ignore[arg-type]
    events: list[Event] = []
    for piece in torn(raw, cuts):
        events += handshake.receive(piece)
        if events[-1:] == [StartTLS()]:
            handshake.tls_started()
        assert len(handshake._input) <= OPTION_BYTES_MAX or isinstance(events[-1], Negotiated)
    check_handshake(handshake.take_output(), events, tls, raw)


def check_handshake(output: bytes, events: list[Event], tls: str, raw: bytes) -> None:
    reader = spec.Bytes(output)
    assert spec.read_greeting(reader) == 3
    end = events[-1] if events and not isinstance(events[-1], StartTLS) else None
    assert not any(isinstance(event, Negotiated | Abort | BadPeer) for event in events[:-1])
    if isinstance(end, Negotiated):
        assert end.tls or (tls != "require" and not end.export.tls_only)
        if not reader.raw.endswith(be(1, 4) + be(0, 4)):  # no ACK at the end: entered by EXPORT_NAME
            entered = be(SIZE, 8) + be(end.flags, 2) + (b"" if raw[3] & spec.NO_ZEROES else bytes(124))
            assert reader.raw.endswith(entered)
            reader.raw = reader.raw[: -len(entered)]
    replies = list(spec.read_option_replies(reader))
    for group in spec.check_option_conversation(replies):
        assert tls != "off" or group[-1].kind != 0x80000005, "MUST NOT respond with NBD_REP_ERR_TLS_REQD"


# transmission


class SmallServer:
    """Serves a bytearray, in the order of the requests."""

    def __init__(self, terms: Negotiated, states: list[tuple[int, int]]) -> None:
        self.parser = RequestParser(terms)
        self.replies: SimpleReplies | ChunkReplies = replies_for(terms)
        self.states = states
        self.disk = bytearray(SIZE)
        self.output = b""

    def receive(self, piece: bytes) -> None:
        for each in self.parser.receive(piece):
            self.output += self.replies.error(each, each.error, "refused") if each.error else self.serve(each)
        waiting = self.parser._waiting
        stored = len(self.parser._memory) + (0 if waiting is None else len(waiting.payload or b""))
        assert stored <= BUFFER_BYTES + SIZE

    def serve(self, each: Request) -> bytes:
        place = slice(each.offset, each.offset + each.length)
        match each.command:
            case Command.READ if each.length:
                return self.read(each, bytes(self.disk[place]))
            case Command.WRITE:
                assert each.payload is not None
                self.disk[place] = each.payload
            case Command.WRITE_ZEROES | Command.TRIM:
                self.disk[place] = bytes(each.length)
            case Command.BLOCK_STATUS:
                assert isinstance(self.replies, ChunkReplies)
                return self.replies.block_status(each, {1: [*self.states, (SIZE, 0)]})
        return self.replies.done(each)

    def read(self, each: Request, data: bytes) -> bytes:
        half = len(data) // 2
        if isinstance(self.replies, SimpleReplies) and not isinstance(self.replies, ChunkReplies):
            return self.replies.read_header(each) + data
        if each.flags & CommandFlag.DF or any(data[half:]) or not half:
            return self.replies.read_header(each) + data
        hole = self.replies.hole(each, offset=each.offset + half, length=len(data) - half, last=False)
        return hole + self.replies.data_header(each, offset=each.offset, length=half, last=True) + data[:half]


@given(layout=LAYOUTS, offers=FLAGS, states=EXTENT_STATES, changes=CHANGES, cuts=CUTS, data=st.data())
def test_whatever_a_client_asks_is_answered_once_and_rightly(
    *,
    layout: str,
    offers: int,
    states: list[tuple[int, int]],
    changes: list[tuple[int, int]],
    cuts: list[int],
    data: st.DataObject,
) -> None:
    raw = mutated(b"".join(data.draw(st.lists(requests(layout == "extended"), max_size=8))), changes)
    contexts = {} if layout == "simple" else {1: CONTEXT}
    terms = Negotiated(
        export=ExportInfo(name="disk", size=SIZE),
        flags=offers,
        structured=layout == "structured",
        extended=layout == "extended",
        contexts=contexts,
    )
    sent = spec.read_requests(raw, extended=layout == "extended")
    assume(len({each.asked.cookie for each in sent}) == len(sent))
    server = SmallServer(terms, states)
    for piece in torn(raw, cuts):
        server.receive(piece)
    model = bytearray(SIZE)
    complete = [each for each in sent if is_answerable(each, terms)]
    told = spec.read_replies(
        server.output, [each.asked for each in complete], layout=layout, contexts=frozenset(contexts)
    )
    for each in complete:
        check_answer(each, told[each.asked.cookie], terms, model)
    assert server.disk == model


def fails(asked: Asked, terms: Negotiated) -> bool:
    return spec.must_fail(asked, size=SIZE, offers=terms.flags, extended=terms.extended, contexts=bool(terms.contexts))


def is_answerable(sent: spec.Sent, terms: Negotiated) -> bool:
    """The bytes ended within a payload: then only a refusal can have been sent."""
    has_payload = spec.carries(sent.asked.kind, sent.asked.flags, extended=terms.extended)
    return not has_payload or len(sent.payload) == sent.asked.length or fails(sent.asked, terms)


def check_answer(sent: spec.Sent, told: spec.Told, terms: Negotiated, model: bytearray) -> None:
    asked = sent.asked
    assert bool(told.error) is fails(asked, terms), asked
    place = slice(asked.offset, asked.offset + asked.length)
    if told.error:
        return
    if asked.kind == spec.READ:
        assert told.data == model[place]
    elif asked.kind == spec.WRITE:
        model[place] = sent.payload
    elif asked.kind in (spec.ZEROES, spec.TRIM):
        model[place] = bytes(asked.length)


@given(raw=st.binary(max_size=500), layout=LAYOUTS, cuts=CUTS)
def test_arbitrary_bytes_never_raise(raw: bytes, layout: str, cuts: list[int]) -> None:
    export = ExportInfo(name="disk", size=SIZE)
    handshake = ServerHandshake({"disk": export})
    server = SmallServer(
        Negotiated(export=export, flags=0xFFF, structured=layout == "structured", extended=layout == "extended"), []
    )
    for piece in torn(raw, cuts):
        handshake.receive(piece)
        server.receive(piece)
