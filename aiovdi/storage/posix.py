"""The system calls below a file: blocking, by descriptor, without asyncio and without state.

Sources: open(2), fsync(2), posix_fadvise(2), pwritev2(2); macOS fsync(2) for ``F_FULLFSYNC``.
"""

import errno
import fcntl
import mmap
import os
import stat
import sys
from pathlib import Path

from aiovdi.units import KiB, align_down, align_up

__all__ = ["direct_alignment", "drop_cache", "flush", "is_block_device", "length", "open_descriptor"]

_LARGEST_UNIT = 4 * KiB


def open_descriptor(
    path: str | os.PathLike[str], *, writable: bool, create: bool, exclusive: bool, direct: bool
) -> int:
    """Open ``path`` and, where that may create it, make its directory entry durable.

    Raises:
        OSError: as open(2); EINVAL where ``direct`` is asked and the filesystem has no O_DIRECT,
            or where ``path`` is neither a regular file nor a block device.
    """
    flags = os.O_CLOEXEC | (os.O_RDWR if writable else os.O_RDONLY)
    flags |= os.O_CREAT if create or exclusive else 0
    flags |= os.O_EXCL if exclusive else 0
    fd = os.open(path, flags | _direct_flag(direct), 0o666)
    try:
        _check_kind(fd, path)
        if flags & os.O_CREAT:
            _sync_directory(Path(path).parent)
    except BaseException:
        os.close(fd)
        raise
    return fd


def _direct_flag(direct: bool) -> int:
    if not direct:
        return 0
    if not hasattr(os, "O_DIRECT"):
        raise OSError(errno.EINVAL, "this system has no O_DIRECT")
    return os.O_DIRECT


def _check_kind(fd: int, path: str | os.PathLike[str]) -> None:
    if not (stat.S_ISREG(os.fstat(fd).st_mode) or is_block_device(fd)):
        raise OSError(errno.EINVAL, "neither a regular file nor a block device", os.fspath(path))


def _sync_directory(path: Path) -> None:
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def is_block_device(fd: int) -> bool:
    """True for a descriptor of a block device."""
    return stat.S_ISBLK(os.fstat(fd).st_mode)


def length(fd: int) -> int:
    """Bytes that can be read. A block device has no ``st_size``; its end is where a seek to it lands."""
    return os.lseek(fd, 0, os.SEEK_END) if is_block_device(fd) else os.fstat(fd).st_size


def direct_alignment(fd: int) -> int:
    """The smallest unit in which an O_DIRECT descriptor can be read; found by trying, as QEMU does.

    4096 for a file too short to tell, which suits every disk.
    """
    with mmap.mmap(-1, _LARGEST_UNIT) as page, memoryview(page) as view:
        for unit in (512, 1 * KiB, 2 * KiB):
            if length(fd) >= 2 * unit and _is_readable(fd, view[unit : 2 * unit], unit):
                return unit
    return _LARGEST_UNIT


def _is_readable(fd: int, buffer: memoryview, offset: int) -> bool:
    with buffer:
        try:
            return os.preadv(fd, [buffer], offset) == len(buffer)
        except OSError:
            return False


def flush(fd: int) -> None:
    """Make what was written durable. On macOS ``fsync`` stops at the drive's cache; this does not."""
    if sys.platform == "darwin":
        fcntl.fcntl(fd, fcntl.F_FULLFSYNC)
    else:
        os.fdatasync(fd)


def drop_cache(fd: int, count: int, offset: int) -> None:
    """Forget clean cached pages. Widened to whole pages: the kernel skips those covered in part."""
    if hasattr(os, "posix_fadvise"):
        start = align_down(offset, mmap.PAGESIZE)
        end = align_up(offset + count, mmap.PAGESIZE)
        os.posix_fadvise(fd, start, end - start, os.POSIX_FADV_DONTNEED)
