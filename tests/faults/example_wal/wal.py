"""A small write-ahead log: ``append`` returns when its record is on stable storage.

A record is its length, its CRC-32, and its bytes. Records lie one after the other; the log ends where no
whole record follows. Many may append at once: they are written in turn, and one flush serves all who wait.
"""

import asyncio
import struct
import zlib

HEAD = struct.Struct("<II")


class LogStopped(OSError):
    """A flush failed. What it should have kept may be gone, so the log takes no more records."""


class Log:
    def __init__(self, storage):
        self._storage = storage
        self._end = 0  # of the records that are written
        self._stable = 0  # of the records that a flush has covered
        self._writing = asyncio.Lock()
        self._flushing = asyncio.Lock()
        self._stopped = False

    @classmethod
    async def open(cls, storage):
        log = cls(storage)
        log._end = log._stable = sum(HEAD.size + len(record) for record in await read_log(storage))
        return log

    async def append(self, record):
        async with self._writing:
            await write_all(self._storage, HEAD.pack(len(record), zlib.crc32(record)) + record, self._end)
            self._end += HEAD.size + len(record)
            end = self._end
        await self._commit(end)

    async def _commit(self, end):
        async with self._flushing:
            if self._stopped:
                raise LogStopped("an earlier flush failed")
            if end <= self._stable:
                return  # somebody else's flush has covered it
            try:
                await self._storage.flush()
            except OSError:
                self._stopped = True
                raise
            self._stable = self._end


async def read_log(storage):
    """The records, up to the first that is not whole."""
    content = await read_all(storage)
    records, at = [], 0
    while at + HEAD.size <= len(content):
        length, crc = HEAD.unpack_from(content, at)
        record = content[at + HEAD.size : at + HEAD.size + length]
        if not length or len(record) < length or zlib.crc32(record) != crc:
            break
        records.append(record)
        at += HEAD.size + length
    return records


async def read_all(storage):
    buffer, at = memoryview(bytearray(storage.size)), 0
    while at < len(buffer):
        try:
            at += await storage.pread_some(buffer[at:], at)
        except InterruptedError:
            continue
    return bytes(buffer)


async def write_all(storage, data, offset):
    view = memoryview(data)
    while view:
        try:
            count = await storage.pwrite_some(view, offset)
        except InterruptedError:
            continue
        view, offset = view[count:], offset + count
