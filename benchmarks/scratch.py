"""The files of one row: in a folder of its own, made once for all sides, gone at its end.

Rule 1: what takes gigabytes asks for the space first. A full disk is nobody's result.
Rule 2: a file that several sides read is made once, so that all of them read the same one.
Rule 3: a turn cleans up after itself before the next one begins.
"""

import asyncio
import itertools
import os
import shutil
import tempfile
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["Scratch", "Unavailable", "scratch_in"]

_SPARE_BYTES = 1 << 30
"""Left to the machine in any case."""


class Unavailable(Exception):
    """A side cannot run here. The message, which becomes part of the result, says why."""


class Scratch:
    """Paths for the files of one row."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._numbers = itertools.count(1)
        self._made: dict[str, Path] = {}
        self._making = asyncio.Lock()

    def fresh(self, suffix: str) -> Path:
        """A path that nothing has yet."""
        return self.folder / f"{next(self._numbers)}{suffix}"

    async def once(self, name: str, make: Callable[[Path], Awaitable[None]], *, space: int = 0) -> Path:
        """The file ``name``, made by whoever asks first.

        Raises:
            Unavailable: it would take ``space`` bytes, and they are not free.
        """
        async with self._making:
            if name not in self._made:
                self.require(space)
                path = self.folder / name
                await make(path)
                self._made[name] = path
            return self._made[name]

    def remove(self, path: Path) -> None:
        """Remove one of the files, and wait until the filesystem has noted it.

        To give back gigabytes takes a journaling filesystem a while, with discards a long one. What is
        not waited for here, the next side that flushes would wait for in its timed region.
        """
        path.unlink()
        folder = os.open(self.folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def require(self, space: int) -> None:
        """Raises Unavailable unless ``space`` bytes are free."""
        free = shutil.disk_usage(self.folder).free
        if space and free < space + _SPARE_BYTES:
            raise Unavailable(f"needs {space >> 20} MiB in {self.folder}, where {free >> 20} MiB are free")


@contextmanager
def scratch_in(parent: Path | None) -> Iterator[Scratch]:
    """A scratch folder below ``parent``, or below the system's place for temporary files."""
    with tempfile.TemporaryDirectory(prefix="aiovdi-benchmark-", dir=parent) as folder:
        yield Scratch(Path(folder))
