"""What is answered to a request before anybody serves it, and in which order."""

import pytest

from aiovdi.nbd.rules import Rules
from aiovdi.nbd.terms import DEFAULT_BLOCK_SIZES, BlockSizes, ExportInfo, Negotiated
from aiovdi.nbd.wire import ErrorCode, ExportFlag
from tests.nbd.spec import (
    CACHE,
    DF,
    DISC,
    FAST_ZERO,
    FLUSH,
    FUA,
    NO_HOLE,
    PAYLOAD_LEN,
    READ,
    REQ_ONE,
    STATUS,
    TRIM,
    WRITE,
    ZEROES,
)

SIZE = 1 << 20
ALL = 0xFFF & ~ExportFlag.READ_ONLY
EINVAL, ENOSPC, EPERM, EOVERFLOW = ErrorCode.EINVAL, ErrorCode.ENOSPC, ErrorCode.EPERM, ErrorCode.EOVERFLOW


def rules(
    flags: int = ALL, *, sizes: BlockSizes = DEFAULT_BLOCK_SIZES, structured: bool = True, extended: bool = False
) -> Rules:
    export = ExportInfo(name="x", size=SIZE, flags=flags, block_sizes=sizes)
    return Rules(
        Negotiated(
            export=export, flags=flags, structured=structured, extended=extended, contexts={1: "base:allocation"}
        )
    )


@pytest.mark.parametrize(
    ("command", "flags"),
    [
        (READ, 0),
        (READ, DF),
        (READ, FUA),
        (WRITE, FUA),
        (TRIM, FUA),
        (CACHE, 0),
        (ZEROES, NO_HOLE | FAST_ZERO | FUA),
        (STATUS, REQ_ONE),
    ],
)
def test_what_is_offered_may_be_asked_for(command: int, flags: int) -> None:
    assert rules().objection(command, flags, 0, SIZE) == 0


@pytest.mark.parametrize("command", [8, 99, 0xFFFF, DISC])
def test_an_unknown_command_is_invalid(command: int) -> None:
    assert rules().objection(command, 0, 0, 0) == EINVAL


@pytest.mark.parametrize(
    ("command", "flag"),
    [
        (FLUSH, ExportFlag.SEND_FLUSH),
        (TRIM, ExportFlag.SEND_TRIM),
        (CACHE, ExportFlag.SEND_CACHE),
        (ZEROES, ExportFlag.SEND_WRITE_ZEROES),
    ],
)
def test_a_command_that_was_not_offered_is_invalid(command: int, flag: int) -> None:
    assert rules().objection(command, 0, 0, 0) == 0
    assert rules(ALL & ~flag).objection(command, 0, 0, 0) == EINVAL


def test_block_status_wants_a_context_and_chunks() -> None:
    assert rules(structured=False).objection(STATUS, 0, 0, 512) == EINVAL
    bare = Rules(Negotiated(export=ExportInfo(name="x", size=SIZE), flags=ALL, structured=True))
    assert bare.objection(STATUS, 0, 0, 512) == EINVAL
    assert rules().objection(STATUS, 0, 0, 0) == EINVAL


@pytest.mark.parametrize(
    ("command", "flags"),
    [
        (READ, NO_HOLE),
        (READ, REQ_ONE),
        (WRITE, DF),
        (WRITE, NO_HOLE),
        (TRIM, NO_HOLE),
        (CACHE, REQ_ONE),
        (ZEROES, DF),
        (STATUS, DF),
        (READ, 1 << 15),
        (READ, PAYLOAD_LEN),
        (WRITE, PAYLOAD_LEN),
    ],
)
def test_a_flag_that_does_not_belong_is_invalid(command: int, flags: int) -> None:
    assert rules().objection(command, flags, 0, 512) == EINVAL


@pytest.mark.parametrize(
    ("flag", "command", "offer"),
    [
        (FUA, WRITE, ExportFlag.SEND_FUA),
        (DF, READ, ExportFlag.SEND_DF),
        (FAST_ZERO, ZEROES, ExportFlag.SEND_FAST_ZERO),
    ],
)
def test_a_flag_that_was_not_offered_is_invalid(flag: int, command: int, offer: int) -> None:
    assert rules(ALL & ~offer).objection(command, flag, 0, 512) == EINVAL


def test_with_extended_headers_only_a_write_has_a_payload_whether_it_says_so_or_not() -> None:
    assert rules(extended=True).objection(WRITE, 0, 0, 512) == 0
    assert rules(extended=True).objection(WRITE, PAYLOAD_LEN | FUA, 0, 512) == 0
    assert rules(extended=True).objection(READ, PAYLOAD_LEN, 0, 512) == EINVAL


@pytest.mark.parametrize("command", [WRITE, TRIM, ZEROES])
def test_a_read_only_export_permits_no_change_whatever_else_is_wrong(command: int) -> None:
    read_only = rules(ALL | ExportFlag.READ_ONLY)
    assert read_only.objection(command, 0, 0, 512) == EPERM
    assert read_only.objection(command, 1 << 15, SIZE, 512) == EPERM
    assert read_only.objection(READ, 0, 0, 512) == 0


@pytest.mark.parametrize(
    ("command", "code"),
    [(READ, EINVAL), (TRIM, EINVAL), (CACHE, EINVAL), (STATUS, EINVAL), (WRITE, ENOSPC), (ZEROES, ENOSPC)],
)
@pytest.mark.parametrize(
    ("offset", "length"), [(SIZE, 1), (SIZE - 1, 2), (0, SIZE + 1), ((1 << 64) - 1, 1), (1 << 63, (1 << 32) - 1)]
)
def test_a_request_past_the_end_gets_the_code_of_its_kind(command: int, code: int, offset: int, length: int) -> None:
    assert rules().objection(command, 0, offset, length) == code


@pytest.mark.parametrize("command", [READ, WRITE, TRIM, ZEROES, STATUS])
@pytest.mark.parametrize(("offset", "length"), [(1, 512), (512, 1), (256, 256)])
def test_an_unaligned_request_is_invalid(command: int, offset: int, length: int) -> None:
    sizes = BlockSizes(minimum=512, preferred=4096)
    assert rules(sizes=sizes).objection(command, 0, offset, length) == EINVAL
    assert rules(sizes=sizes).objection(command, 0, 512, 1024) == 0


def test_only_a_request_with_a_payload_is_bounded_by_it() -> None:
    sizes = BlockSizes(payload_max=8192)
    assert rules(sizes=sizes).objection(WRITE, 0, 0, 8192) == 0
    assert rules(sizes=sizes).objection(WRITE, 0, 0, 8193) == EINVAL
    assert rules(sizes=sizes).objection(READ, 0, 0, 8193) == EOVERFLOW
    assert rules(sizes=sizes, structured=False).objection(READ, 0, 0, 8193) == EINVAL
    assert [rules(sizes=sizes).objection(command, 0, 0, SIZE) for command in (TRIM, ZEROES, CACHE, STATUS)] == [0] * 4


@pytest.mark.parametrize(("offset", "length", "code"), [(0, 0, 0), (512, 0, EINVAL), (0, 512, EINVAL)])
def test_a_flush_has_no_range(offset: int, length: int, code: int) -> None:
    assert rules().objection(FLUSH, 0, offset, length) == code
