"""The client's handshake, against our server and against servers that know less or mean no good."""

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiovdi.nbd.client import REPLIES_MAX, REPLY_BYTES_MAX, ClientHandshake
from aiovdi.nbd.handshake import ServerHandshake
from aiovdi.nbd.terms import Abort, BadPeer, BlockSizes, Event, ExportInfo, Negotiated, Refused, StartTLS
from aiovdi.nbd.wire import ExportFlag
from tests.nbd import spec
from tests.nbd.spec import be

SIZES = BlockSizes(minimum=512, preferred=4096, payload_max=1 << 20)
DISK = ExportInfo(name="disk", size=1 << 40, flags=ExportFlag.SEND_FUA, description="A disk", block_sizes=SIZES)
SECRET = ExportInfo(name="secret", size=512, tls_only=True)
EXPORTS = {"disk": DISK, "secret": SECRET}
CONTEXT = "base:allocation"

GREETING = b"NBDMAGICIHAVEOPT\0\x03"
ACK = 1


def haggle(client: ClientHandshake, server: ServerHandshake, *, step: int = 1 << 20) -> tuple[list[Event], list[Event]]:
    """Bytes go back and forth, ``step`` at a time, until both have nothing more to say."""
    ours: list[Event] = []
    theirs: list[Event] = []
    to_client, to_server = server.take_output(), client.take_output()
    while to_client or to_server:
        ours += client.receive(to_client[:step])
        theirs += server.receive(to_server[:step])
        if ours[-1:] == theirs[-1:] == [StartTLS()] and not to_client[step:] and not to_server[step:]:
            ours[-1:], theirs[-1:] = [], []
            client.tls_started()
            server.tls_started()
        to_client, to_server = to_client[step:] + server.take_output(), to_server[step:] + client.take_output()
    return ours, theirs


@pytest.mark.parametrize("tls", [False, True])
@pytest.mark.parametrize(("structured", "extended"), [(False, False), (True, False), (True, True), (False, True)])
def test_both_sides_agree_on_the_same(structured: bool, extended: bool, tls: bool) -> None:
    client = ClientHandshake("disk", tls=tls, structured=structured, extended=extended, contexts=[CONTEXT])
    (ours,), (theirs,) = haggle(client, ServerHandshake(EXPORTS, tls="allow"))
    assert isinstance(ours, Negotiated)
    expected = DISK if structured or extended else dataclasses.replace(DISK, contexts=())
    assert ours.export == dataclasses.replace(expected, flags=ours.flags)
    assert dataclasses.replace(ours, export=DISK) == theirs
    assert (ours.structured, ours.extended, ours.tls) == (structured and not extended, extended, tls)


@given(step=st.integers(1, 40), extended=st.booleans())
def test_any_pieces_give_the_same(step: int, extended: bool) -> None:
    def run(step: int) -> tuple[list[Event], list[Event]]:
        client = ClientHandshake("disk", extended=extended, contexts=[CONTEXT])
        return haggle(client, ServerHandshake(EXPORTS, extended=extended), step=step)

    assert run(step) == run(1 << 20)


def test_a_client_that_wants_less_than_the_server_has_gets_less() -> None:
    (ours,), _ = haggle(ClientHandshake("disk"), ServerHandshake(EXPORTS, extended=False))
    assert isinstance(ours, Negotiated)
    assert ours.structured
    assert not ours.contexts


@pytest.mark.parametrize(
    ("name", "tls", "server_tls", "why"),
    [
        ("nothing", False, "off", "ERR_UNKNOWN"),
        ("secret", False, "allow", "ERR_TLS_REQD"),
        ("disk", False, "require", "ERR_TLS_REQD"),
        ("disk", True, "off", "ERR_POLICY"),
    ],
)
def test_what_the_server_refuses_ends_politely(name: str, tls: bool, server_tls: str, why: str) -> None:
    server = ServerHandshake(EXPORTS, tls=server_tls)  # type: ignore[arg-type]
    (ours,), (theirs,) = haggle(ClientHandshake(name, tls=tls), server)
    assert isinstance(ours, Refused)
    assert why in ours.reason
    assert theirs == Abort()


def test_nothing_is_said_between_the_start_of_tls_and_tls() -> None:
    client, server = ClientHandshake("disk", tls=True), ServerHandshake(EXPORTS, tls="allow")
    client.receive(server.take_output())
    server.receive(client.take_output())
    assert client.receive(server.take_output()) == [StartTLS()]
    assert client.take_output() == b""
    client.tls_started()
    assert client.take_output() == spec.option(spec.EXTENDED)


# servers that are not ours


def answers(*replies: bytes, greeting: bytes = GREETING, **options: object) -> tuple[list[Event], bytes]:
    """What the client makes of a server that says exactly this, and what it said itself."""
    client = ClientHandshake("disk", **options)  # type: ignore[arg-type]
    events = client.receive(greeting + b"".join(replies))
    return events, client.take_output()


