"""The numbers of the protocol, held against those of the second reader and against the system's errnos."""

import errno

import pytest

from aiovdi.nbd import wire
from tests.nbd import spec


def test_the_magic_numbers_are_the_words_that_they_spell() -> None:
    assert wire.GREETING.pack(wire.INIT_MAGIC, wire.OPTION_MAGIC, 3) == b"NBDMAGICIHAVEOPT\0\x03"


def test_a_request_takes_28_bytes_and_an_extended_one_32() -> None:
    assert wire.REQUEST.pack(wire.REQUEST_MAGIC, 1, 6, 7, 8, 9) == spec.request(
        6, cookie=7, offset=8, length=9, flags=1
    )
    extended = spec.request(6, cookie=7, offset=8, length=9, flags=1, extended=True)
    assert wire.EXTENDED_REQUEST.pack(wire.EXTENDED_REQUEST_MAGIC, 1, 6, 7, 8, 9) == extended
    assert (wire.REQUEST.size, wire.EXTENDED_REQUEST.size) == (28, 32)


def test_replies_take_16_20_and_32_bytes() -> None:
    assert [each.size for each in (wire.SIMPLE_REPLY, wire.STRUCTURED_CHUNK, wire.EXTENDED_CHUNK)] == [16, 20, 32]
    assert wire.STRUCTURED_DATA.size == wire.STRUCTURED_CHUNK.size + 8
    assert wire.EXTENDED_DATA.size == wire.EXTENDED_CHUNK.size + 8


def test_every_error_of_the_wire_has_the_errno_of_its_name() -> None:
    assert {code.value for code in wire.ErrorCode} == spec.CODES
    assert {wire.errno_of(code) for code in wire.ErrorCode} == {getattr(errno, code.name) for code in wire.ErrorCode}


@pytest.mark.parametrize(
    ("number", "code"),
    [
        (errno.EIO, wire.ErrorCode.EIO),
        (errno.EROFS, wire.ErrorCode.EPERM),
        (errno.EACCES, wire.ErrorCode.EPERM),
        (errno.EDQUOT, wire.ErrorCode.ENOSPC),
        (errno.EFBIG, wire.ErrorCode.ENOSPC),
        (errno.ENOSPC, wire.ErrorCode.ENOSPC),
        (errno.EINVAL, wire.ErrorCode.EINVAL),
        (errno.ENOTSUP, wire.ErrorCode.EIO),  # only a fast zeroing may say ENOTSUP
        (errno.EBADF, wire.ErrorCode.EIO),
        (None, wire.ErrorCode.EIO),
    ],
)
def test_an_errno_becomes_a_code_that_the_wire_knows(number: int | None, code: wire.ErrorCode) -> None:
    assert wire.code_of(number) is code


def test_a_client_takes_an_unknown_code_for_einval() -> None:
    assert wire.errno_of(4242) == errno.EINVAL
