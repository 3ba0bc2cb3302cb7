"""The page cache of the host, for tests of what a cold image costs."""

import os
from pathlib import Path

__all__ = ["forget"]


def forget(path: Path) -> None:
    """Drop the file from the page cache."""
    fd = os.open(path, os.O_RDONLY)
    try:
        os.fsync(fd)
        os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
    finally:
        os.close(fd)
