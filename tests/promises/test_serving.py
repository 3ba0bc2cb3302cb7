"""What a disk promises holds for its clients over NBD too: a stopped disk says EIO, and a cold one holds no loop."""

import asyncio
import errno
import os
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

import aiovdi
from aiovdi.server import Offer, Server
from aiovdi.server.listening import unix_socket
from aiovdi.storage import Aio, open_file
from tests.promises.cache import forget

MiB = 1 << 20
LIMIT_S = 0.020
TRIES = 10
READ, WRITE, FLUSH = 0, 1, 3
EIO = 5


@asynccontextmanager
async def serving(disk: aiovdi.Disk, path: Path) -> AsyncIterator[str]:
    server = Server([Offer(export=disk)])
    with unix_socket(path) as listener:
        await server.listen([listener])
        try:
            yield f"nbd+unix:///?socket={path}"
        finally:
            await server.close()


async def ask(path: Path, *requests: tuple[int, int, bytes | int]) -> list[int]:
    """The error numbers of the replies to requests (command, offset, data or length), one after the other."""
    reader, writer = await asyncio.open_unix_connection(path)
    writer.write(b"\0\0\0\3IHAVEOPT\0\0\0\1\0\0\0\0")
    await reader.readexactly(28)
    errors = []
    for command, offset, what in requests:
        data, length = (b"", what) if isinstance(what, int) else (what, len(what))
        writer.write(struct.pack(">IHHQQI", 0x25609513, 0, command, 0, offset, length) + data)
        _, error, _ = struct.unpack(">IIQ", await reader.readexactly(16))
        errors.append(error)
        await reader.readexactly(length if command == READ and not error else 0)
    writer.close()
    await writer.wait_closed()
    return errors


async def test_after_a_failed_flush_writes_and_flushes_say_eio_and_reads_go_on(image: Path, tmp_path: Path) -> None:
    await aiovdi.create(image, 8 * MiB)
    storage: Any = await open_file(image, writable=True)
    flush, fails = storage.flush, False

    async def flush_or_fail() -> None:
        if fails:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        await flush()

    storage.flush = flush_or_fail
    disk = await aiovdi.open(storage, "r+")
    async with serving(disk, tmp_path / "s"):
        assert await ask(tmp_path / "s", (WRITE, 0, b"x" * 512), (FLUSH, 0, 0)) == [0, 0]
        fails = True
        assert await ask(tmp_path / "s", (WRITE, 0, b"y" * 512), (FLUSH, 0, 0)) == [0, EIO]
        fails = False
        said = await ask(tmp_path / "s", (WRITE, 0, b"z" * 512), (FLUSH, 0, 0), (READ, 0, 512), (READ, 4 * MiB, 512))
        assert said == [EIO, EIO, 0, 0]
    with pytest.raises(aiovdi.DiskFailed):
        await disk.close()
    await storage.close()


@pytest.mark.parametrize("direction", ["out", "in"])
async def test_no_client_of_a_cold_disk_holds_the_loop(
    image: Path, aio: Aio, direction: str, peer: Callable[[str], str], tmp_path: Path
) -> None:
    await aiovdi.create(image, 64 * MiB)
    async with aiovdi.open(image, "r+", aio=aio) as disk:
        for block in range(64):
            await disk.pwrite(os.urandom(MiB), block * MiB)
        other = tmp_path / "other.raw"
        other.write_bytes(os.urandom(64 * MiB))
        async with serving(disk, tmp_path / "s") as uri:
            words = [uri, "null:"] if direction == "out" else [str(other), uri]

            async def longest_stall() -> float:
                forget(image)
                return await stall_during(lambda: run(peer("nbdcopy"), *words))

            stalls = []
            while not stalls or (min(stalls) >= LIMIT_S and len(stalls) < TRIES):
                stalls.append(await longest_stall())
            assert min(stalls) < LIMIT_S


async def run(*words: str) -> None:
    process = await asyncio.create_subprocess_exec(*words)
    assert await process.wait() == 0


async def stall_during(work: Callable[[], Awaitable[object]]) -> float:
    """The longest time that one turn of the loop took while ``work`` ran, without what others had of the processor."""
    loop = asyncio.get_running_loop()
    task = asyncio.ensure_future(work())
    await asyncio.sleep(0.02)  # to start a process forks, which is no business of the server
    longest, last, waited = 0.0, loop.time(), waited_for_processor()
    while not task.done():
        await asyncio.sleep(0)
        now, waited_now = loop.time(), waited_for_processor()
        longest = max(longest, now - last - (waited_now - waited))
        last, waited = now, waited_now
    await task
    return longest


def waited_for_processor() -> float:
    """Seconds in which threads of this process could have run, and other processes did (proc(5), schedstat).

    Of all threads: one that holds the interpreter's lock and waits for a processor holds up the loop.
    """
    delays = 0
    for path in Path("/proc/self/task").glob("*/schedstat"):
        with suppress(OSError):  # a thread that has just ended
            delays += int(path.read_text().split()[1])
    return delays / 1e9
