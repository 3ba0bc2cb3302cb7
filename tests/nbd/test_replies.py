"""The replies, read back by the second reader, in each of the three layouts."""

from collections.abc import Iterable, Iterator
from itertools import count

import pytest

from aiovdi.nbd.replies import ChunkReplies, SimpleReplies, replies_for
from aiovdi.nbd.terms import BlockSizes, ExportInfo, Negotiated
from aiovdi.nbd.transmission import Request
from aiovdi.nbd.wire import EXTENTS_MAX, ErrorCode
from tests.nbd import spec
from tests.nbd.spec import READ, REQ_ONE, STATUS, WRITE, Asked, Told, read_replies

EXPORT = ExportInfo(name="x", size=1 << 40)
LAYOUTS = ["simple", "structured", "extended"]


def encoder(layout: str, export: ExportInfo = EXPORT) -> SimpleReplies | ChunkReplies:
    terms = Negotiated(export=export, flags=1, structured=layout == "structured", extended=layout == "extended")
    return replies_for(terms)


def chunk_encoder(layout: str, export: ExportInfo = EXPORT) -> ChunkReplies:
    replies = encoder(layout, export)
    assert isinstance(replies, ChunkReplies)
    return replies


def request(command: int, *, offset: int = 4096, length: int = 1000, flags: int = 0, cookie: int = 1 << 60) -> Request:
    return Request(command, flags, cookie, offset, length, None, 0)


def judged(raw: bytes, asked: Request, *, layout: str, contexts: frozenset[int] = frozenset()) -> Told:
    judge = Asked(asked.command, asked.flags, asked.cookie, asked.offset, asked.length)
    return read_replies(raw, [judge], layout=layout, contexts=contexts)[asked.cookie]


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_read_that_succeeds_carries_its_data(layout: str) -> None:
    asked = request(READ)
    data = bytes(range(250)) * 4
    assert judged(encoder(layout).read_header(asked) + data, asked, layout=layout).data == data


@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_header_may_be_put_before_the_data_that_is_there_already(layout: str) -> None:
    replies, asked = encoder(layout), request(READ)
    buffer = bytearray(replies.read_header_bytes + asked.length)
    replies.put_read_header(asked, buffer)
    assert buffer == replies.read_header(asked) + bytes(asked.length)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("asked", [request(WRITE), request(spec.FLUSH, offset=0, length=0), request(READ, length=0)])
def test_success_without_data_is_told(layout: str, asked: Request) -> None:
    assert judged(encoder(layout).done(asked), asked, layout=layout).error == 0


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("message", ["", "the disk is full", "ä" * 5000, "\ud800"])
def test_an_error_is_told_with_its_text_where_that_can_be_told(layout: str, message: str) -> None:
    asked = request(READ)
    raw = encoder(layout).error(asked, ErrorCode.ENOSPC, message)
    assert judged(raw, asked, layout=layout) == Told(28, None, {})
    assert layout == "simple" or message[:10].encode(errors="replace") in raw


@pytest.mark.parametrize("layout", LAYOUTS[1:])
def test_a_read_may_come_in_parts_and_holes(layout: str) -> None:
    replies, asked = chunk_encoder(layout), request(READ)
    raw = replies.hole(asked, offset=4296, length=500, last=False)
    raw += replies.data_header(asked, offset=4796, length=300, last=False) + b"b" * 300
    raw += replies.data_header(asked, offset=4096, length=200, last=True) + b"a" * 200
    assert judged(raw, asked, layout=layout).data == b"a" * 200 + bytes(500) + b"b" * 300


@pytest.mark.parametrize("layout", LAYOUTS[1:])
def test_a_read_in_parts_may_end_without_a_last_part(layout: str) -> None:
    replies, asked = chunk_encoder(layout), request(READ)
    raw = replies.hole(asked, offset=4096, length=1000, last=False) + replies.done(asked)
    assert judged(raw, asked, layout=layout).data == bytes(1000)


# BLOCK_STATUS


def status(
    layout: str, asked: Request, states: Iterable[tuple[int, int]], *, export: ExportInfo = EXPORT
) -> list[tuple[int, int]]:
    raw = chunk_encoder(layout, export).block_status(asked, {1: states})
    return judged(raw, asked, layout=layout, contexts=frozenset({1})).extents[1]


@pytest.mark.parametrize("layout", LAYOUTS[1:])
def test_extents_are_told_as_they_are(layout: str) -> None:
    assert status(layout, request(STATUS), [(100, 0), (200, 3), (900, 0)]) == [(100, 0), (200, 3), (900, 0)]


@pytest.mark.parametrize("layout", LAYOUTS[1:])
def test_neighbours_of_one_state_are_joined_and_empty_ones_left_out(layout: str) -> None:
    assert status(layout, request(STATUS), [(0, 3), (100, 0), (0, 3), (200, 0), (5, 3)]) == [(300, 0), (5, 3)]


@pytest.mark.parametrize("layout", LAYOUTS[1:])
def test_no_extent_begins_past_what_was_asked(layout: str) -> None:
    assert status(layout, request(STATUS), [(999, 0), (1, 3), (50, 0)]) == [(999, 0), (1, 3)]
    assert status(layout, request(STATUS), [(1000, 0), (50, 3)]) == [(1000, 0)]


@pytest.mark.parametrize("layout", LAYOUTS[1:])
def test_who_asks_for_one_extent_gets_one_that_is_no_longer_than_asked(layout: str) -> None:
    one = request(STATUS, flags=REQ_ONE)
    assert status(layout, one, [(5000, 3), (50, 0)]) == [(1000, 3)]
    assert status(layout, one, [(10, 3), (50, 0)]) == [(10, 3)]


def test_an_extent_longer_than_32_bits_is_told_as_far_as_they_go() -> None:
    asked = request(STATUS, length=(1 << 32) - 1)
    assert status("structured", asked, [(1 << 40, 3), (512, 0)]) == [((1 << 32) - 65536, 3)]
    assert status("extended", asked, [(1 << 40, 3), (512, 0)]) == [(1 << 40, 3)]


def without_end() -> Iterator[tuple[int, int]]:
    for number in count():
        yield 1, number % 2


@pytest.mark.parametrize(("layout", "fitting"), [("structured", 512), ("extended", 256)])
def test_no_more_is_taken_than_a_payload_can_hold(layout: str, fitting: int) -> None:
    export = ExportInfo(name="x", size=1 << 40, block_sizes=BlockSizes(payload_max=4096))
    assert len(status(layout, request(STATUS, length=1 << 31), without_end(), export=export)) == fitting


@pytest.mark.parametrize("layout", LAYOUTS[1:])
def test_no_more_is_taken_than_a_server_should_send(layout: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert EXTENTS_MAX == 1 << 20
    monkeypatch.setattr("aiovdi.nbd.replies.EXTENTS_MAX", 1000)
    assert len(status(layout, request(STATUS, length=1 << 31), without_end())) == 1000


@pytest.mark.parametrize("layout", LAYOUTS[1:])
def test_each_context_gets_a_chunk_and_the_last_one_is_marked(layout: str) -> None:
    asked = request(STATUS)
    raw = chunk_encoder(layout).block_status(asked, {1: [(1000, 0)], 9: [(10, 1), (990, 0)]})
    told = judged(raw, asked, layout=layout, contexts=frozenset({1, 9}))
    assert told.extents == {1: [(1000, 0)], 9: [(10, 1), (990, 0)]}
