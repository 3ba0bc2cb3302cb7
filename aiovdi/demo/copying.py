"""A copy of an image that is as sparse as the image, and shares its space where the filesystem can do that.

``copy_file_range`` clones on filesystems with reflinks (btrfs, XFS) and copies inside the kernel on
others. Holes are found by SEEK_DATA and SEEK_HOLE (lseek(2)); a filesystem that knows of none reports
one run of data. Blocking calls.
"""

import errno
import os
from collections.abc import Iterator
from pathlib import Path

from aiovdi.units import MiB

__all__ = ["copy_sparse"]

_NOT_HERE = frozenset({errno.EXDEV, errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP, errno.EPERM})
_STEP = 1 * MiB


def copy_sparse(source: Path, target: Path) -> None:
    """Make ``target``, which must not exist, a copy of ``source``. Raises OSError."""
    with source.open("rb", buffering=0) as old, target.open("xb", buffering=0) as new:
        size = os.fstat(old.fileno()).st_size
        os.truncate(new.fileno(), size)
        for start, stop in _data(old.fileno(), size):
            _copy(old.fileno(), new.fileno(), start, stop)


def _data(fd: int, size: int) -> Iterator[tuple[int, int]]:
    """Runs ``(first, stop)`` of bytes that are stored."""
    stop = 0
    while stop < size:
        try:
            start = os.lseek(fd, stop, os.SEEK_DATA)
        except OSError as error:
            if error.errno != errno.ENXIO:  # which says: from here on there is none
                raise
            return
        stop = os.lseek(fd, start, os.SEEK_HOLE)
        yield start, stop


def _copy(old: int, new: int, start: int, stop: int) -> None:
    at = start
    while at < stop:
        step = _copy_some(old, new, at, stop - at)
        if not step:
            return  # the source has become shorter
        at += step


def _copy_some(old: int, new: int, at: int, length: int) -> int:
    if hasattr(os, "copy_file_range"):
        try:
            return os.copy_file_range(old, new, length, at, at)
        except OSError as error:
            if error.errno not in _NOT_HERE:
                raise
    return os.pwrite(new, os.pread(old, min(length, _STEP), at), at)
