"""The calls to the file system by which a new file comes to its name, and nothing that decides on them.

``creating`` has the order of the calls, and that order is what makes a creation whole. It knows them
by the port ``Folder``, so that the order can be tried where the power fails between any two of them.
"""

import os
from pathlib import Path
from typing import Protocol

import aiofiles.os

from aiovdi.driver.opening import Aio, lock_storage
from aiovdi.storage import open_file
from aiovdi.storage.base import Storage

__all__ = ["Folder", "PathFolder"]

_exists = aiofiles.os.wrap(os.path.lexists)
_fsync = aiofiles.os.wrap(os.fsync)
_link = aiofiles.os.wrap(os.link)
_replace = aiofiles.os.wrap(os.replace)
_unlink = aiofiles.os.wrap(os.unlink)


class Folder(Protocol):
    """Names, and the files that they stand for. Each call but ``unlink_now`` raises OSError as its system call."""

    async def has(self, name: str) -> bool:
        """Whether anything has that name, a dangling symbolic link too."""

    async def create(self, name: str) -> Storage:
        """A new file; FileExistsError if something has that name."""

    async def require_unused(self, name: str) -> None:
        """Raises ImageLocked if somebody has the file open."""

    async def link(self, name: str, other: str) -> None:
        """Give the file a second name; FileExistsError if it is taken."""

    async def replace(self, name: str, other: str) -> None:
        """Rename the file, in one step; what had that name loses it."""

    async def unlink(self, name: str) -> None:
        """Take the name away."""

    def unlink_now(self, name: str) -> None:
        """The same without awaiting, for those who are cancelled. Raises FileNotFoundError."""

    async def flush(self) -> None:
        """Make the names durable. A file's own flush says nothing about its name: fsync(2)."""


class PathFolder:
    """A directory of the host. The descriptions are the port's."""

    def __init__(self, path: Path, *, aio: Aio | None = None) -> None:
        self._path = path
        self._aio = aio

    async def has(self, name: str) -> bool:
        return await _exists(self._path / name)

    async def create(self, name: str) -> Storage:
        return await open_file(self._path / name, writable=True, exclusive=True, aio=self._aio)

    async def require_unused(self, name: str) -> None:
        path = self._path / name
        storage = await open_file(path, writable=True)
        try:
            unlock = await lock_storage(storage, writable=True, path=str(path))
            unlock()
        finally:
            await storage.close()

    async def link(self, name: str, other: str) -> None:
        await _link(self._path / name, self._path / other)

    async def replace(self, name: str, other: str) -> None:
        await _replace(self._path / name, self._path / other)

    async def unlink(self, name: str) -> None:
        await _unlink(self._path / name)

    def unlink_now(self, name: str) -> None:
        (self._path / name).unlink()

    async def flush(self) -> None:
        fd = os.open(self._path, os.O_RDONLY | os.O_DIRECTORY)
        try:
            await _fsync(fd)
        finally:
            os.close(fd)
