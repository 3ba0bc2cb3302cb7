"""The system calls below a file."""

import errno
import os
from pathlib import Path
from typing import Any

import pytest

from aiovdi.storage import posix


def open_file(path: Path, **changes: bool) -> int:
    options = {"writable": True, "create": False, "exclusive": False, "direct": False}
    return posix.open_descriptor(path, **(options | changes))


def test_a_descriptor_is_not_inherited(tmp_path: Path) -> None:
    fd = open_file(tmp_path / "x", create=True)
    assert not os.get_inheritable(fd)
    os.close(fd)


def test_a_new_file_gets_its_directory_synced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced = []
    monkeypatch.setattr(os, "fsync", lambda fd: synced.append(os.fstat(fd).st_ino))
    os.close(open_file(tmp_path / "x", create=True))
    os.close(open_file(tmp_path / "y", exclusive=True))
    os.close(open_file(tmp_path / "y"))
    assert synced == [tmp_path.stat().st_ino] * 2


def test_exclusive_refuses_what_is_there_and_create_keeps_it(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"kept")
    with pytest.raises(FileExistsError):
        open_file(tmp_path / "x", exclusive=True)
    os.close(open_file(tmp_path / "x", create=True))
    assert (tmp_path / "x").read_bytes() == b"kept"


@pytest.mark.parametrize(("path", "number"), [("/", errno.EISDIR), ("/dev/null", errno.EINVAL)])
def test_only_files_and_block_devices_are_storage(path: str, number: int) -> None:
    lowest_free = os.dup(0)
    os.close(lowest_free)
    with pytest.raises(OSError) as caught:
        open_file(Path(path))
    assert caught.value.errno == number
    again = os.dup(0)
    os.close(again)
    assert again == lowest_free  # nothing was left open


def test_a_read_only_descriptor_cannot_write(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"abc")
    fd = open_file(tmp_path / "x", writable=False)
    with pytest.raises(OSError) as caught:
        os.pwrite(fd, b"x", 0)
    assert caught.value.errno == errno.EBADF
    os.close(fd)


@pytest.mark.parametrize(
    ("works_from", "size", "unit"), [(512, 9000, 512), (2048, 9000, 2048), (4096, 9000, 4096), (512, 900, 4096)]
)
def test_the_unit_of_direct_io_is_the_smallest_that_can_be_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, works_from: int, size: int, unit: int
) -> None:
    def preadv(_: int, buffers: list[Any], offset: int) -> int:
        if offset % works_from or len(buffers[0]) % works_from:
            raise OSError(errno.EINVAL, "not aligned")
        return len(buffers[0])

    (tmp_path / "x").write_bytes(bytes(size))
    fd = open_file(tmp_path / "x")
    monkeypatch.setattr(os, "preadv", preadv)
    assert posix.direct_alignment(fd) == unit
    os.close(fd)


@pytest.mark.skipif(not hasattr(os, "posix_fadvise"), reason="this system has no posix_fadvise")
def test_dropping_a_part_of_a_page_drops_the_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = os.sysconf("SC_PAGESIZE")
    asked = []
    monkeypatch.setattr(os, "posix_fadvise", lambda fd, offset, length, advice: asked.append((offset, length, advice)))
    posix.drop_cache(0, 10, page + 5)
    posix.drop_cache(0, page, page - 1)
    assert asked == [(page, page, os.POSIX_FADV_DONTNEED), (0, 2 * page, os.POSIX_FADV_DONTNEED)]
