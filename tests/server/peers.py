"""Both neighbours of a server, under a test's control: a disk in memory, and a client that is bytes.

They share no code with the server.
"""

import asyncio
import errno
import struct
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from aiovdi.errors import StorageError
from aiovdi.server import Server

MiB = 1 << 20


class Run(NamedTuple):
    """An extent of `MemoryExport`."""

    length: int
    zero: bool
    data: bool


class MemoryExport:
    """A disk of a few megabytes. What was never written reads as zeros, in units of 64 KiB.

    Attributes:
        gate: while it is closed, whatever needs time waits.
        is_cold: nothing can be read at once.
        failure: raised by each call that needs time.
        calls: their names, in the order in which they began.
        ended: the same, in the order in which they ended.
    """

    UNIT = 1 << 16

    def __init__(self, size: int = 4 * MiB) -> None:
        self.content = bytearray(size)
        self.written: set[int] = set()
        self.gate = asyncio.Event()
        self.gate.set()
        self.is_cold = False
        self.begins = False
        self.begun: list[tuple[memoryview, int, Callable[[bool], object]]] = []
        self.failure: Exception | None = None
        self.calls: list[str] = []
        self.ended: list[str] = []

    @property
    def size(self) -> int:
        return len(self.content)

    def pread_now(self, buffer: memoryview, offset: int) -> bool:
        if self.is_cold or not self._units(len(buffer), offset) <= self.written:
            return False
        buffer[:] = self.content[offset : offset + len(buffer)]
        return True

    async def preadinto(self, buffer: memoryview, offset: int) -> int:
        await self._wait("read")
        buffer[:] = self.content[offset : offset + len(buffer)]
        return len(buffer)

    def begin_pwrite(self, data: memoryview, offset: int, done: Callable[[bool], object]) -> bool:
        """What of it can be begun at once, if the test says so: each call's ``done`` comes in ``begun``."""
        if not self.begins:
            return False
        self.begun.append((data, offset, done))
        return True

    async def pwrite(self, data: Any, offset: int, *, fua: bool = False) -> None:
        await self._wait("write fua" if fua else "write")
        self.content[offset : offset + len(data)] = data
        self.written |= self._units(len(data), offset)

    async def write_zeroes(self, length: int, offset: int, *, fua: bool = False) -> None:
        await self._wait("write zeroes fua" if fua else "write zeroes")
        self._zero(length, offset)

    async def discard(self, length: int, offset: int) -> None:
        await self._wait("discard")
        self._zero(length, offset)

    async def flush(self) -> None:
        await self._wait("flush")

    async def extents(self, length: int, offset: int) -> AsyncIterator[Run]:
        await self._wait("extents")
        while length:
            step = min(length, self.UNIT - offset % self.UNIT)
            is_data = offset // self.UNIT in self.written
            yield Run(step, zero=not is_data, data=is_data)
            offset, length = offset + step, length - step

    def fill(self, data: bytes, offset: int = 0) -> None:
        """Put ``data`` there, as if it had been written long ago."""
        self.content[offset : offset + len(data)] = data
        self.written |= self._units(len(data), offset)

    def fail(self, number: int = errno.EIO) -> None:
        self.failure = StorageError(number, "as the test wants it", operation="write")

    async def _wait(self, name: str) -> None:
        self.calls.append(name)
        await self.gate.wait()
        if self.failure is not None:
            raise self.failure
        self.ended.append(name)

    def _zero(self, length: int, offset: int) -> None:
        self.content[offset : offset + length] = bytes(length)
        first, stop = -(-offset // self.UNIT), (offset + length) // self.UNIT
        self.written -= set(range(first, stop))

    def _units(self, length: int, offset: int) -> set[int]:
        return set(range(offset // self.UNIT, (offset + length - 1) // self.UNIT + 1))


class Reply(NamedTuple):
    """A simple reply, or one chunk of a structured one."""

    cookie: int
    error: int
    data: bytes
    kind: int = 0
    flags: int = 0


class Client:
    """Speaks bytes, and knows of the protocol only what a test needs. It shares no code with the server."""

    READ, WRITE, DISC, FLUSH, TRIM, CACHE, ZEROES, STATUS = range(8)
    FUA, NO_HOLE, DF, REQ_ONE, FAST_ZERO = (1 << bit for bit in range(5))

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer
        self.size = self.flags = 0
        self.is_structured = False

    async def shake(self, name: bytes = b"", *, structured: bool = False, contexts: bool = False) -> "Client":
        """Through the handshake, into transmission."""
        await self.greet()
        if structured or contexts:
            await self.option(8)
            self.is_structured = True
        if contexts:
            query = b"base:allocation"
            await self.option(10, struct.pack(">I", len(name)) + name + struct.pack(">II", 1, len(query)) + query)
        for kind, data in await self.option(7, struct.pack(">I", len(name)) + name + bytes(2)):
            if kind == 3 and data[:2] == b"\0\0":
                self.size, self.flags = struct.unpack(">QH", data[2:])
        return self

    async def greet(self) -> None:
        assert (await self.reader.readexactly(18))[:16] == b"NBDMAGICIHAVEOPT"
        self.writer.write(struct.pack(">I", 3))

    async def option(self, number: int, data: bytes = b"") -> list[tuple[int, bytes]]:
        """The replies to an option, up to the last one."""
        self.writer.write(b"IHAVEOPT" + struct.pack(">II", number, len(data)) + data)
        replies = []
        while not replies or replies[-1][0] in {2, 3, 4}:
            magic, _, kind, length = struct.unpack(">QIII", await self.reader.readexactly(20))
            assert magic == 0x3E889045565A9
            replies.append((kind, await self.reader.readexactly(length)))
        return replies

    def ask(
        self, command: int, offset: int = 0, length: int = 0, data: bytes = b"", *, flags: int = 0, cookie: int = 0
    ) -> None:
        """Send a request and wait for nothing."""
        self.writer.write(request(command, offset, length or len(data), data, flags=flags, cookie=cookie))

    async def reply(self, length: int = 0) -> Reply:
        """The next reply; ``length`` bytes of data follow a simple one, if it is no error."""
        (magic,) = struct.unpack(">I", await self.reader.readexactly(4))
        if magic == 0x67446698:
            error, cookie = struct.unpack(">IQ", await self.reader.readexactly(12))
            return Reply(cookie, error, b"" if error else await self.reader.readexactly(length))
        assert magic == 0x668E33EF
        flags, kind, cookie, size = struct.unpack(">HHQI", await self.reader.readexactly(16))
        body = await self.reader.readexactly(size)
        error = struct.unpack(">I", body[:4])[0] if kind >> 15 else 0
        return Reply(cookie, error, body, kind, flags)

    async def whole(
        self, command: int, offset: int = 0, length: int = 0, data: bytes = b"", *, flags: int = 0
    ) -> Reply:
        """One request and its simple reply."""
        self.ask(command, offset, length, data, flags=flags, cookie=7)
        reply = await self.reply(length if command == self.READ else 0)
        assert reply.cookie == 7
        return reply

    async def is_dropped(self) -> bool:
        """Nothing more comes, and the end does."""
        try:
            return await self.reader.read(1) == b""
        except ConnectionResetError:
            return True

    async def close(self) -> None:
        self.writer.close()
        with suppress(ConnectionResetError, BrokenPipeError):
            await self.writer.wait_closed()


def request(command: int, offset: int, length: int, data: bytes = b"", *, flags: int = 0, cookie: int = 0) -> bytes:
    """A request with compact headers, as it goes over the wire."""
    return struct.pack(">IHHQQI", 0x25609513, flags, command, cookie, offset, length) + data


class Serving:
    """A server at a unix socket, and its clients."""

    def __init__(self, server: Server, path: Path) -> None:
        self.server = server
        self.path = path
        self.clients: list[Client] = []

    async def connect(self) -> Client:
        """A connection, before its handshake."""
        client = Client(*await asyncio.open_unix_connection(self.path))
        self.clients.append(client)
        return client

    async def client(self, **terms: Any) -> Client:
        """A client in transmission."""
        return await (await self.connect()).shake(**terms)
