"""What can go wrong, as one tree. An error tells what was found, what was expected, and where.

::

    VDIError
    ├─ FormatError            these bytes are not an image we can open
    │   ├─ BadSignature · UnsupportedVersion · UnsupportedFeature
    ├─ CorruptImage           it is an image, and it contradicts itself
    ├─ ImageClosed · ReadOnlyImage · ImageLocked · OutOfRange
    ├─ DiskFailed             a flush failed earlier; carries that error
    └─ StorageError(OSError)  from below; keeps errno, operation, offset, length

``OutOfRange`` is a ``ValueError`` too and ``StorageError`` an ``OSError``, so code that knows only
the built-in exceptions treats them rightly.
"""

import os
from typing import Self

__all__ = [
    "BadSignature",
    "CorruptImage",
    "DiskFailed",
    "FormatError",
    "ImageClosed",
    "ImageLocked",
    "OutOfRange",
    "ReadOnlyImage",
    "StorageError",
    "UnsupportedFeature",
    "UnsupportedVersion",
    "VDIError",
]


class VDIError(Exception):
    """Base of every error that aiovdi raises on purpose."""


class FormatError(VDIError):
    """These bytes are not an image that can be opened.

    Attributes:
        field: name of the header field, as ``VDICore.h`` and ``docs`` spell it.
        found: its value in the file.
        expected: what would have been accepted, in words or as a value.
        offset: where the field lies in the file, in bytes.
    """

    def __init__(self, field: str, *, found: object, expected: object, offset: int) -> None:
        self.field = field
        self.found = found
        self.expected = expected
        self.offset = offset
        super().__init__(f"{field} at offset {offset}: found {_spell(found)}, expected {_spell(expected)}")


class BadSignature(FormatError):
    """The four bytes that mark a VDI image are not there."""


class UnsupportedVersion(FormatError):
    """An image of a version that nobody has specified."""


class UnsupportedFeature(FormatError):
    """A valid image that uses something this driver does not do in the mode it was asked for."""


class CorruptImage(VDIError):
    """It is an image, and it contradicts itself at the place that was touched."""


class ImageClosed(VDIError):
    """The disk was closed, or is closing, when the request arrived."""


class ReadOnlyImage(VDIError):
    """A change was asked of a disk opened with ``"r"``."""


class ImageLocked(VDIError):
    """Somebody else has the image open in a way that excludes this one."""


class OutOfRange(VDIError, ValueError):
    """A request reaches outside the disk. Nothing of it was done."""

    def __init__(self, *, offset: int, length: int, size: int) -> None:
        self.offset = offset
        self.length = length
        self.size = size
        super().__init__(f"{length} bytes at offset {offset} do not lie within the disk of {size} bytes")


class DiskFailed(VDIError):
    """A flush or an FUA write of the storage failed earlier; only reads go on until the disk is reopened.

    The kernel may have dropped the pages that it could not write, so a later flush that succeeds
    proves nothing about them.
    """

    def __init__(self, cause: BaseException) -> None:
        self.cause = cause
        super().__init__(f"the disk stopped writing because a flush failed: {cause}")
        self.__cause__ = cause


class StorageError(VDIError, OSError):
    """An I/O below the disk failed.

    Attributes:
        errno: the operating system's error number.
        operation: ``"read"``, ``"write"``, ``"flush"``, ``"resize"``, ``"write zeroes"``, ``"allocate"``.
        offset, length: the range of the storage that the I/O was for, in bytes.
    """

    def __init__(self, errno: int, strerror: str, *, operation: str, offset: int = 0, length: int = 0) -> None:
        super().__init__(errno, strerror)
        self.operation = operation
        self.offset = offset
        self.length = length

    @classmethod
    def wrap(cls, error: OSError, *, operation: str, offset: int = 0, length: int = 0) -> Self:
        """Name the I/O that ``error`` came from. A StorageError is returned as a fresh copy."""
        if isinstance(error, StorageError):
            operation, offset, length = error.operation, error.offset, error.length
        number = error.errno or 0
        wrapped = cls(number, error.strerror or os.strerror(number), operation=operation, offset=offset, length=length)
        wrapped.__cause__ = error
        return wrapped

    def __str__(self) -> str:
        return f"{self.operation} of {self.length} bytes at offset {self.offset} of the storage: {self.strerror}"


def _spell(value: object) -> str:
    return f"{value:#x}" if type(value) is int and value > 0xFFFF else str(value)
