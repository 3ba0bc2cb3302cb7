"""Who may open an image beside whom, tried between two descriptors of this process and with a child."""

import asyncio
import errno
import fcntl
import os
import signal
import struct
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from aiovdi.driver import locking
from aiovdi.errors import ImageLocked

FOREVER_S = 600.0
"""Patience of a wait that the test itself ends: a limit for a hung test, not a race."""

HOLD = """
import asyncio, os, sys
from aiovdi.driver import locking

path = sys.argv[1]
fd = os.open(path, os.O_RDWR)
asyncio.run(locking.acquire(fd, writable=True, path=path))
print("holding", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def image(tmp_path: Path) -> Path:
    path = tmp_path / "disk.vdi"
    path.write_bytes(bytes(4096))
    return path


@pytest.fixture
def opened(image: Path) -> Iterator[Callable[[], int]]:
    """``opened()`` is one more descriptor of the image, with a file description of its own."""
    descriptors = []

    def another() -> int:
        descriptors.append(os.open(image, os.O_RDWR))
        return descriptors[-1]

    yield another
    for fd in descriptors:
        os.close(fd)


@pytest.fixture
def child(image: Path) -> Iterator[subprocess.Popen[str]]:
    """A process that has the image locked as a writer."""
    command = [sys.executable, "-c", HOLD, str(image)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "holding\n"
            yield process
        finally:
            process.kill()


async def take(fd: int, mode: str, *, patience_s: float = 0) -> None:
    await locking.acquire(fd, writable=mode == "r+", path="disk.vdi", patience_s=patience_s)


def locked_bytes(fd: int) -> set[int]:
    """The bytes that this descriptor has read-locked, as the kernel tells it."""
    locks = [line.split() for line in Path(f"/proc/self/fdinfo/{fd}").read_text().splitlines() if "OFDLCK" in line]
    assert all(lock[4] == "READ" for lock in locks)
    return {byte for lock in locks for byte in range(int(lock[-2]), int(lock[-1]) + 1)}


@pytest.mark.parametrize(("mode", "expected"), [("r", {100, 201, 203}), ("r+", {100, 101, 103, 201, 203})])
async def test_each_mode_locks_the_bytes_that_qemu_locks(
    opened: Callable[[], int], mode: str, expected: set[int]
) -> None:
    fd = opened()
    await take(fd, mode)
    assert locked_bytes(fd) == expected


async def test_readers_share_an_image(opened: Callable[[], int]) -> None:
    first, second = opened(), opened()
    await take(first, "r")
    await take(second, "r")
    assert locked_bytes(second) == locked_bytes(first)


@pytest.mark.parametrize(
    ("holder", "newcomer", "why"),
    [
        ("r+", "r", "open for writing"),
        ("r+", "r+", "open for writing"),
        ("r", "r+", "allows no writer beside it"),
    ],
)
async def test_a_writer_has_the_image_for_itself(
    opened: Callable[[], int], holder: str, newcomer: str, why: str
) -> None:
    first, second = opened(), opened()
    await take(first, holder)
    with pytest.raises(ImageLocked, match=why):
        await take(second, newcomer)
    assert locked_bytes(second) == set()


@pytest.mark.parametrize("mode", ["r", "r+"])
async def test_whoever_is_refused_stands_in_nobodys_way(opened: Callable[[], int], mode: str) -> None:
    holder, refused, third = opened(), opened(), opened()
    await take(holder, "r+")
    with pytest.raises(ImageLocked):
        await take(refused, mode)
    locking.release(holder)
    await take(third, "r+")
    assert 101 in locked_bytes(third)


async def test_release_lets_the_next_writer_in(opened: Callable[[], int]) -> None:
    first, second = opened(), opened()
    await take(first, "r+")
    locking.release(first)
    assert locked_bytes(first) == set()
    await take(second, "r+")
    assert 101 in locked_bytes(second)


async def test_release_unlocks_even_if_a_duplicate_of_the_descriptor_lives_on(opened: Callable[[], int]) -> None:
    first, second = opened(), opened()
    await take(first, "r+")
    duplicate = os.dup(first)  # as a forked child has it: closing alone would not unlock
    try:
        locking.release(first)
        await take(second, "r+")
    finally:
        os.close(duplicate)
    assert 101 in locked_bytes(second)


async def test_a_foreign_exclusive_lock_on_one_byte_refuses_and_the_bytes_before_it_are_given_back(
    opened: Callable[[], int],
) -> None:
    # Byte 203 is the last that is taken, and "r" does not look there first: only taking it shows the conflict.
    foreigner, fd = opened(), opened()
    exclusive = struct.pack("@hhqqi0q", fcntl.F_WRLCK, os.SEEK_SET, 203, 1, 0)
    fcntl.fcntl(foreigner, fcntl.F_OFD_SETLK, exclusive)
    with pytest.raises(ImageLocked, match="allows nobody to resize"):
        await take(fd, "r")
    assert locked_bytes(fd) == set()


async def test_the_refusal_names_path_mode_and_reason_and_the_holder_with_its_command(
    opened: Callable[[], int], child: subprocess.Popen[str]
) -> None:
    with pytest.raises(ImageLocked) as refusal:
        await take(opened(), "r")
    message = str(refusal.value)
    assert message.startswith('disk.vdi cannot be opened "r": it is open for writing.')
    assert f"pid {child.pid}, '{sys.executable} -c " in message
    assert "open read-write" in message
    assert "lock=False" in message


async def test_who_has_the_image_open_without_that_lock_or_another_file_with_it_is_not_blamed(
    opened: Callable[[], int], child: subprocess.Popen[str], tmp_path: Path
) -> None:
    another_image = os.open(tmp_path / "another.vdi", os.O_RDWR | os.O_CREAT)
    try:
        await take(another_image, "r+")
        with pytest.raises(ImageLocked) as refusal:
            await take(opened(), "r")
    finally:
        os.close(another_image)
    assert f"pid {child.pid}" in str(refusal.value)
    assert f"pid {os.getpid()}" not in str(refusal.value)


async def test_a_reader_that_is_in_the_way_is_named_as_one(image: Path, opened: Callable[[], int]) -> None:
    reader = os.open(image, os.O_RDONLY)
    try:
        await take(reader, "r")
        with pytest.raises(ImageLocked, match=rf"pid {os.getpid()}, .*open read-only"):
            await take(opened(), "r+")
    finally:
        os.close(reader)


async def test_a_holder_that_proc_does_not_show_is_said_to_be_elsewhere(
    opened: Callable[[], int], monkeypatch: pytest.MonkeyPatch
) -> None:
    holder, second = opened(), opened()
    await take(holder, "r+")
    monkeypatch.setattr(locking, "_listing", lambda folder: [])
    with pytest.raises(ImageLocked, match="not in /proc"):
        await take(second, "r+")


async def test_the_lock_of_a_killed_process_is_waited_for_and_taken(
    opened: Callable[[], int], child: subprocess.Popen[str]
) -> None:
    fd = opened()
    waiting = asyncio.create_task(take(fd, "r+", patience_s=FOREVER_S))
    await asyncio.sleep(0)  # its first try is over
    assert not waiting.done()
    child.send_signal(signal.SIGKILL)
    await waiting
    assert 101 in locked_bytes(fd)


async def test_nothing_is_locked_while_waiting_nor_after_a_cancel(opened: Callable[[], int]) -> None:
    holder, waiter = opened(), opened()
    await take(holder, "r+")
    waiting = asyncio.create_task(take(waiter, "r", patience_s=FOREVER_S))
    await asyncio.sleep(0)  # its first try is over
    assert not waiting.done()
    assert locked_bytes(waiter) == set()
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    locking.release(holder)
    assert locked_bytes(waiter) == set()


async def test_who_will_be_refused_takes_nothing_not_even_for_a_moment(
    opened: Callable[[], int], monkeypatch: pytest.MonkeyPatch
) -> None:
    # qemu-io opened in that moment would be refused because of us, and it does not try again.
    holder, fd = opened(), opened()
    await take(holder, "r+")
    real, verbs = locking._control, []

    def note(fd: int, verb: str, kind: int, start: int, *, length: int = 1) -> int:
        verbs.append(verb)
        return real(fd, verb, kind, start, length=length)

    monkeypatch.setattr(locking, "_control", note)
    with pytest.raises(ImageLocked):
        await take(fd, "r")
    assert set(verbs) == {"get"}


async def test_of_two_that_come_at_once_only_one_gets_in(
    opened: Callable[[], int], monkeypatch: pytest.MonkeyPatch
) -> None:
    #  t   A ("r")                          B ("r+")
    #  0   looks: nobody is there
    #  1                                    looks, takes, looks again: has the image
    #  2   takes 100, 201, 203
    #  3   looks again: 101 is B's, gives all back
    #  Without the second look A reads what B is writing.
    a, b = opened(), opened()
    real, arrived = locking._control, []

    def let_b_pass(fd: int, verb: str, kind: int, start: int, *, length: int = 1) -> int:
        if kind == fcntl.F_RDLCK and not arrived:
            arrived.append(b)
            assert locking._try_to_take(b, locking._WRITER) is None
        return real(fd, verb, kind, start, length=length)

    monkeypatch.setattr(locking, "_control", let_b_pass)
    with pytest.raises(ImageLocked, match="open for writing"):
        await take(a, "r")
    assert locked_bytes(a) == set()
    assert 101 in locked_bytes(b)


@pytest.mark.parametrize("number", [errno.EINVAL, errno.ENOTSUP, errno.ENOSYS])
async def test_where_there_are_no_such_locks_the_open_goes_on_with_a_warning(
    opened: Callable[[], int], monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    fd = opened()
    monkeypatch.setattr(locking, "_control", failing(number))
    with pytest.warns(RuntimeWarning, match="nothing keeps a second writer out"):
        await take(fd, "r+")
    locking.release(fd)  # has nothing to do, and does not complain


async def test_a_lock_service_that_does_not_answer_is_a_refusal(
    opened: Callable[[], int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(locking, "_control", failing(errno.ENOLCK, kinds=(fcntl.F_RDLCK,)))
    with pytest.raises(ImageLocked, match="lock=False"):
        await take(opened(), "r+")


async def test_a_lock_service_that_fails_half_way_keeps_nothing(
    opened: Callable[[], int], monkeypatch: pytest.MonkeyPatch
) -> None:
    fd = opened()
    real, tried = locking._control, []

    def fail_third(fd: int, verb: str, kind: int, start: int, *, length: int = 1) -> int:
        if kind == fcntl.F_RDLCK:
            tried.append(start)
            if len(tried) == 3:
                raise OSError(errno.EIO, "the server went away")
        return real(fd, verb, kind, start, length=length)

    monkeypatch.setattr(locking, "_control", fail_third)
    with pytest.raises(OSError, match="went away"):
        await take(fd, "r+")
    assert len(tried) == 3
    assert locked_bytes(fd) == set()


async def test_a_descriptor_that_cannot_be_locked_is_the_callers_mistake(image: Path) -> None:
    fd = os.open(image, os.O_WRONLY)
    try:
        with pytest.raises(OSError, match="Bad file descriptor"):
            await take(fd, "r+")
    finally:
        os.close(fd)


def failing(
    number: int, *, kinds: tuple[int, ...] = (fcntl.F_RDLCK, fcntl.F_WRLCK, fcntl.F_UNLCK)
) -> Callable[..., int]:
    """The ``_control`` of a file system that answers ``number`` to these kinds of lock, and else has nothing locked."""

    def control(fd: int, verb: str, kind: int, start: int, *, length: int = 1) -> int:
        if kind in kinds:
            raise OSError(number, os.strerror(number))
        return fcntl.F_UNLCK

    return control
