"""Making a range of a file read as zeros, in the cheapest way that its filesystem has.

Rule 1: ways are tried from cheap to dear: free the space, mark it unwritten, write zeros. One that
is refused as unsupported is not tried again.
Rule 2: nothing here makes a file shorter. ``ftruncate`` to a longer length would cut what another
write has appended meanwhile, so a range past the end is reached by writing its last bytes.

Blocking calls for a thread. Source: fallocate(2), linux/falloc.h.
"""

import ctypes
import errno
import mmap
import os
import stat
import sys
from collections.abc import Callable

from aiovdi.units import SECTOR, MiB, align_up

__all__ = ["Zeroing", "can_punch_holes", "punch_hole", "write_zeros", "zero_range"]

NOT_SUPPORTED = frozenset({errno.EOPNOTSUPP, errno.ENOTSUP, errno.ENOSYS})
# EINVAL: a block device, for a range that is not made of its logical blocks. The next range may be.
_NOT_THIS_RANGE = frozenset({errno.EINVAL})

_KEEP_SIZE, _PUNCH_HOLE, _ZERO_RANGE = 0x01, 0x02, 0x10

_ZEROS = mmap.mmap(-1, 1 * MiB)
"""Page-aligned, as O_DIRECT wants it."""


class Zeroing:
    """Writes zeros to one file and remembers what its filesystem refused.

    Args:
        unit: lengths and offsets that are written must be multiples of it (O_DIRECT).
    """

    def __init__(self, *, unit: int = 1) -> None:
        self._tail = max(SECTOR, unit)
        self._cheap_ways = [punch_hole, zero_range]

    def zero(self, fd: int, length: int, offset: int) -> None:
        """Make the range read as zeros; the file then reaches at least to its end.

        Raises:
            OSError: as fallocate(2) and pwrite(2), but for what only says "not in this way".
        """
        if not self._zero_cheaply(fd, length, offset):
            write_zeros(fd, length, offset)
        elif os.fstat(fd).st_size < offset + length:
            tail = min(self._tail, length)
            write_zeros(fd, tail, offset + length - tail)

    def discard(self, fd: int, length: int, offset: int) -> None:
        """Free the range's space if that is possible. Raises OSError for anything but "unsupported"."""
        if punch_hole in self._cheap_ways:
            self._try(punch_hole, fd, length, offset)

    def _zero_cheaply(self, fd: int, length: int, offset: int) -> bool:
        return any(self._try(way, fd, length, offset) for way in list(self._cheap_ways))

    def _try(self, way: Callable[[int, int, int], None], fd: int, length: int, offset: int) -> bool:
        try:
            way(fd, length, offset)
        except OSError as error:
            if error.errno in NOT_SUPPORTED:
                self._cheap_ways = [other for other in self._cheap_ways if other is not way]
            elif error.errno not in _NOT_THIS_RANGE:
                raise
            return False
        return True


def can_punch_holes(path: str | os.PathLike[str]) -> bool:
    """Whether zeros in this file are holes, which never take as long as writing does. Of a device nobody can say.

    Tried behind its end, so nobody else may have it open for writing.
    """
    try:
        fd = os.open(path, os.O_RDWR)
    except OSError:
        return False
    try:
        found = os.fstat(fd)
        if stat.S_ISREG(found.st_mode):
            punch_hole(fd, SECTOR, align_up(found.st_size, MiB))
            return True
    except OSError:
        pass
    finally:
        os.close(fd)
    return False


def punch_hole(fd: int, length: int, offset: int) -> None:
    """Free the range's space; it reads as zeros. The file's length stays.

    Raises:
        OSError: EOPNOTSUPP where the filesystem has no holes.
    """
    _fallocate(fd, _PUNCH_HOLE | _KEEP_SIZE, length, offset)


def zero_range(fd: int, length: int, offset: int) -> None:
    """Make the range read as zeros and keep its space. The file's length stays. Raises as `punch_hole`."""
    _fallocate(fd, _ZERO_RANGE | _KEEP_SIZE, length, offset)


def write_zeros(fd: int, length: int, offset: int) -> None:
    """Write ``length`` zeros at ``offset``, in bounded pieces. Raises OSError as pwrite(2)."""
    end = offset + length
    while offset < end:
        with memoryview(_ZEROS) as zeros:
            offset += os.pwrite(fd, zeros[: end - offset], offset)


def _find_fallocate() -> Callable[..., int] | None:
    if sys.platform != "linux":
        return None
    libc = ctypes.CDLL(None, use_errno=True)
    # glibc's plain name takes 32-bit offsets on 32-bit machines; musl has only that name, with 64.
    function = getattr(libc, "fallocate64", None) or libc.fallocate
    function.argtypes = [ctypes.c_int, ctypes.c_int, ctypes.c_int64, ctypes.c_int64]
    return function


_libc_fallocate = _find_fallocate()


def _fallocate(fd: int, mode: int, length: int, offset: int) -> None:
    if _libc_fallocate is None:
        raise OSError(errno.EOPNOTSUPP, os.strerror(errno.EOPNOTSUPP))
    while _libc_fallocate(fd, mode, offset, length):
        if (number := ctypes.get_errno()) != errno.EINTR:
            raise OSError(number, os.strerror(number))
