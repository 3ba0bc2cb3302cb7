"""What a server says of a request must fit it."""

import pytest

from aiovdi.nbd.options import Malformed
from aiovdi.nbd.pending import Pending
from aiovdi.nbd.wire import Chunk
from tests.nbd.spec import READ, STATUS, WRITE, be


def read(length: int = 1000) -> Pending:
    return Pending(READ, 4096, length, memoryview(bytearray(b"?" * length)))


def chunk(pending: Pending, kind: int, body: bytes, *contexts: int) -> None:
    pending.take_chunk(kind, memoryview(body), contexts)


def test_parts_fill_the_buffer_in_any_order() -> None:
    pending = read()
    pending.place_of(4596, 500)[:] = b"b" * 500
    pending.place_of(4096, 100)[:] = b"a" * 100
    chunk(pending, Chunk.OFFSET_HOLE, be(4196, 8) + be(400, 4))
    assert pending.buffer is not None
    assert bytes(pending.buffer) == b"a" * 100 + bytes(400) + b"b" * 500
    assert pending.finish(5, ()) == (5, 0, "", {})


@pytest.mark.parametrize(
    "parts",
    [
        [(4095, 10)],
        [(5090, 7)],
        [(4096, 1001)],
        [(0, 0)],
        [(4096, 0)],
        [(4096, -5)],
        [(4096, 100), (4195, 10)],
        [(4196, 100), (4096, 101)],
        [(4096, 1000), (4096, 1000)],
        [(4096, 1000), (4100, 1)],
        [(4096, 10), (4096, 1000)],
        [(4096, 10), (4116, 10), (4100, 20)],
        [(1 << 64, 10)],
    ],
)
def test_data_outside_the_request_or_twice_does_not_fit(parts: list[tuple[int, int]]) -> None:
    pending = read()
    for part in parts[:-1]:
        pending.place_of(*part)
    with pytest.raises(Malformed, match="data of"):
        pending.place_of(*parts[-1])


def test_a_read_that_is_not_complete_has_not_succeeded() -> None:
    pending = read()
    pending.place_of(4096, 999)
    with pytest.raises(Malformed, match="1 bytes are missing"):
        pending.finish(1, ())


def test_of_an_error_the_first_is_kept_and_nothing_is_missing() -> None:
    pending = read()
    chunk(pending, Chunk.ERROR_OFFSET, be(5, 4) + be(3, 2) + b"bad" + be(4096, 8))
    chunk(pending, 0x8077, be(22, 4) + be(0, 2))
    assert pending.finish(1, ()) == (1, 5, "bad", {})


def test_an_error_without_a_code_is_an_error_all_the_same() -> None:
    pending = read()
    chunk(pending, Chunk.ERROR, be(0, 4) + be(0, 2))
    assert pending.finish(1, ()).error == 22


def test_extents_are_kept_by_context() -> None:
    pending = Pending(STATUS, 0, 100, None)
    chunk(pending, Chunk.BLOCK_STATUS, be(7, 4) + be(60, 4) + be(3, 4) + be(40, 4) + be(0, 4), 7, 8)
    chunk(pending, Chunk.BLOCK_STATUS_EXT, be(8, 4) + be(1, 4) + be(1 << 40, 8) + be(1, 8), 7, 8)
    assert pending.finish(1, (7, 8)).extents == {7: [(60, 3), (40, 0)], 8: [(1 << 40, 1)]}


ONE = be(7, 4) + be(60, 4) + be(3, 4)


@pytest.mark.parametrize(
    ("kind", "bodies"),
    [
        (Chunk.BLOCK_STATUS, [ONE[:4]]),
        (Chunk.BLOCK_STATUS, [ONE[:-1]]),
        (Chunk.BLOCK_STATUS, [b""]),
        (Chunk.BLOCK_STATUS, [be(9, 4) + ONE[4:]]),
        (Chunk.BLOCK_STATUS, [ONE, ONE]),
        (Chunk.BLOCK_STATUS, [be(7, 4) + be(0, 4) + be(3, 4)]),
        (Chunk.BLOCK_STATUS_EXT, [be(7, 4) + be(2, 4) + be(60, 8) + be(3, 8)]),
        (Chunk.OFFSET_HOLE, [be(0, 8) + be(5, 4)]),
        (Chunk.NONE, [b"x"]),
        (Chunk.ERROR, [b"short"]),
        (Chunk.ERROR, [be(5, 4) + be(9, 2) + b"short"]),
        (0x7000, [b""]),
    ],
)
def test_a_chunk_that_does_not_fit_is_refused(kind: int, bodies: list[bytes]) -> None:
    pending = Pending(STATUS, 0, 100, None)
    for body in bodies[:-1]:
        chunk(pending, kind, body, 7)
    with pytest.raises(Malformed):
        chunk(pending, kind, bodies[-1], 7)


def test_a_status_without_all_contexts_has_not_succeeded() -> None:
    pending = Pending(STATUS, 0, 100, None)
    chunk(pending, Chunk.BLOCK_STATUS, ONE, 7, 8)
    with pytest.raises(Malformed, match="without all contexts"):
        pending.finish(1, (7, 8))


@pytest.mark.parametrize("kind", [Chunk.OFFSET_HOLE, Chunk.BLOCK_STATUS])
def test_a_write_gets_neither_holes_nor_extents(kind: int) -> None:
    with pytest.raises(Malformed, match="a WRITE of 12 bytes"):
        chunk(Pending(WRITE, 0, 12, None), kind, ONE, 7)
