"""An export as a storage, beyond the contract: what it does where the export offers less, and what ends it."""

import asyncio
import errno
import subprocess
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

import aiovdi
from aiovdi.jobs.images import open_image
from aiovdi.nbd.terms import BlockSizes
from aiovdi.nbd.wire import Command, CommandFlag, ErrorCode, ExportFlag
from aiovdi.storage import AlignedStorage, NbdStorage, UnflushedStorage, nbd, open_file
from aiovdi.storage.base import read_full, write_full, write_zeroes
from tests.storage.exporting import ALL_FLAGS, Exporter

MiB = 1 << 20


@asynccontextmanager
async def exported(
    path: Path, content: bytes = bytes(64 << 10), *, writable: bool = True, **options: Any
) -> AsyncIterator[tuple[NbdStorage, Exporter]]:
    async with Exporter(path / "sock", content, **options) as exporter:
        storage = await NbdStorage.open(exporter.uri, writable=writable)
        try:
            yield storage, exporter
        finally:
            await storage.close()


def commands(exporter: Exporter) -> list[tuple[int, int]]:
    return [(request.command, request.flags) for request in exporter.log]


async def test_fua_goes_with_the_write(tmp_path: Path) -> None:
    async with exported(tmp_path) as (storage, exporter):
        await write_full(storage, memoryview(b"abc"), 5, fua=True)
        await write_zeroes(storage, length=9, offset=5, fua=True)
        assert commands(exporter) == [(Command.WRITE, CommandFlag.FUA), (Command.WRITE_ZEROES, CommandFlag.FUA)]


async def test_fua_that_is_not_offered_is_a_flush(tmp_path: Path) -> None:
    async with exported(tmp_path, flags=ALL_FLAGS & ~ExportFlag.SEND_FUA) as (storage, exporter):
        await write_full(storage, memoryview(b"abc"), 5, fua=True)
        assert commands(exporter) == [(Command.WRITE, 0), (Command.FLUSH, 0)]


@pytest.mark.parametrize("flags", [0, ExportFlag.SEND_WRITE_ZEROES])
async def test_a_flush_that_is_not_offered_is_no_success(tmp_path: Path, flags: int) -> None:
    async with exported(tmp_path, flags=flags) as (storage, _):
        for request in (storage.flush(), storage.pwrite_some(memoryview(b"x"), 0, fua=True)):
            with pytest.raises(OSError, match="offers no flush") as caught:
                await request
            assert caught.value.errno == errno.ENOTSUP


async def test_zeroing_that_is_not_offered_writes_zeros(tmp_path: Path) -> None:
    sizes = BlockSizes(payload_max=8192)
    async with exported(tmp_path, b"x" * 50_000, flags=ExportFlag.SEND_FLUSH, block_sizes=sizes) as (storage, exporter):
        await storage.write_zeroes(30_000, 100)
        assert exporter.content == b"x" * 100 + bytes(30_000) + b"x" * 19_900
        assert {(request.command, request.length <= 8192) for request in exporter.log} == {(Command.WRITE, True)}


async def test_a_discard_that_is_not_offered_is_none(tmp_path: Path) -> None:
    async with exported(tmp_path, flags=0) as (storage, exporter):
        await storage.discard(10_000, 0)
        assert exporter.log == []


async def test_long_ranges_go_in_pieces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nbd, "_PIECE_MAX", 20_000)
    async with exported(tmp_path, b"x" * 64_000) as (storage, exporter):
        await storage.discard(60_000, 10_000)
        await storage.write_zeroes(45_000, 1)
        ranges = [(request.command, request.offset, request.length) for request in exporter.log]
    trims = [(Command.TRIM, 10_000, 20_000), (Command.TRIM, 30_000, 20_000), (Command.TRIM, 50_000, 14_000)]
    assert ranges[:3] == trims
    assert [each[1:] for each in ranges[3:]] == [(1, 20_000), (20_001, 20_000), (40_001, 5_000)]


