"""The storage port: positional I/O on the bytes below a disk. Every back end has this shape and no other.

What a storage promises. The driver relies on these lines, and ``tests/storage/contract`` tries
each of them on each back end:

1.  **Order.** An I/O begins when its coroutine is first stepped and ends when it returns or raises.
    I/Os in flight at once may take effect in any order.
2.  **Read your writes.** A read that begins after a write ended sees it.
3.  **Atomicity.** A write may be torn into 512-byte sectors, never inside one. A write of part of a
    sector keeps the rest of it, also against a concurrent write of another part.
4.  **Process death.** A write that ended survives ``kill -9`` of this process.
5.  **Power loss.** A write is durable once a flush that began after its end has succeeded, or when
    it was itself issued with ``fua``. ``fua`` says nothing about any other write. Length is data:
    the same rule holds for ``resize``, and an FUA write that extends makes the length durable.
6.  **Failure.** A write that raises has left each sector of its range old or new. After a flush or
    an FUA write that raises, nothing can be said about any write since the flush before it.
7.  **Cancellation.** A call that is cancelled returns only once its I/O has settled, then raises
    ``CancelledError``; nothing of it lands later. The buffer is the storage's until then.
8.  **Short I/O.** ``pread_some`` and ``pwrite_some`` may do less than asked, but at least one byte
    unless they are at the end of what can be read. Callers use the loops below, which resume.
9.  **Errors** are ``OSError`` with an errno; a back end never invents a success.
10. **Never on the loop.** Apart from ``pread_now`` nothing blocks the event loop.

``discard`` is a hint: afterwards the range holds its old bytes or zeros. ``write_zeroes`` is a
write of zeros in every respect, however it is done.
"""

import asyncio
import errno
from collections.abc import Callable
from typing import Protocol, TypeAlias, runtime_checkable

from aiovdi.errors import StorageError

__all__ = ["Storage", "Told", "flush", "read_full", "resize", "write_full", "write_zeroes"]

Told: TypeAlias = Callable[[int | Exception], object]
"""Takes how an I/O has ended: its count of bytes, or what a coroutine would have raised."""


@runtime_checkable
class Storage(Protocol):
    """Bytes that can be read and written by position. All offsets and lengths are in bytes."""

    @property
    def size(self) -> int:
        """Current length."""

    @property
    def alignment(self) -> int:
        """Offsets, lengths and buffer addresses must be multiples of this; 1: no constraint."""

    @property
    def can_grow(self) -> bool:
        """``resize`` works, and a write past the end extends. False for a block device or an NBD export."""

    @property
    def extends_with_zeros(self) -> bool:
        """Bytes that ``resize`` adds read as zeros, also after power loss once a flush covers them."""

    def pread_now(self, buffer: bytearray | memoryview, offset: int) -> int:
        """Read what can be had without waiting. Returns the byte count; 0: ask ``pread_some``.

        Never raises for a reason that ``pread_some`` would report better.
        """

    async def pread_some(self, buffer: memoryview, offset: int) -> int:
        """Read up to ``len(buffer)`` bytes. Returns the count; 0 only at the end of the storage."""

    async def pwrite_some(self, data: memoryview, offset: int, *, fua: bool = False) -> int:
        """Write up to ``len(data)`` bytes. Returns the count, at least 1."""

    def begin_write(self, data: memoryview, offset: int, done: Told) -> bool:
        """Begin what ``pwrite_some`` does, without a coroutine; ``done`` is told its end in a later step of the loop.

        ``data`` is the storage's until then. False: nothing was begun and nobody will be told; ask
        ``pwrite_some``. Never raises.
        """

    async def write_zeroes(self, length: int, offset: int, *, fua: bool = False) -> None:
        """Make the range read as zeros. It may lie past the end, which then moves if ``can_grow``."""

    async def discard(self, length: int, offset: int) -> None:
        """Hint that the range's content is not needed. Proves nothing."""

    async def resize(self, size: int) -> None:
        """Set the length. Raises ``OSError(ENOTSUP)`` where ``can_grow`` is false."""

    async def flush(self) -> None:
        """Make every write and resize that ended before this call durable."""

    async def drop_cache(self, length: int, offset: int) -> None:
        """Hint to forget clean cached copies, so that the next read shows what the medium holds.

        After a failed flush the kernel may keep serving pages that it never wrote.
        """

    async def close(self) -> None:
        """Let every I/O in flight settle, then release all resources. Idempotent."""


# Above the port there is one loop for short I/O, and one place where an error learns its name.

_AGAIN = frozenset({errno.EINTR, errno.EAGAIN})
_AGAIN_MAX = 1000


async def read_full(storage: Storage, buffer: memoryview, offset: int) -> int:
    """Fill ``buffer`` from ``offset``. Returns the byte count, less than asked only at the end of the storage.

    Raises:
        StorageError: the storage failed; names the range that was still missing.
    """
    done = 0
    again = 0
    while done < len(buffer):
        try:
            step = await storage.pread_some(buffer[done:], offset + done)
        except OSError as error:
            again = await _retry("read", error, offset + done, len(buffer) - done, again)
            continue
        if not step:
            break
        done += step
    return done


async def write_full(storage: Storage, data: memoryview, offset: int, *, fua: bool = False) -> None:
    """Write all of ``data`` at ``offset``.

    Raises:
        StorageError: the storage failed; each sector from the reported offset on is old or new.
    """
    done = 0
    again = 0
    while done < len(data):
        try:
            step = await storage.pwrite_some(data[done:], offset + done, fua=fua)
        except OSError as error:
            again = await _retry("write", error, offset + done, len(data) - done, again)
            continue
        if not step:
            raise StorageError(
                errno.EIO, "the storage wrote nothing", operation="write", offset=offset + done, length=len(data) - done
            )
        done += step


async def write_zeroes(storage: Storage, *, length: int, offset: int, fua: bool = False) -> None:
    """Make ``length`` bytes at ``offset`` read as zeros. Raises StorageError.

    Zeroing is started again from the beginning when a signal interrupts it (fallocate(2): EINTR).
    """
    again = 0
    while True:
        try:
            return await storage.write_zeroes(length, offset, fua=fua)
        except OSError as error:
            again = await _retry("write zeroes", error, offset, length, again)


async def resize(storage: Storage, size: int) -> None:
    """Set the length of the storage. Raises StorageError."""
    try:
        await storage.resize(size)
    except OSError as error:
        raise StorageError.wrap(error, operation="resize", offset=size) from error


async def flush(storage: Storage) -> None:
    """Make everything that ended before durable. Raises StorageError."""
    try:
        await storage.flush()
    except OSError as error:
        raise StorageError.wrap(error, operation="flush", length=storage.size) from error


async def _retry(operation: str, error: OSError, offset: int, length: int, again: int) -> int:
    if error.errno not in _AGAIN or again >= _AGAIN_MAX:
        raise StorageError.wrap(error, operation=operation, offset=offset, length=length) from error
    await asyncio.sleep(0)
    return again + 1
