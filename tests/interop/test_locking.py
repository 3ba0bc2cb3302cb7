"""QEMU and aiovdi keep each other out of an image: in both directions, and by the same bytes."""

import os
import re
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from aiovdi.driver import locking
from aiovdi.errors import ImageLocked

FOREVER_S = 600.0
"""Patience of a wait that the test itself ends: a limit for a hung test, not a race."""

Peer = Callable[[str], str]
Holder = Callable[..., AbstractContextManager[int]]


@pytest.fixture
def image(peer: Peer, tmp_path: Path) -> Path:
    path = tmp_path / "disk.vdi"
    subprocess.run([peer("qemu-img"), "create", "-q", "-f", "vdi", path, "4M"], check=True)
    return path


@pytest.fixture
def fd(image: Path) -> Iterator[int]:
    fd = os.open(image, os.O_RDWR)
    yield fd
    os.close(fd)


@pytest.fixture
def qemu_io(peer: Peer, image: Path) -> Holder:
    """``with qemu_io("-r") as pid`` keeps the image open in qemu-io."""

    @contextmanager
    def hold(*options: str) -> Iterator[int]:
        command = [peer("qemu-io"), *options, "-f", "vdi", str(image)]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdin is not None
            assert process.stdout is not None
            process.stdin.write("read 0 512\n")  # it answers when the image is open
            process.stdin.flush()
            assert any("read 512/512" in line for line in process.stdout)
            try:
                yield process.pid
            finally:
                process.kill()

    return hold


@pytest.fixture
def qemu_nbd(peer: Peer, image: Path, tmp_path: Path) -> Holder:
    """``with qemu_nbd("-r") as pid`` serves the image over NBD, to nobody."""

    @contextmanager
    def hold(*options: str) -> Iterator[int]:
        pid_file, socket = tmp_path / "pid", tmp_path / "nbd.sock"
        command = [peer("qemu-nbd"), *options, "--fork", "--persistent", f"--pid-file={pid_file}", f"--socket={socket}"]
        subprocess.run([*command, "-f", "vdi", str(image)], check=True)  # returns once it listens
        pid = int(pid_file.read_text())
        try:
            yield pid
        finally:
            os.kill(pid, signal.SIGKILL)

    return hold


@pytest.fixture(params=["qemu_io", "qemu_nbd"])
def holder(request: pytest.FixtureRequest) -> Holder:
    hold: Holder = request.getfixturevalue(request.param)
    return hold


async def take(fd: int, mode: str, *, patience_s: float = 0) -> None:
    await locking.acquire(fd, writable=mode == "r+", path="disk.vdi", patience_s=patience_s)


def locked_bytes(pid: int | str, image: Path) -> set[int]:
    """The bytes of the image that a process has locked, as the kernel tells it."""
    found = set()
    for descriptor in Path(f"/proc/{pid}/fd").iterdir():
        if descriptor.exists() and descriptor.samefile(image):
            fdinfo = Path(f"/proc/{pid}/fdinfo/{descriptor.name}").read_text()
            locks = [line.split() for line in fdinfo.splitlines() if line.startswith("lock:")]
            found |= {byte for lock in locks for byte in range(int(lock[-2]), int(lock[-1]) + 1)}
    return found


@pytest.mark.parametrize(("options", "mode"), [((), "r+"), (("-r",), "r")])
async def test_qemu_locks_the_bytes_that_we_lock(
    holder: Holder, fd: int, image: Path, options: tuple[str, ...], mode: str
) -> None:
    with holder(*options) as pid:
        by_qemu = locked_bytes(pid, image)
    await take(fd, mode, patience_s=FOREVER_S)
    assert locked_bytes("self", image) == by_qemu


@pytest.mark.parametrize("mode", ["r", "r+"])
async def test_an_image_that_qemu_writes_is_refused_and_qemu_named(holder: Holder, fd: int, mode: str) -> None:
    with holder() as pid, pytest.raises(ImageLocked, match=rf"open for writing.*pid {pid}, '[^']*qemu-.*read-write"):
        await take(fd, mode)


async def test_an_image_that_qemu_reads_is_refused_to_a_writer(holder: Holder, fd: int) -> None:
    with holder("-r") as pid, pytest.raises(ImageLocked, match=rf"no writer beside it.*pid {pid}, .*read-only"):
        await take(fd, "r+")


async def test_an_image_that_qemu_reads_may_be_read(holder: Holder, fd: int, image: Path) -> None:
    with holder("-r") as pid:
        await take(fd, "r")
        assert locked_bytes("self", image) == locked_bytes(pid, image)


async def test_an_image_that_qemu_reads_without_locks_may_be_written(qemu_io: Holder, fd: int, image: Path) -> None:
    with qemu_io("-r", "-U"):
        await take(fd, "r+")
        assert 101 in locked_bytes("self", image)


async def test_the_image_of_a_killed_qemu_is_had_after_a_moment(holder: Holder, fd: int, image: Path) -> None:
    with holder() as pid:
        os.kill(pid, signal.SIGKILL)
        await take(fd, "r+", patience_s=FOREVER_S)
        assert 101 in locked_bytes("self", image)


@pytest.mark.parametrize(
    ("ours", "command"),
    [
        ("r+", ["qemu-io", "-c", "write 0 512"]),
        ("r+", ["qemu-io", "-r", "-c", "read 0 512"]),
        ("r+", ["qemu-img", "info"]),
        ("r+", ["qemu-img", "check"]),
        ("r", ["qemu-io", "-c", "write 0 512"]),
    ],
)
async def test_qemu_is_refused_what_contradicts_us(
    peer: Peer, fd: int, image: Path, ours: str, command: list[str]
) -> None:
    await take(fd, ours)
    refused = run(peer, command, image)
    assert refused.returncode != 0
    assert re.search(r'Failed to get (shared )?"write" lock', refused.stderr)


@pytest.mark.parametrize(
    ("ours", "command"),
    [
        ("r+", ["qemu-img", "info", "-U"]),
        ("r+", ["qemu-io", "-r", "-U", "-c", "read 0 512"]),
        ("r", ["qemu-img", "info"]),
        ("r", ["qemu-io", "-r", "-c", "read 0 512"]),
    ],
)
async def test_qemu_is_let_in_where_it_contradicts_nothing(
    peer: Peer, fd: int, image: Path, ours: str, command: list[str]
) -> None:
    await take(fd, ours)
    assert run(peer, command, image).stderr == ""


async def test_qemu_may_write_once_we_have_let_go(peer: Peer, fd: int, image: Path) -> None:
    await take(fd, "r+")
    locking.release(fd)
    assert run(peer, ["qemu-io", "-c", "write 0 512"], image).returncode == 0


def run(peer: Peer, command: list[str], image: Path) -> subprocess.CompletedProcess[str]:
    program, *arguments = command
    return subprocess.run(
        [peer(program), *arguments, "-f", "vdi", str(image)], capture_output=True, text=True, check=False
    )