async def test_no_request_is_longer_than_the_payload_that_the_export_takes(tmp_path: Path) -> None:
    sizes = BlockSizes(payload_max=5000)
    async with exported(tmp_path, block_sizes=sizes) as (storage, exporter):
        await write_full(storage, memoryview(bytes([7]) * 12_000), 1)
        memory = bytearray(12_002)
        assert await read_full(storage, memoryview(memory), 0) == 12_002
        assert memory == b"\0" + bytes([7]) * 12_000 + b"\0"
        assert max(request.length for request in exporter.log) == 5000


async def test_what_is_open_for_reading_only_does_not_write(tmp_path: Path) -> None:
    async with exported(tmp_path, writable=False) as (storage, exporter):
        for request in (
            storage.pwrite_some(memoryview(b"x"), 0),
            storage.write_zeroes(5, 0),
            storage.discard(5, 0),
            storage.resize(5),
        ):
            with pytest.raises(OSError) as caught:
                await request
            assert caught.value.errno == errno.EBADF
        await storage.flush()
        assert commands(exporter) == [(Command.FLUSH, 0)]


async def test_a_read_only_export_is_not_opened_for_writing(tmp_path: Path) -> None:
    flags = ExportFlag.READ_ONLY
    async with Exporter(tmp_path / "sock", b"x" * 512, flags=flags) as exporter:
        with pytest.raises(OSError, match="read-only") as caught:
            await NbdStorage.open(exporter.uri, writable=True)
        assert caught.value.errno == errno.EROFS
        storage = await NbdStorage.open(exporter.uri, writable=False)
        await storage.flush()  # there is nothing to make durable, though the export offers none
        await storage.close()


async def test_a_block_size_is_an_alignment_that_open_file_meets(tmp_path: Path) -> None:
    sizes = BlockSizes(minimum=4096)
    async with Exporter(tmp_path / "sock", b"x" * 20_000, block_sizes=sizes) as exporter:
        picky = await NbdStorage.open(exporter.uri, writable=True)
        assert (picky.alignment, picky.size) == (4096, 16_384)  # "unable to access the final few bytes"
        await picky.close()
        storage = await open_file(exporter.uri, writable=True)
        assert isinstance(storage, AlignedStorage)
        await write_full(storage, memoryview(b"news"), 4094)
        assert exporter.content[4090:4100] == b"xxxxnewsxx"
        assert not any((request.offset | request.length) % 4096 for request in exporter.log)
        await storage.close()


async def test_a_lost_connection_is_never_made_again(tmp_path: Path) -> None:
    #  t   the storage                          the server
    #  0   a write is under way                 holds it
    #  1                                        the connection breaks
    #  2   the write raises                     may still do it
    #  3   every later call raises: a write over a new connection might land before the old one
    async with exported(tmp_path) as (storage, exporter):
        exporter.holding = True
        writing = asyncio.create_task(storage.pwrite_some(memoryview(b"old"), 0))
        await exporter.arrived.acquire()
        exporter.hang_up()
        with pytest.raises(ConnectionResetError):
            await writing
        for request in (storage.pwrite_some(memoryview(b"new"), 0), storage.flush(), storage.discard(5, 0)):
            with pytest.raises(ConnectionResetError, match=r"nbd\+unix://.*connection was lost"):
                await request
        assert len(exporter.connections) == 1
        assert storage.pread_now(bytearray(5), 0) == 0


async def test_a_write_that_was_sent_is_waited_for_also_when_cancelled(tmp_path: Path) -> None:
    #  t   the writer                          the server
    #  0   sends "old"                         holds it
    #  1   is cancelled, and waits
    #  2                                       does it, and answers
    #  3   raises CancelledError; "new" comes after "old"
    async with exported(tmp_path) as (storage, exporter):
        exporter.holding = True
        writing = asyncio.create_task(storage.pwrite_some(memoryview(b"old"), 0))
        await exporter.arrived.acquire()
        for _ in range(5):
            writing.cancel()
            await asyncio.sleep(0)
        assert not writing.done()
        exporter.release()
        with pytest.raises(asyncio.CancelledError):
            await writing
        await write_full(storage, memoryview(b"new"), 0)
        assert exporter.content[:3] == b"new"


