"""The server's handshake: greeting, limits, and any split of the input."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiovdi.nbd.handshake import OPTION_BYTES_MAX, OPTIONS_MAX, SKIPPED_BYTES_MAX, ServerHandshake
from aiovdi.nbd.terms import BadPeer, ExportInfo, Negotiated, StartTLS
from tests.nbd import spec
from tests.nbd.spec import client_flags, go, meta, option

EXPORTS = {"disk": ExportInfo(name="disk", size=1 << 30)}
FIRST_REQUEST = spec.request(spec.READ, length=512)
CONVERSATION = (
    client_flags()
    + option(spec.STRUCTURED)
    + option(77, b"unknown")
    + option(spec.LIST, bytes(OPTION_BYTES_MAX + 1))
    + meta("disk", "base:allocation")
    + go("disk", 1, 3)
    + FIRST_REQUEST
)


def test_the_server_speaks_first() -> None:
    handshake = ServerHandshake(EXPORTS)
    assert spec.read_greeting(spec.Bytes(handshake.take_output())) == spec.FIXED_NEWSTYLE | spec.NO_ZEROES
    assert handshake.take_output() == b""


def whole() -> tuple[list[object], bytes, bytes]:
    handshake = ServerHandshake(EXPORTS)
    events: list[object] = list(handshake.receive(CONVERSATION))
    return events, handshake.take_output(), handshake.take_rest()


@given(cuts=st.lists(st.integers(0, len(CONVERSATION)), max_size=30))
def test_any_split_of_the_input_gives_the_same(cuts: list[int]) -> None:
    handshake = ServerHandshake(EXPORTS)
    events: list[object] = []
    output = b""
    edges = [0, *sorted(cuts), len(CONVERSATION)]
    for start, end in pairwise(edges):
        events += handshake.receive(CONVERSATION[start:end])
        output += handshake.take_output()
    assert (events, output, handshake.take_rest()) == whole()
    assert isinstance(events[0], Negotiated)
    assert whole()[2] == FIRST_REQUEST


@pytest.mark.parametrize("flags", [4, 1 << 31, 0xFFFFFFFF])
def test_a_client_flag_that_was_not_offered_ends_the_session(flags: int) -> None:
    assert isinstance(ServerHandshake(EXPORTS).receive(client_flags(flags))[0], BadPeer)


def test_an_option_with_another_magic_ends_the_session() -> None:
    (event,) = ServerHandshake(EXPORTS).receive(client_flags() + option(spec.LIST, magic=b"IHAVEOPS"))
    assert isinstance(event, BadPeer)


def test_data_longer_than_anybody_means_ends_the_session_before_it_comes() -> None:
    handshake = ServerHandshake(EXPORTS)
    assert not handshake.receive(client_flags() + option(spec.LIST, length=SKIPPED_BYTES_MAX))
    (event,) = ServerHandshake(EXPORTS).receive(client_flags() + option(spec.LIST, length=SKIPPED_BYTES_MAX + 1))
    assert isinstance(event, BadPeer)


def test_what_is_skipped_is_not_kept() -> None:
    handshake = ServerHandshake(EXPORTS)
    handshake.receive(client_flags() + option(spec.LIST, length=SKIPPED_BYTES_MAX))
    for _ in range(100):
        handshake.receive(bytes(OPTION_BYTES_MAX))
        assert len(handshake._input) < OPTION_BYTES_MAX


def test_a_client_that_haggles_without_end_is_sent_away() -> None:
    handshake = ServerHandshake(EXPORTS)
    handshake.receive(client_flags())
    for _ in range(OPTIONS_MAX - 1):
        assert not handshake.receive(option(spec.LIST))
        handshake.take_output()
    (event,) = handshake.receive(option(spec.LIST))
    assert isinstance(event, BadPeer)


def test_a_single_byte_of_plain_text_after_starttls_ends_the_session() -> None:
    handshake = ServerHandshake(EXPORTS, tls="allow")
    started, ended = handshake.receive(client_flags() + option(spec.STARTTLS) + b"I")
    assert started == StartTLS()
    assert isinstance(ended, BadPeer)
