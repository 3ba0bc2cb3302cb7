"""Broken I/O: short transfers, what a cancel leaves behind, and neighbours that are touched."""

import asyncio

from aiovdi.driver.disk import Disk
from aiovdi.driver.readpath import Piece
from aiovdi.errors import StorageError
from aiovdi.settling import own
from aiovdi.storage.base import read_full, write_full
from aiovdi.units import Segment, align_down

__all__ = [
    "Canary",
    "CancelledWriteLandsLate",
    "NeighboursTouched",
    "ShortReadAsZeros",
    "ShortWriteNotResumed",
    "SiblingsLeftBehind",
    "ZeroByDiscard",
]


class Canary(Disk):
    """Every change is acknowledged and none is made. A search that does not find this looks at nothing.

    Breaks: everything.
    """

    async def _write(self, data: memoryview, offset: int, *, fua: bool) -> None:  # noqa: ARG002
        return


class ShortReadAsZeros(Disk):
    """What a short read has not delivered is taken for zeros. Breaks: the resume loop of reads."""

    async def _read_cold(self, view: memoryview, piece: Piece) -> None:
        part = view[piece.at : piece.at + piece.length]
        try:
            done = await self._storage.pread_some(part, piece.offset)
        except OSError as error:
            raise StorageError.wrap(error, operation="read") from error
        await self._fill_zeros(part[done:])


class ShortWriteNotResumed(Disk):
    """A short write is acknowledged as a whole one. Breaks: the resume loop of writes."""

    async def _write_in_place(self, piece: Piece, data: memoryview, *, fua: bool = False) -> None:
        try:
            await self._storage.pwrite_some(data[piece.at : piece.at + piece.length], piece.offset, fua=fua)
        except OSError as error:
            raise StorageError.wrap(error, operation="write") from error


class CancelledWriteLandsLate(Disk):
    """A cancelled write returns at once and its I/O goes on: it lands later, over a newer write.

    What ``asyncio.to_thread`` does to those who do not wait. Breaks: no I/O outlives its request.
    """

    async def _write_in_place(self, piece: Piece, data: memoryview, *, fua: bool = False) -> None:
        await asyncio.shield(own(super()._write_in_place(piece, data, fua=fua)))


class SiblingsLeftBehind(Disk):
    """The first part that fails ends the request; the other parts are still on their way.

    They land later, over a newer write: ``asyncio.gather`` as it comes. Breaks: wait until every part has
    settled.
    """

    async def _write_segments(self, data: memoryview, offset: int, *, fua: bool) -> bool:  # noqa: ARG002
        pieces: list[Piece] = []
        unmapped: list[Segment] = []
        try:
            await self._plan_change(pieces, unmapped, offset=offset, length=len(data))
            parts = [self._write_in_place(piece, data) for piece in pieces]
            parts += [self._write_unmapped(segment, data) for segment in unmapped]
            await asyncio.gather(*parts)
        finally:
            for piece in pieces:
                self._unpin(piece.slots)
        return False


class NeighboursTouched(Disk):
    """A part of a sector is written by reading the whole sector and writing it back, with no lock.

    A write to the rest of it that comes between is undone. Breaks: an unaligned write never touches its
    neighbours.
    """

    async def _write_in_place(self, piece: Piece, data: memoryview, *, fua: bool = False) -> None:
        start = align_down(piece.offset, 512)
        whole = bytearray(-(-(piece.offset + piece.length - start) // 512) * 512)
        await read_full(self._storage, memoryview(whole), start)
        at = piece.offset - start
        whole[at : at + piece.length] = data[piece.at : piece.at + piece.length]
        await write_full(self._storage, memoryview(whole), start, fua=fua)


class ZeroByDiscard(Disk):
    """Zeroing is handed to the storage as a discard, which may leave the old bytes. Breaks: zeros are written."""

    async def _zero_in_place(self, piece: Piece) -> None:
        await self._storage.discard(piece.length, piece.offset)