async def test_a_flush_that_fails_says_so(tmp_path: Path) -> None:
    async with exported(tmp_path) as (storage, exporter):
        exporter.refuse[Command.FLUSH] = ErrorCode.EIO
        with pytest.raises(OSError) as caught:
            await storage.flush()
        assert caught.value.errno == errno.EIO


# by name


async def test_open_file_takes_a_uri(tmp_path: Path) -> None:
    async with Exporter(tmp_path / "sock", bytes(512)) as exporter:
        storage = await open_file(exporter.uri, writable=True, cache="unsafe")
        assert isinstance(storage, UnflushedStorage)
        await storage.flush()
        assert exporter.log == []
        await storage.close()
        for wish in ({"create": True}, {"exclusive": True}):
            with pytest.raises(OSError, match="cannot be made from here"):
                await open_file(exporter.uri, writable=True, **wish)
        with pytest.raises(ValueError, match="parameter color"):
            await open_file(exporter.uri + "&color=blue", writable=True)


async def test_an_image_on_an_export_is_a_disk(tmp_path: Path) -> None:
    await aiovdi.create(tmp_path / "x.vdi", 8 * MiB)
    image = (tmp_path / "x.vdi").read_bytes()
    async with Exporter(tmp_path / "sock", image.ljust(12 * MiB, b"\xa5")) as exporter:
        async with aiovdi.open(exporter.uri, "r+") as disk:
            await disk.pwrite(b"hello" * 1000, 3 * MiB - 500)
            await disk.flush()
            await disk.discard(MiB, 0)
        async with aiovdi.open(exporter.uri) as disk:
            assert await disk.pread(5000, 3 * MiB - 500) == b"hello" * 1000
            assert not any(await disk.pread(1 << 19, 2 * MiB))
            assert disk.info.filename == exporter.uri


async def test_the_jobs_take_a_uri_and_a_lock_that_is_not_there_is_none(tmp_path: Path) -> None:
    await aiovdi.create(tmp_path / "x.vdi", 2 * MiB)
    async with Exporter(tmp_path / "sock", (tmp_path / "x.vdi").read_bytes()) as exporter:
        async with open_image(exporter.uri, lock=True) as image, open_image(exporter.uri, "r+", lock=True) as again:
            assert image.size == again.size == 2 * MiB
        assert isinstance(image, aiovdi.Disk)


async def test_an_image_that_qemu_serves_opens_writes_closes_and_checks_clean(
    tmp_path: Path, peer: Callable[[str], str]
) -> None:
    image, socket = tmp_path / "x.vdi", tmp_path / "sock"
    create = [peer("qemu-img"), "create", "-q", "-f", "vdi", image, "64M"]
    await asyncio.to_thread(subprocess.run, create, check=True)
    with image.open("r+b") as file:
        file.truncate(80 * MiB)  # an export cannot grow
    serve = [peer("qemu-nbd"), "--format", "raw", "--socket", socket, "--export-name", "x", "--fork", image]
    await asyncio.to_thread(subprocess.run, serve, check=True)  # it ends with its first client
    data = bytes(value % 251 for value in range(5 * MiB))
    async with aiovdi.open(f"nbd+unix:///x?socket={socket}", "r+") as disk:
        await disk.pwrite(data, 777)
        await disk.pwrite(b"more", 60 * MiB, fua=True)
        await disk.write_zeroes(MiB, 2 * MiB)
        await disk.flush()
        expected = data[: 2 * MiB - 777] + bytes(MiB) + data[3 * MiB - 777 :]
        assert await disk.pread(len(data), 777) == expected
    async with aiovdi.open(image) as disk:
        assert await disk.pread(len(data), 777) == expected
        assert await disk.pread(4, 60 * MiB) == b"more"
    check = [peer("qemu-img"), "check", "-q", "-f", "vdi", image]
    assert (await asyncio.to_thread(subprocess.run, check, check=False)).returncode == 0
