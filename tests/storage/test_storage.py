"""``open_file``: which storage a cache mode and an ``aio`` get, and what is refused in which words."""

import errno
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from aiovdi.errors import StorageError
from aiovdi.storage import AlignedStorage, FileStorage, UnflushedStorage, open_file, posix, uring
from aiovdi.storage.base import read_full, write_full

CACHES = ["writeback", "none", "writethrough", "directsync", "unsafe"]


def is_direct(fd: int) -> bool:
    import fcntl

    return bool(fcntl.fcntl(fd, fcntl.F_GETFL) & getattr(os, "O_DIRECT", 0))


@pytest.mark.parametrize("cache", CACHES)
@pytest.mark.parametrize("aio", [None, "threads"])
async def test_each_mode_reads_what_it_wrote_at_any_offset(tmp_path: Path, cache: Any, aio: Any) -> None:
    storage = await open_file(tmp_path / "x", writable=True, create=True, cache=cache, aio=aio)
    await write_full(storage, memoryview(b"news"), 777, fua=True)
    await storage.flush()
    buffer = bytearray(6)
    assert await read_full(storage, memoryview(buffer), 776) == 5
    assert buffer == b"\0news\0"
    assert storage.alignment == 1
    assert os.fstat(storage.fileno()).st_size == 781  # type: ignore[attr-defined]
    assert is_direct(storage.fileno()) == (cache in {"none", "directsync"})  # type: ignore[attr-defined]
    assert isinstance(storage, AlignedStorage) == (cache in {"none", "directsync"})
    assert isinstance(storage, UnflushedStorage) == (cache == "unsafe")
    await storage.close()


@pytest.mark.parametrize(("is_installed", "aio", "kind"), [
    (True, None, uring.UringStorage), (True, "io_uring", uring.UringStorage), (True, "threads", FileStorage),
    (False, None, FileStorage), (False, "threads", FileStorage),
])  # fmt: skip
async def test_io_uring_is_used_by_itself_where_it_is_installed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_installed: bool, aio: Any, kind: type
) -> None:
    monkeypatch.setattr(uring, "works", lambda: is_installed)
    monkeypatch.setattr(uring, "is_installed", lambda: is_installed)
    storage = await open_file(tmp_path / "x", writable=True, create=True, aio=aio)
    assert type(storage) is kind
    await storage.close()


async def test_where_it_is_installed_and_does_not_work_threads_do_everything(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(uring, "_library", lambda: None)
    storage = await open_file(tmp_path / "x", writable=True, create=True)
    await storage.pwrite_some(memoryview(b"by a thread"), 0)
    await storage.flush()
    buffer = bytearray(11)
    assert await storage.pread_some(memoryview(buffer), 0) == 11
    assert buffer == b"by a thread"
    await storage.close()


async def test_io_uring_by_name_is_refused_where_it_does_not_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(uring, "works", lambda: False)
    with pytest.raises(StorageError, match="io_uring does not work here") as caught:
        await open_file(tmp_path / "x", writable=True, create=True, aio="io_uring")
    assert caught.value.errno == errno.ENOSYS
    assert not (tmp_path / "x").exists()


async def test_a_filesystem_without_o_direct_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **options: Any) -> int:
        assert options["direct"]
        raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))

    monkeypatch.setattr(posix, "open_descriptor", refuse)
    with pytest.raises(StorageError, match='O_DIRECT, which cache="none" needs') as caught:
        await open_file(tmp_path / "x", writable=True, cache="none")
    assert caught.value.errno == errno.EINVAL


async def test_open_errors_are_those_of_the_system(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        await open_file(tmp_path / "x", writable=False)
    await (await open_file(tmp_path / "x", writable=True, exclusive=True)).close()
    with pytest.raises(FileExistsError):
        await open_file(tmp_path / "x", writable=True, exclusive=True)
    with pytest.raises(IsADirectoryError):
        await open_file(tmp_path, writable=True)


KILLED = """
import asyncio, os, signal, sys
from aiovdi.storage import open_file
from aiovdi.storage.base import write_full

async def main():
    storage = await open_file(sys.argv[1], writable=True, create=True, cache=sys.argv[2], aio=sys.argv[3] or None)
    await write_full(storage, memoryview(b"survives" * 1000), 100)
    await storage.write_zeroes(50, 8100)
    os.kill(os.getpid(), signal.SIGKILL)

asyncio.run(main())
"""


@pytest.mark.parametrize("cache", CACHES)
@pytest.mark.parametrize("aio", ["", "threads"])
def test_what_ended_survives_kill_9(tmp_path: Path, cache: str, aio: str) -> None:
    ended = subprocess.run([sys.executable, "-c", KILLED, tmp_path / "x", cache, aio], check=False)
    assert ended.returncode == -signal.SIGKILL
    assert (tmp_path / "x").read_bytes() == bytes(100) + b"survives" * 1000 + bytes(50)
