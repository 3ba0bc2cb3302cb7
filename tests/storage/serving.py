"""Our own server on a storage's bytes, in this process: for what speaks to it the same as any other NBD server."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import quote

from aiovdi.driver.extents import Extent
from aiovdi.server import Offer, Server
from aiovdi.server.listening import unix_socket
from aiovdi.storage.base import Storage, flush, read_full, write_full, write_zeroes

__all__ = ["RawExport", "served"]


class RawExport:
    """The bytes of a storage of fixed size as an `aiovdi.server.export.Export`, all of them data."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self.size = storage.size

    def pread_now(self, buffer: memoryview, offset: int) -> bool:
        return self._storage.pread_now(buffer, offset) == len(buffer)

    async def preadinto(self, buffer: memoryview, offset: int) -> int:
        return await read_full(self._storage, buffer, offset)

    async def pwrite(self, data: bytes | bytearray | memoryview, offset: int, *, fua: bool = False) -> None:
        await write_full(self._storage, memoryview(data), offset, fua=fua)

    def begin_pwrite(self, data: memoryview, offset: int, done: Callable[[bool], object]) -> bool:
        return False

    async def write_zeroes(self, length: int, offset: int, *, fua: bool = False) -> None:
        await write_zeroes(self._storage, length=length, offset=offset, fua=fua)

    async def discard(self, length: int, offset: int) -> None:
        await self._storage.discard(length, offset)

    async def flush(self) -> None:
        await flush(self._storage)

    async def extents(self, length: int, offset: int) -> AsyncIterator[Extent]:
        await asyncio.sleep(0)
        yield Extent(offset, length, 0, present=True, zero=False, data=True, offset=offset)


@asynccontextmanager
async def served(storage: Storage, path: Path) -> AsyncIterator[str]:
    """``async with served(storage, path) as uri``: at a Unix socket, until all that was asked is answered."""
    server = Server([Offer(export=RawExport(storage))])
    with unix_socket(path) as listener:
        await server.listen([listener])
        try:
            yield f"nbd+unix:///?socket={quote(str(path))}"
        finally:
            await server.close()
