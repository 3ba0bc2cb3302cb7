"""What the server needs of a disk, and what it tells clients about it.

`aiovdi.Disk` has this shape; so may anything else that wants to be served, such as a simulated storage.

Rule 1: a call that has begun runs to its end. The server never cancels one: a client that goes away in the
    middle of a write must not leave half of it, and what was acknowledged to nobody may stay.
Rule 2: any number of calls may be under way. Their order is the client's business.
Rule 3: an error is an exception of `aiovdi.errors` or an ``OSError``; `error_code` says what the wire makes of it.
"""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Protocol

from aiovdi.errors import ImageClosed, OutOfRange, ReadOnlyImage
from aiovdi.nbd.terms import BlockSizes, ExportInfo
from aiovdi.nbd.wire import ErrorCode, ExportFlag, code_of

__all__ = ["Export", "Extent", "Offer", "error_code"]


class Extent(Protocol):
    """A run of the disk with one state."""

    @property
    def length(self) -> int:
        """In bytes."""

    @property
    def zero(self) -> bool:
        """Reads as zeros."""

    @property
    def data(self) -> bool:
        """Takes space below."""


class Export(Protocol):
    """A disk as the server sees it. Offsets and lengths are in bytes and need no alignment."""

    @property
    def size(self) -> int:
        """In bytes; constant."""

    def pread_now(self, buffer: memoryview, offset: int) -> bool:
        """Fill ``buffer`` if that can be done without waiting. False: nothing is known, ask ``preadinto``."""

    async def preadinto(self, buffer: memoryview, offset: int) -> int:
        """Fill ``buffer``, which belongs to the disk until this returns or raises."""

    async def pwrite(self, data: bytes | bytearray | memoryview, offset: int, *, fua: bool = False) -> None:
        """Write all of ``data``; with ``fua`` it is durable when this returns."""

    def begin_pwrite(self, data: memoryview, offset: int, done: Callable[[bool], object]) -> bool:
        """Begin to write all of ``data``, if no task is needed for it. False: nothing was begun, call ``pwrite``.

        ``done`` is called once, in a later step of the loop: True where ``pwrite`` would have returned; False
        where nothing is known, and ``pwrite`` with the same data will tell.
        """

    async def write_zeroes(self, length: int, offset: int, *, fua: bool = False) -> None:
        """Make the range read as zeros, and free its space where that is possible."""

    async def discard(self, length: int, offset: int) -> None:
        """Say that the content of the range is not needed."""

    async def flush(self) -> None:
        """Make what was acknowledged before durable."""

    def extents(self, length: int, offset: int) -> AsyncIterator[Extent]:
        """What the range consists of, in order, without gaps."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """An export, and how it is offered.

    Attributes:
        export: the disk.
        name: what clients ask for; at most 4096 bytes of UTF-8.
        description: for people.
        read_only: clients may not change it.
        fast_zero: zeroing frees space, so it never takes as long as writing does.
        block_sizes: which requests it takes, and which it likes.
    """

    export: Export
    name: str = ""
    description: str = ""
    read_only: bool = False
    fast_zero: bool = False
    block_sizes: BlockSizes = field(default_factory=BlockSizes)

    def info(self) -> ExportInfo:
        """As the handshake tells it. Several connections see one disk, so a flush on one covers all of them."""
        flags = ExportFlag.SEND_FLUSH | ExportFlag.SEND_CACHE | ExportFlag.CAN_MULTI_CONN
        if self.read_only:
            flags |= ExportFlag.READ_ONLY
        else:
            flags |= ExportFlag.SEND_FUA | ExportFlag.SEND_TRIM | ExportFlag.SEND_WRITE_ZEROES
            flags |= ExportFlag.SEND_FAST_ZERO if self.fast_zero else 0
        return ExportInfo(
            name=self.name,
            size=self.export.size,
            flags=flags,
            description=self.description,
            block_sizes=self.block_sizes,
        )


def error_code(error: Exception) -> ErrorCode:
    """What the wire says for an error of an export. EIO for all that has no word of its own, also a stopped disk."""
    match error:
        case ReadOnlyImage():
            return ErrorCode.EPERM
        case OutOfRange():
            return ErrorCode.EINVAL
        case ImageClosed():
            return ErrorCode.ESHUTDOWN
        case MemoryError():
            return ErrorCode.ENOMEM
        case OSError():
            return code_of(error.errno)
    return ErrorCode.EIO
