"""Zeros in the cheapest way that the filesystem has, and the same zeros in every other way."""

import ctypes
import errno
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeAlias

import pytest

from aiovdi.storage import zeroing
from aiovdi.storage.zeroing import Zeroing, can_punch_holes, punch_hole
from aiovdi.units import KiB, MiB

Refuse: TypeAlias = Callable[[dict[int, int]], list[int]]

PUNCH_HOLE, ZERO_RANGE = 0x03, 0x11  # with KEEP_SIZE


@pytest.fixture
def fd(tmp_path: Path) -> Iterator[int]:
    path = tmp_path / "x"
    path.write_bytes(b"\xff" * MiB)
    fd = os.open(path, os.O_RDWR)
    yield fd
    os.close(fd)


@pytest.fixture
def refuse(monkeypatch: pytest.MonkeyPatch) -> Refuse:
    """Make fallocate fail with an errno for each mode given, and do nothing for others; lists the modes asked."""

    def install(errors: dict[int, int]) -> list[int]:
        asked: list[int] = []

        def fallocate(fd: int, mode: int, offset: int, length: int) -> int:
            asked.append(mode)
            ctypes.set_errno(errors.get(mode, 0))
            return -1 if mode in errors else 0

        monkeypatch.setattr(zeroing, "_libc_fallocate", fallocate)
        return asked

    return install


def content(fd: int) -> bytes:
    return os.pread(fd, 4 * MiB, 0)


def test_zeroes_free_the_space(fd: int) -> None:
    before = os.fstat(fd).st_blocks
    Zeroing().zero(fd, 512 * KiB, 256 * KiB)
    assert content(fd) == b"\xff" * 256 * KiB + bytes(512 * KiB) + b"\xff" * 256 * KiB
    if zeroing._libc_fallocate is not None:
        assert os.fstat(fd).st_blocks < before


@pytest.mark.parametrize("number", [errno.EOPNOTSUPP, errno.ENOSYS])
def test_what_is_not_supported_is_asked_once(fd: int, refuse: Refuse, number: int) -> None:
    asked = refuse({PUNCH_HOLE: number, ZERO_RANGE: number})
    way = Zeroing()
    for offset in (0, 100_000):
        way.zero(fd, 1000, offset)
        way.discard(fd, 1000, offset)
    assert asked == [PUNCH_HOLE, ZERO_RANGE]
    assert content(fd).count(0) == 2000


def test_a_range_that_does_not_suit_is_written_and_the_next_is_asked_again(fd: int, refuse: Refuse) -> None:
    asked = refuse({PUNCH_HOLE: errno.EINVAL, ZERO_RANGE: errno.EINVAL})
    way = Zeroing()
    way.zero(fd, 1000, 5)
    way.zero(fd, 1000, 5000)
    assert asked == [PUNCH_HOLE, ZERO_RANGE] * 2
    assert content(fd).count(0) == 2000


@pytest.mark.parametrize("number", [errno.EIO, errno.ENOSPC, errno.EBADF])
def test_a_real_error_is_raised(fd: int, refuse: Refuse, number: int) -> None:
    refuse({PUNCH_HOLE: number})
    for attempt in (Zeroing().zero, Zeroing().discard):
        with pytest.raises(OSError) as caught:
            attempt(fd, 1000, 0)
        assert caught.value.errno == number
    assert content(fd) == b"\xff" * MiB


def test_an_interrupted_call_is_repeated(fd: int, monkeypatch: pytest.MonkeyPatch) -> None:
    results = iter([-1, -1, 0])

    def fallocate(*_: int) -> int:
        ctypes.set_errno(errno.EINTR)
        return next(results)

    monkeypatch.setattr(zeroing, "_libc_fallocate", fallocate)
    zeroing.punch_hole(fd, 10, 0)
    assert next(results, None) is None


def test_without_fallocate_zeros_are_written(fd: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(zeroing, "_libc_fallocate", None)
    way = Zeroing()
    way.discard(fd, 100, 0)
    assert content(fd) == b"\xff" * MiB
    way.zero(fd, 2 * MiB + 5, MiB - 5)
    assert content(fd) == b"\xff" * (MiB - 5) + bytes(2 * MiB + 5)


def test_zeros_are_written_on_after_a_short_write(fd: int, monkeypatch: pytest.MonkeyPatch) -> None:
    pwrite = os.pwrite
    monkeypatch.setattr(os, "pwrite", lambda fd, data, offset: pwrite(fd, data[:333], offset))
    zeroing.write_zeros(fd, 1000, 7)
    monkeypatch.undo()
    assert content(fd) == b"\xff" * 7 + bytes(1000) + b"\xff" * (MiB - 1007)


@pytest.mark.parametrize("unit", [1, 4096])
def test_the_end_is_reached_by_a_write_of_whole_units(
    fd: int, refuse: Refuse, monkeypatch: pytest.MonkeyPatch, unit: int
) -> None:
    refuse({})
    written = []
    monkeypatch.setattr(os, "pwrite", lambda fd, data, offset: written.append((len(data), offset)) or len(data))
    Zeroing(unit=unit).zero(fd, 64 * KiB, MiB)
    length = max(512, unit)
    assert written == [(length, MiB + 64 * KiB - length)]


def test_a_file_is_asked_for_holes_behind_its_end_and_stays_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "image"
    path.write_bytes(b"x" * 5000)
    expected = _makes_holes(tmp_path / "other")
    assert can_punch_holes(path) is expected
    assert path.read_bytes() == b"x" * 5000


def test_what_is_no_regular_file_promises_no_holes(tmp_path: Path) -> None:
    assert not can_punch_holes(tmp_path / "missing")
    assert not can_punch_holes(tmp_path)
    assert not can_punch_holes("/dev/null")


def _makes_holes(path: Path) -> bool:
    """By another way: whether data that is punched takes less space."""
    path.write_bytes(b"x" * (1 << 20))
    with path.open("r+b") as file:
        os.fsync(file.fileno())
        before = os.fstat(file.fileno()).st_blocks
        try:
            punch_hole(file.fileno(), 1 << 20, 0)
        except OSError:
            return False
        return os.fstat(file.fileno()).st_blocks < before
