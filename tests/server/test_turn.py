"""What one turn answers at once, and where it stops."""

from typing import Any

import pytest

from aiovdi.nbd.replies import SimpleReplies
from aiovdi.nbd.transmission import Request
from aiovdi.nbd.wire import Command, ErrorCode
from aiovdi.server.counters import Counters
from aiovdi.server.turn import ARENA_BYTES, Arena, Turn
from aiovdi.units import KiB, MiB


def read(offset: int, length: int, *, cookie: int = 0, error: int = 0) -> Request:
    return Request(Command.READ, 0, cookie, offset, length, None, error)


@pytest.fixture
def turn(export: Any) -> Turn:
    export.fill(bytes(range(256)) * 8192)
    turn = Turn(export, SimpleReplies(), Arena(), Counters())
    turn.begin()
    return turn


def test_cached_reads_lie_side_by_side_in_the_arena(turn: Turn, export: Any) -> None:
    assert turn.reads([read(1, 3, cookie=1), read(5, 2, cookie=2)], 0) == 2
    (output,) = turn.output()
    head = b"\x67\x44\x66\x98" + bytes(4)
    assert output == head + (1).to_bytes(8, "big") + b"\1\2\3" + head + (2).to_bytes(8, "big") + b"\5\6"
    assert turn._counters.requests == {Command.READ: 2}
    assert turn._counters.bytes_read == 5


@pytest.mark.parametrize(
    "stranger",
    [
        Request(Command.FLUSH, 0, 0, 0, 0, None, 0),
        read(0, 0),
        read(0, 64 * KiB + 1),
        read(0, 1, error=ErrorCode.EINVAL),
        read(3 * MiB, 1),
    ],
    ids=["another command", "of nothing", "long", "refused", "cold"],
)
def test_it_stops_at_what_it_cannot_answer_and_goes_on_behind_it(turn: Turn, stranger: Request) -> None:
    requests = [read(0, 1), stranger, read(0, 1)]
    assert turn.reads(requests, 0) == 1
    assert turn.reads(requests, 1) == 1
    assert turn.reads(requests, 2) == 3
    assert not turn.is_over
    assert turn._counters.requests == {Command.READ: 2}


def test_a_full_arena_ends_the_turn_and_the_next_goes_on(turn: Turn) -> None:
    requests = [read(0, 64 * KiB)] * 5
    assert turn.reads(requests, 0) == 3
    assert turn.is_over
    assert sum(map(len, turn.output())) == 3 * (64 * KiB + 16) <= ARENA_BYTES
    turn.begin()
    assert not turn.is_over
    assert turn.reads(requests, 3) == 5


def test_a_long_read_has_memory_of_its_own_and_ends_the_turn(turn: Turn, export: Any) -> None:
    assert turn.put(b"before")
    assert turn.large_read(read(7, 1 * MiB, cookie=3))
    assert turn.is_over
    small, large = turn.output()
    assert small == b"before"
    assert large[16:] == export.content[7 : 7 + MiB]
    assert large[15] == 3


def test_a_read_that_is_too_long_or_cold_is_left_to_others(turn: Turn) -> None:
    assert not turn.large_read(read(0, 1 * MiB + 1))
    assert not turn.large_read(read(3 * MiB, 128 * KiB))
    assert not turn.large_read(read(0, 4 * KiB))
    assert turn.output() == []


def test_a_reply_that_does_not_fit_ends_the_turn(turn: Turn) -> None:
    assert turn.put(bytes(ARENA_BYTES - 10))
    assert not turn.put(bytes(11))
    assert turn.is_over


def test_an_arena_that_was_kept_by_a_transport_is_replaced() -> None:
    arena = Arena()
    kept = arena.view[:4]
    kept[:] = b"kept"
    arena.renew()
    arena.view[:4] = b"new!"
    assert kept == b"kept"
