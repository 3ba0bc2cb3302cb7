"""What each command does to the export, and the reply that comes of it. No sockets, no limits.

Rule 1: a request is answered once it is done, and only then; in what order requests end is nobody's promise.
Rule 2: where both sides speak in chunks, a READ tells holes as holes, so zeros cost the wire nothing.
Rule 3: what an export cannot do is an error of that request. The connection goes on.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from typing import TypeAlias, cast

from aiovdi.errors import VDIError
from aiovdi.nbd.replies import ChunkReplies, SimpleReplies
from aiovdi.nbd.terms import Negotiated
from aiovdi.nbd.transmission import Request
from aiovdi.nbd.wire import Command, CommandFlag, ErrorCode, State
from aiovdi.server.export import Export, Extent, error_code
from aiovdi.units import KiB, MiB, TiB

__all__ = ["Reply", "Service"]

Reply: TypeAlias = list[bytes | bytearray | memoryview]
"""Pieces of a reply, to be sent one after the other."""

_EXTENTS_MAX = 8192
"""Extents in one answer to BLOCK_STATUS; a client asks again for the rest."""

_STATUS_BYTES_MAX = 1 * TiB
"""Of the disk that one answer to BLOCK_STATUS tells about, for the same reason."""

_CACHE_STEP = 256 * KiB
_ZEROS = memoryview(bytes(1 * MiB))

_FUA = int(CommandFlag.FUA)
_DF = int(CommandFlag.DF)
_REQ_ONE = int(CommandFlag.REQ_ONE)
_NO_HOLE = int(CommandFlag.NO_HOLE)
_FAST_ZERO = int(CommandFlag.FAST_ZERO)


class Service:
    """The requests of one connection, each as a coroutine that returns its reply.

    Args:
        export: the disk.
        terms: what the handshake has agreed on.
        replies: how replies are spelled on this connection.

    Attributes:
        ways: for each command what serves it. The reply to what it raises is `refusal`.
    """

    def __init__(self, export: Export, terms: Negotiated, replies: SimpleReplies | ChunkReplies) -> None:
        self._export = export
        self._contexts = tuple(terms.contexts)
        self._replies = replies
        self._chunks = replies if isinstance(replies, ChunkReplies) else None
        self.ways: dict[int, Callable[[Request], Awaitable[Reply]]] = {
            Command.READ: self._read if self._chunks is None else self._read_in_chunks,
            Command.WRITE: self._write,
            Command.FLUSH: self._flush,
            Command.TRIM: self._trim,
            Command.CACHE: self._cache,
            Command.WRITE_ZEROES: self._write_zeroes,
            Command.BLOCK_STATUS: self._block_status,
        }

    def refusal(self, request: Request, error: Exception) -> bytes:
        """The reply that tells ``error``."""
        is_expected = isinstance(error, VDIError | OSError)
        code = ErrorCode.ENOTSUP if isinstance(error, _TooSlow) else error_code(error)
        return self._replies.error(request, code, str(error) if is_expected else "internal error of the server")

    async def _read(self, request: Request) -> Reply:
        """All of it in one piece, behind its header."""
        if not request.length:
            return [self._replies.done(request)]
        head = self._replies.read_header_bytes
        whole = bytearray(head + request.length)
        with memoryview(whole) as view:
            await self._export.preadinto(view[head:], request.offset)
        self._replies.put_read_header(request, whole)
        return [whole]

    async def _read_in_chunks(self, request: Request) -> Reply:
        assert self._chunks is not None
        runs = [] if request.flags & _DF or not request.length else await self._runs(request)
        if not any(zero for _, zero in runs):
            return await self._read(request)
        parts: Reply = []
        offset = request.offset
        for number, (length, zero) in enumerate(runs, 1):
            last = number == len(runs)
            if zero:
                parts.append(self._chunks.hole(request, offset=offset, length=length, last=last))
            else:
                data = bytearray(length)
                await self._export.preadinto(memoryview(data), offset)
                parts += [self._chunks.data_header(request, offset=offset, length=length, last=last), data]
            offset += length
        return parts

    async def _runs(self, request: Request) -> list[tuple[int, bool]]:
        """Length of each run of the range, and whether it reads as zeros, alternating."""
        runs: list[tuple[int, bool]] = []
        async for extent in self._export.extents(request.length, request.offset):
            length, zero = extent.length, extent.zero
            if runs and runs[-1][1] == zero:
                length += runs.pop()[0]
            runs.append((length, zero))
        return runs

    async def _write(self, request: Request) -> Reply:
        assert request.payload is not None
        await self._export.pwrite(request.payload, request.offset, fua=bool(request.flags & _FUA))
        return [self._replies.done(request)]

    async def _flush(self, request: Request) -> Reply:
        await self._export.flush()
        return [self._replies.done(request)]

    async def _trim(self, request: Request) -> Reply:
        await self._export.discard(request.length, request.offset)
        if request.flags & _FUA:
            await self._export.flush()
        return [self._replies.done(request)]

    async def _cache(self, request: Request) -> Reply:
        """Read it once, so that the page cache has it."""
        unused = memoryview(bytearray(min(_CACHE_STEP, request.length)))
        for at in range(0, request.length, _CACHE_STEP):
            step = min(_CACHE_STEP, request.length - at)
            await self._export.preadinto(unused[:step], request.offset + at)
            await asyncio.sleep(0)
        return [self._replies.done(request)]

    async def _write_zeroes(self, request: Request) -> Reply:
        fua = bool(request.flags & _FUA)
        if request.flags & _NO_HOLE:
            if request.flags & _FAST_ZERO:
                raise _TooSlow("zeros without a hole have to be written")
            await self._fill_with_zeros(request, fua=fua)
        else:
            await self._export.write_zeroes(request.length, request.offset, fua=fua)
        return [self._replies.done(request)]

    async def _fill_with_zeros(self, request: Request, *, fua: bool) -> None:
        """The space is to be there afterwards, so zeros are written like any data; one flush serves all of them."""
        for at in range(0, request.length, len(_ZEROS)):
            step = min(len(_ZEROS), request.length - at)
            await self._export.pwrite(_ZEROS[:step], request.offset + at)
        if fua:
            await self._export.flush()

    async def _block_status(self, request: Request) -> Reply:
        assert self._chunks is not None
        states_max = 1 if request.flags & _REQ_ONE else _EXTENTS_MAX
        extents = self._export.extents(min(request.length, _STATUS_BYTES_MAX), request.offset)
        states = await _states(extents, states_max)
        return [self._chunks.block_status(request, dict.fromkeys(self._contexts, states))]


class _TooSlow(VDIError):
    """A zeroing that has to be fast, and would not be."""


async def _states(extents: AsyncIterator[Extent], count: int) -> list[tuple[int, int]]:
    """Length and state of the first ``count`` runs, neighbours of one state merged."""
    states: list[tuple[int, int]] = []
    async with aclosing(cast("AsyncGenerator[Extent, None]", extents)):  # a walk that is left early ends at once
        async for extent in extents:
            length = extent.length
            state = (State.ZERO if extent.zero else 0) | (0 if extent.data else State.HOLE)
            if states and states[-1][1] == state:
                length += states.pop()[0]
            elif len(states) == count:
                break
            states.append((length, state))
    return states
