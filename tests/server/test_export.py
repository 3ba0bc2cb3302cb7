"""How a disk is offered, and what the wire makes of its errors."""

import errno
from typing import Any

import pytest

from aiovdi.errors import CorruptImage, DiskFailed, ImageClosed, OutOfRange, ReadOnlyImage, StorageError
from aiovdi.nbd.wire import ErrorCode, ExportFlag
from aiovdi.server.export import Offer, error_code


def test_a_writable_disk_offers_all_that_it_can(export: Any) -> None:
    info = Offer(export=export, name="disk", description="of a test", fast_zero=True).info()
    assert (info.name, info.size, info.description, info.is_read_only) == ("disk", export.size, "of a test", False)
    for flag in (ExportFlag.SEND_FLUSH, ExportFlag.SEND_FUA, ExportFlag.SEND_TRIM, ExportFlag.SEND_WRITE_ZEROES):
        assert info.flags & flag
    assert info.flags & ExportFlag.SEND_FAST_ZERO
    assert info.flags & ExportFlag.CAN_MULTI_CONN


def test_a_read_only_disk_offers_no_change(export: Any) -> None:
    info = Offer(export=export, read_only=True, fast_zero=True).info()
    assert info.is_read_only
    for flag in (ExportFlag.SEND_FUA, ExportFlag.SEND_TRIM, ExportFlag.SEND_WRITE_ZEROES, ExportFlag.SEND_FAST_ZERO):
        assert not info.flags & flag


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ReadOnlyImage("no"), ErrorCode.EPERM),
        (OutOfRange(offset=1, length=1, size=1), ErrorCode.EINVAL),
        (ImageClosed("closed"), ErrorCode.ESHUTDOWN),
        (DiskFailed(OSError(errno.ENOSPC, "full")), ErrorCode.EIO),
        (CorruptImage("odd"), ErrorCode.EIO),
        (StorageError(errno.EDQUOT, "full", operation="write"), ErrorCode.ENOSPC),
        (OSError(errno.EIO, "broken"), ErrorCode.EIO),
        (MemoryError(), ErrorCode.ENOMEM),
        (KeyError("a bug"), ErrorCode.EIO),
    ],
    ids=lambda value: getattr(value, "name", type(value).__name__),
)
def test_every_error_has_a_number_on_the_wire(error: Exception, code: ErrorCode) -> None:
    assert error_code(error) == code
