"""An error tells what was found, what was expected, and where; and code that knows only built-ins treats it rightly."""

import errno
import pickle

import pytest

from aiovdi import errors
from aiovdi.errors import BadSignature, DiskFailed, FormatError, OutOfRange, StorageError, VDIError


def test_every_public_error_is_a_vdi_error() -> None:
    assert all(issubclass(getattr(errors, name), VDIError) for name in errors.__all__)


def test_a_format_error_names_field_found_expected_and_offset() -> None:
    error = BadSignature("u32Signature", found=0x514649FB, expected="0xbeda107f", offset=64)
    assert isinstance(error, FormatError)
    assert str(error) == "u32Signature at offset 64: found 0x514649fb, expected 0xbeda107f"
    assert (error.field, error.found, error.expected, error.offset) == ("u32Signature", 0x514649FB, "0xbeda107f", 64)
    assert "found 7," in str(FormatError("cBlocks", found=7, expected=8, offset=0x180)), "small numbers are decimal"


def test_out_of_range_is_a_value_error_too() -> None:
    error = OutOfRange(offset=10, length=5, size=12)
    assert isinstance(error, ValueError)
    assert str(error) == "5 bytes at offset 10 do not lie within the disk of 12 bytes"


def test_a_storage_error_is_an_os_error_that_keeps_errno_operation_and_place() -> None:
    cause = OSError(errno.ENOSPC, "No space left on device")
    error = StorageError.wrap(cause, operation="write", offset=512, length=100)
    assert isinstance(error, OSError)
    assert error.__cause__ is cause
    assert (error.errno, error.operation, error.offset, error.length) == (errno.ENOSPC, "write", 512, 100)
    assert str(error) == "write of 100 bytes at offset 512 of the storage: No space left on device"


def test_wrapping_a_storage_error_copies_it_and_keeps_its_first_name() -> None:
    first = StorageError(errno.EIO, "bad", operation="flush", offset=1, length=2)
    again = StorageError.wrap(first, operation="write", offset=9, length=9)
    assert again is not first
    assert (again.operation, again.offset, again.length) == ("flush", 1, 2)
    assert again.__cause__ is first


def test_an_os_error_without_a_number_has_a_text_all_the_same() -> None:
    assert StorageError.wrap(OSError("odd"), operation="read").errno == 0
    assert StorageError.wrap(OSError(errno.EIO, None), operation="read").strerror == "Input/output error"


def test_disk_failed_carries_the_error_of_the_flush() -> None:
    cause = StorageError(errno.EIO, "gone", operation="flush")
    error = DiskFailed(cause)
    assert error.cause is error.__cause__ is cause
    assert "gone" in str(error)


@pytest.mark.parametrize("error", [errors.ImageClosed("x"), errors.ImageLocked("x"), errors.CorruptImage("x")])
def test_plain_errors_survive_pickling(error: VDIError) -> None:
    assert str(pickle.loads(pickle.dumps(error))) == str(error)