def reply(option: int, kind: int, data: bytes = b"") -> bytes:
    return be(0x3E889045565A9, 8) + be(option, 4) + be(kind, 4) + be(len(data), 4) + data


UNSUP = [reply(option, 0x80000001) for option in (spec.EXTENDED, spec.STRUCTURED)]
INFO = reply(spec.GO, 3, be(0, 2) + be(1 << 30, 8) + be(5, 2))


@pytest.mark.parametrize("padding", [b"", bytes(124)])
def test_a_server_without_go_is_asked_by_export_name(padding: bytes) -> None:
    greeting = GREETING[:-1] + (b"\x01" if padding else b"\x03")
    refusals = [*UNSUP, reply(spec.GO, 0x80000001)]
    (terms,), sent = answers(*refusals, be(1 << 30, 8) + be(5, 2) + padding, greeting=greeting)
    assert terms == Negotiated(export=ExportInfo(name="disk", size=1 << 30, flags=5, contexts=()), flags=5)
    assert sent.endswith(b"IHAVEOPT" + be(1, 4) + be(4, 4) + b"disk")
    assert answers(*refusals, be(1 << 30, 8) + be(5, 2) + padding[1:], greeting=greeting)[0] == [terms][bool(padding) :]


def test_a_server_without_fixed_newstyle_is_asked_at_once() -> None:
    (terms,), sent = answers(be(512, 8) + be(1, 2) + bytes(124), greeting=GREETING[:-1] + b"\0")
    assert isinstance(terms, Negotiated)
    assert terms.export.size == 512
    assert sent == be(0, 4) + spec.option(spec.EXPORT_NAME, b"disk")
    (event,), sent = answers(greeting=GREETING[:-1] + b"\0", tls=True)
    assert isinstance(event, Refused)


def test_a_handshake_flag_that_is_not_known_is_not_answered() -> None:
    _, sent = answers(greeting=GREETING[:-2] + b"\xff\xff")
    assert sent.startswith(be(3, 4))


@pytest.mark.parametrize(
    "replies",
    [
        [b"\0" * 20],
        [reply(spec.STRUCTURED, ACK)],
        [be(0x3E889045565A9, 8) + be(spec.EXTENDED, 4) + be(ACK, 4) + be(REPLY_BYTES_MAX + 1, 4)],
        [reply(spec.EXTENDED, 3, b"?") * REPLIES_MAX],
        [*UNSUP, reply(spec.GO, ACK)],
        [*UNSUP, reply(spec.GO, 3, be(0, 2) + be(1, 8)), reply(spec.GO, ACK)],
        [*UNSUP, reply(spec.GO, 3, be(0, 2) + be(1 << 63, 8) + be(1, 2)), reply(spec.GO, ACK)],
        [*UNSUP, reply(spec.GO, 3, be(0, 2) + be(1, 8) + be(0, 2)), reply(spec.GO, ACK)],
        [*UNSUP, INFO, reply(spec.GO, 3, be(3, 2) + be(3, 4) + be(512, 4) + be(512, 4)), reply(spec.GO, ACK)],
        [*UNSUP, INFO, reply(spec.GO, 3, be(1, 2) + b"\xff"), reply(spec.GO, ACK)],
    ],
)
def test_a_server_that_breaks_the_protocol_is_left(replies: list[bytes]) -> None:
    events, _ = answers(*replies)
    assert [type(event) for event in events] == [BadPeer]


@pytest.mark.parametrize("greeting", [b"NBDMAGIC\0\0\x42\x02\x81\x86\x12\x53\0\0", b"HTTP/1.1 400 Bad Request\r\n"])
def test_a_greeting_that_is_not_newstyle_is_left(greeting: bytes) -> None:
    (event,), sent = answers(greeting=greeting)
    assert isinstance(event, BadPeer)
    assert sent == b""


def test_an_information_that_is_not_known_is_ignored() -> None:
    (terms,), _ = answers(*UNSUP, INFO, reply(spec.GO, 3, be(999, 2) + b"\xff"), reply(spec.GO, ACK))
    assert isinstance(terms, Negotiated)
    assert terms.export == ExportInfo(name="disk", size=1 << 30, flags=5, contexts=())


@given(st.binary(max_size=300), st.lists(st.integers(0, 300)))
def test_arbitrary_bytes_of_a_server_end_in_an_event_or_wait(raw: bytes, cuts: list[int]) -> None:
    client = ClientHandshake("disk", contexts=[CONTEXT])
    for piece in (GREETING, raw):
        for event in client.receive(piece):
            assert isinstance(event, BadPeer | Refused | Negotiated)
    assert len(client._input) <= len(raw)
