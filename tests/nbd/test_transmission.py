"""The request parser: requests as they were sent, in any split, within bounded memory."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiovdi.nbd.terms import BadPeer, BlockSizes, ExportInfo, Negotiated
from aiovdi.nbd.transmission import BUFFER_BYTES, Disconnect, Request, RequestParser
from aiovdi.nbd.wire import PAYLOAD_MAX, ErrorCode
from tests.nbd import spec
from tests.nbd.spec import PAYLOAD_LEN, READ, WRITE, request

SIZE = 1 << 30


def parser_of(*, extended: bool = False, payload_max: int = PAYLOAD_MAX, flags: int = 0x16D) -> RequestParser:
    export = ExportInfo(name="x", size=SIZE, flags=flags, block_sizes=BlockSizes(payload_max=payload_max))
    return RequestParser(Negotiated(export=export, flags=flags, extended=extended))


def write(data: bytes, *, cookie: int = 1, offset: int = 0, extended: bool = False) -> bytes:
    flags = PAYLOAD_LEN if extended else 0
    return request(WRITE, cookie=cookie, offset=offset, length=len(data), flags=flags, payload=data, extended=extended)


@pytest.mark.parametrize("extended", [False, True])
def test_every_field_of_a_request_comes_out(extended: bool) -> None:
    parser = parser_of(extended=extended)
    (read,) = parser.receive(request(READ, cookie=1 << 63, offset=512, length=4096, flags=1, extended=extended))
    assert read == Request(READ, 1, 1 << 63, 512, 4096, None, 0)
    (put,) = parser.receive(write(b"data", cookie=7, offset=3, extended=extended))
    assert put == Request(WRITE, PAYLOAD_LEN if extended else 0, 7, 3, 4, b"data", 0)
    assert parser.is_between_requests


def test_extended_lengths_have_64_bits() -> None:
    (trim,) = parser_of(extended=True).receive(request(spec.TRIM, length=SIZE << 8, extended=True))
    assert (trim.length, trim.error) == (SIZE << 8, ErrorCode.EINVAL)


@pytest.mark.parametrize("length", [0, 1, 4096, 65536, 65537, BUFFER_BYTES, 1 << 20])
@pytest.mark.parametrize("before", [0, 1, 5000])
def test_a_payload_of_any_length_arrives_whole(length: int, before: int) -> None:
    data = bytes(value % 251 for value in range(length))
    parser = parser_of()
    raw = write(bytes(before)) + write(data) + request(READ, length=1)
    first, second, third = parser.receive(raw)
    assert (first.payload, second.payload, third.payload) == (bytes(before), data, None)
    assert parser.is_between_requests


STREAM = b"".join(
    [
        write(b"a" * 100),
        request(READ, length=4096, cookie=2),
        write(b"b" * 70_000, cookie=3),
        request(99, cookie=4),
        write(b"c" * 3000, offset=SIZE, cookie=5),  # past the end
        request(spec.FLUSH, cookie=6),
        write(b"d" * 300, cookie=7),
        request(spec.DISC),
        b"nothing after that counts",
    ]
)


@given(cuts=st.lists(st.integers(0, len(STREAM)), max_size=30))
def test_any_split_of_the_input_gives_the_same(cuts: list[int]) -> None:
    parser = parser_of()
    requests = []
    for start, end in pairwise([0, *sorted(cuts), len(STREAM)]):
        requests += parser.receive(STREAM[start:end])
    assert requests == parser_of().receive(STREAM)
    assert [(each.cookie, each.error) for each in requests] == [
        (1, 0),
        (2, 0),
        (3, 0),
        (4, 22),
        (5, 28),
        (6, 0),
        (7, 0),
    ]
    assert parser.ended == Disconnect()


def test_the_payload_of_a_refused_write_is_skipped_and_not_kept() -> None:
    parser = parser_of(flags=0x16F)  # read-only
    (refused,) = parser.receive(write(b"x" * 200_000)[: BUFFER_BYTES // 4])
    assert (refused.payload, refused.error) == (None, ErrorCode.EPERM)
    assert not parser.is_between_requests
    (read,) = parser.receive(write(b"x" * 200_000)[BUFFER_BYTES // 4 :] + request(READ, cookie=2, length=1))
    assert read.cookie == 2


def test_a_payload_longer_than_agreed_is_skipped_and_refused() -> None:
    refused, read = parser_of(payload_max=8192).receive(write(bytes(8193)) + request(READ, cookie=2, length=1))
    assert (refused.payload, refused.error) == (None, ErrorCode.EINVAL)
    assert (read.cookie, read.error) == (2, 0)


@pytest.mark.parametrize("payload_max", [8192, PAYLOAD_MAX])
def test_a_payload_that_is_an_attack_ends_the_connection(payload_max: int) -> None:
    parser = parser_of(payload_max=payload_max)
    raw = request(READ, length=1) + request(WRITE, length=PAYLOAD_MAX + 1) + bytes(100)
    assert len(parser.receive(raw)) == 1
    assert isinstance(parser.ended, BadPeer)
    assert parser.receive(request(READ, length=1)) == []


@pytest.mark.parametrize(
    "raw", [b"\0" * 28, spec.request(READ, extended=True), b"IHAVEOPT" + bytes(20), spec.be(0x25609514, 4) + bytes(24)]
)
def test_another_magic_ends_the_connection(raw: bytes) -> None:
    parser = parser_of()
    assert len(parser.receive(request(READ, length=1) + raw + request(READ, length=1))) == 1
    assert isinstance(parser.ended, BadPeer)


def test_an_extended_payload_that_no_command_wants_is_consumed() -> None:
    parser = parser_of(extended=True)
    strange = request(READ, length=500, flags=PAYLOAD_LEN, payload=bytes(500), extended=True)
    refused, read = parser.receive(strange + request(READ, cookie=3, length=1, extended=True))
    assert (refused.error, read.error) == (22, 0)


def test_an_extended_write_has_its_payload_also_where_the_client_forgets_to_say_so() -> None:
    # as QEMU's client does, seen with 10.0.13
    parser = parser_of(extended=True)
    bare = request(WRITE, cookie=2, length=500, payload=b"x" * 500, extended=True)
    written, read = parser.receive(bare + request(READ, cookie=3, length=1, extended=True))
    assert (written.payload, written.error, read.error) == (b"x" * 500, 0, 0)


def test_there_is_always_room_and_what_moves_there_stays_whole() -> None:
    parser, payloads = parser_of(), []
    sent = [bytes([number % 251]) * (60_000 + number) for number in range(40)]
    stream = b"".join(map(write, sent))
    while stream:
        memory = parser.buffer()
        assert memory
        count = min(len(memory), len(stream), 100_000)
        memory[:count] = stream[:count]
        stream = stream[count:]
        payloads += [each.payload for each in parser.received(count)]
    assert payloads == sent
    assert parser.is_between_requests
    assert len(parser.buffer()) >= BUFFER_BYTES // 2


def test_without_memory_for_a_payload_it_is_held_and_goes_on_when_there_is() -> None:
    asked: list[int] = []
    free: list[bytearray] = []

    def allocate(length: int) -> bytearray | None:
        asked.append(length)
        return free.pop() if free else None

    export = ExportInfo(name="", size=1 << 40, flags=0x16D)
    parser = RequestParser(Negotiated(export=export, flags=0x16D), allocate=allocate)
    data = bytes(range(256)) * 1024
    raw = write(b"small") + write(data, cookie=2) + write(b"behind", cookie=3)
    first = parser.receive(raw[:1000])
    assert [request.payload for request in first] == [b"small"]
    assert parser.is_held
    assert parser.received(0) == []
    assert asked == [len(data)] * 2
    free.append(bytearray(len(data)))
    assert parser.received(0) == []
    assert not parser.is_held
    rest = parser.receive(raw[1000:])
    assert [(request.cookie, request.payload) for request in rest] == [(2, data), (3, b"behind")]
