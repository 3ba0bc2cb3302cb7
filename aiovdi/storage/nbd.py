"""An NBD export as a storage: what another program serves, qemu-nbd, nbdkit or aiovdi itself.

Rule 1: an export has a fixed size, and no bytes of its own to vouch for: nothing grows, nothing is zero
before it was written.
Rule 2: what the export does not offer is done by what it does offer, or fails: FUA by a flush, zeroing by
writing zeros; a flush that is not offered is ENOTSUP, because nothing could stand for it.
Rule 3: whoever loses the connection has lost the storage, until it is opened again: a write that was under
way may land at any time (`aiovdi.storage.nbd_connection`).

Line 3 of the port, that no sector is torn, is the server's part. What is asked for in one request here is
at most ``payload_max`` of the export.
"""

import asyncio
import errno
import os
import ssl

from aiovdi.nbd.wire import PAYLOAD_MAX, Command, CommandFlag, ExportFlag
from aiovdi.settling import own, to_the_end
from aiovdi.storage.base import Told
from aiovdi.storage.nbd_connection import Connection, connect
from aiovdi.storage.nbd_uri import Address, parse
from aiovdi.units import GiB, align_down

__all__ = ["NbdStorage"]

_PIECE_MAX = 1 * GiB
"""The longest zeroing or discard in one request: lengths have 32 bits on the wire."""


class NbdStorage:
    """`Storage` on an NBD export. ``alignment`` is the export's minimum block size.

    A part of a block at the end of the export cannot be reached, so it does not count ("the client would
    be unable to access the final few bytes of the export", doc/proto.md).
    """

    can_grow = False
    extends_with_zeros = False

    def __init__(self, connection: Connection, *, name: str, writable: bool) -> None:
        sizes = connection.terms.export.block_sizes
        self.path = name
        self.alignment = sizes.minimum
        self.size = align_down(connection.terms.export.size, sizes.minimum)
        self._step_max = align_down(min(sizes.payload_max, PAYLOAD_MAX), sizes.minimum)
        self._flags = connection.terms.flags
        self._writable = writable
        self._connection = connection
        self._closing: asyncio.Task[None] | None = None

    @classmethod
    async def open(
        cls, uri: str | Address, *, writable: bool, ssl_context: ssl.SSLContext | None = None
    ) -> "NbdStorage":
        """Connect to the export that ``uri`` names (`aiovdi.storage.nbd_uri`).

        Args:
            writable: False opens for reading only; writes then fail with EBADF.
            ssl_context: for TLS, in place of what the URI says of certificates.

        Raises:
            ValueError: the URI is none, or asks for what is not known here.
            OSError: no server, or no such export (ENOENT); EROFS: the export is read-only.
        """
        address = parse(uri) if isinstance(uri, str) else uri
        name = uri if isinstance(uri, str) else f"NBD export {address.export!r}"
        context = None
        if address.tls:
            context = ssl_context or await asyncio.to_thread(address.ssl_context)
        connection = await connect(address, name=name, context=context)
        storage = cls(connection, name=name, writable=writable)
        if writable and connection.terms.export.is_read_only:
            await storage.close()
            raise OSError(errno.EROFS, f"{name}: the export is read-only")
        return storage

    def pread_now(self, buffer: bytearray | memoryview, offset: int) -> int:  # noqa: ARG002
        """Nothing: every byte is somewhere else."""
        return 0

    async def pread_some(self, buffer: memoryview, offset: int) -> int:
        self._check(writes=False)
        count = min(len(buffer), self.size - offset, self._step_max)
        if count <= 0:
            return 0
        await self._connection.request(Command.READ, offset=offset, length=count, buffer=buffer[:count])
        return count

    def begin_write(self, data: memoryview, offset: int, done: Told) -> bool:  # noqa: ARG002
        return False

    async def pwrite_some(self, data: memoryview, offset: int, *, fua: bool = False) -> int:
        self._check(writes=True)
        count = min(len(data), self.size - offset, self._step_max)
        if not data:
            return 0
        if count <= 0:
            raise _error(errno.ENOSPC)
        await self._change(Command.WRITE, count, offset, fua=fua, data=data[:count])
        return count

    async def write_zeroes(self, length: int, offset: int, *, fua: bool = False) -> None:
        self._check(writes=True)
        if offset + length > self.size:
            raise _error(errno.ENOSPC)
        has_command = self._offers(ExportFlag.SEND_WRITE_ZEROES)
        step_max = _PIECE_MAX if has_command else self._step_max
        zeros = None if has_command else memoryview(bytes(min(length, step_max)))
        for start in range(offset, offset + length, step_max):
            count = min(step_max, offset + length - start)
            if zeros is None:
                await self._change(Command.WRITE_ZEROES, count, start, fua=fua)
            else:
                await self._change(Command.WRITE, count, start, fua=fua, data=zeros[:count])

    async def discard(self, length: int, offset: int) -> None:
        self._check(writes=True)
        end = min(offset + length, self.size)
        if self._offers(ExportFlag.SEND_TRIM):
            for start in range(offset, end, _PIECE_MAX):
                count = min(_PIECE_MAX, end - start)
                await self._connection.request(Command.TRIM, offset=start, length=count)

    async def resize(self, size: int) -> None:  # noqa: ARG002
        self._check(writes=True)
        raise _error(errno.ENOTSUP)

    async def flush(self) -> None:
        self._check(writes=False)
        if self._offers(ExportFlag.SEND_FLUSH):
            await self._connection.request(Command.FLUSH)
        elif self._writable:
            raise OSError(errno.ENOTSUP, f"{self.path}: the export offers no flush")

    async def drop_cache(self, length: int, offset: int) -> None:
        """Nothing is cached on this side."""

    async def close(self) -> None:
        if self._closing is None:
            self._closing = own(self._connection.close())
        await to_the_end(self._closing)

    async def _change(
        self, command: Command, length: int, offset: int, *, fua: bool, data: memoryview | None = None
    ) -> None:
        """Write or zero, and make it durable if ``fua``."""
        can_fua = self._offers(ExportFlag.SEND_FUA)
        flags = CommandFlag.FUA if fua and can_fua else 0
        await self._connection.request(command, offset=offset, length=length, flags=flags, data=data)
        if fua and not can_fua:
            await self.flush()

    def _offers(self, flag: ExportFlag) -> bool:
        return bool(self._flags & flag)

    def _check(self, *, writes: bool) -> None:
        if self._closing is not None or (writes and not self._writable):
            raise _error(errno.EBADF)


def _error(number: int) -> OSError:
    return OSError(number, os.strerror(number))
