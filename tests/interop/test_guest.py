"""A file system on a disk that ``aiovdi serve`` serves: made, mounted, written and checked inside a virtual machine.

Its server is killed once with SIGKILL, while the guest's writes are under way. Three writers in the guest
make files one after the other; each is synced and then told, over the serial port. A file that was told must
be there afterwards with its content, whenever the kill came: that is what FLUSH is for.

These boot real kernels in software emulation, which takes about a minute: they run with ``--guest`` only.
``make guest`` runs them. They need Debian on x86-64, qemu-system-x86 and e2fsprogs; the kernel and a
busybox are downloaded as packages, and not installed.
"""

import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.interop.guest.machine import Machine
from tests.interop.guest.packages import find_program
from tests.interop.guest.server import Server
from tests.interop.guest.system import make_machine

WRITERS, KEPT = 3, 8
"""Writers in the guest, and how many files each leaves; what came before these it removes."""

DISK = "256M"
File = tuple[int, int]
"""A writer and the number of its file."""


@pytest.fixture(scope="session")
def machine(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Machine:
    if not request.config.getoption("--guest"):
        pytest.skip("it boots a virtual machine, which takes a minute: --guest, or make guest")
    cache = getattr(request.config, "cache", None)
    folder = tmp_path_factory.mktemp("guest")
    return make_machine(cache.mkdir("guest") if cache else folder, folder)


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Server]:
    """It serves a new image that nothing was written to."""
    image = tmp_path / "guest.vdi"
    aiovdi("create", "-q", image, DISK)
    with tempfile.TemporaryDirectory(prefix="aiovdi-") as folder:  # short: a path in unix(7) has 108 bytes at most
        server = Server(image, Path(folder) / "nbd.sock")
        await server.start()
        yield server
        await server.close()


def aiovdi(*words: object) -> None:
    subprocess.run([sys.executable, "-m", "aiovdi", *map(str, words)], check=True)


class Told:
    """What a guest has said about its files."""

    def __init__(self) -> None:
        self.begun: set[File] = set()
        self.synced: set[File] = set()
        self.whole: set[File] = set()
        self.broken: set[File] = set()
        self.words: set[str] = set()

    def hear(self, fact: list[str]) -> None:
        word, *numbers = fact
        if numbers:
            writer, number = map(int, numbers)
            getattr(self, word).add((writer, number))
        else:
            self.words.add(word)

    def kept(self) -> set[File]:
        """The synced files that no writer can have begun to remove."""
        last = dict(sorted(self.synced))
        return {(writer, number) for writer, number in self.synced if number > last[writer] - KEPT}


def check_from_outside(image: Path, folder: Path) -> None:
    """A second opinion: the image as raw, looked at by the e2fsck of this machine."""
    aiovdi("check", "-q", image)
    aiovdi("convert", "-O", "raw", image, folder / "guest.raw")
    command: list[str | Path] = [find_program("e2fsck", "e2fsprogs"), "-f", "-n", folder / "guest.raw"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


# The guest loses its disk, and finds it again at the next boot.
#
#   t   guest                                     server              test
#   0   makes the file system, mounts it          serves
#   1   "synced 1 1", "synced 3 1", …             writes              hears that many, waits until the image grows
#   2   writes under way                          killed              kills
#   3   every write and fsync fails: EIO          -
#   4   the writers stop; power off               -
#   5   -                                         serves the image    starts it
#   6   boots: ext4 recovers its journal          reads, writes
#   7   compares all files, unmounts, e2fsck


@pytest.mark.parametrize("moment", [1, 12, 40])
async def test_after_a_kill_amid_writes_every_synced_file_is_there_and_e2fsck_finds_nothing(
    moment: int, machine: Machine, server: Server, tmp_path: Path
) -> None:
    told = Told()
    variables = {"WRITERS": WRITERS, "KEPT": KEPT, "FILES": 10_000}  # more than it gets to write
    async with machine.boot("format write", variables, server.socket) as facts:
        async for fact in facts:
            told.hear(fact)
            if fact[0] == "synced" and len(told.synced) == moment:
                await server.kill_amid_a_write()
    assert "op 0x1:(WRITE)" in machine.console.read_text()
    assert len(told.begun - told.synced) == WRITERS
    await server.start()
    async with machine.boot("verify unmount check", {}, server.socket) as facts:
        async for fact in facts:
            told.hear(fact)
    await server.stop()
    assert told.kept() <= told.whole
    assert not told.synced & told.broken
    assert {"recovered", "unmounted", "clean", "done"} <= told.words
    check_from_outside(server.image, tmp_path)


# The guest does not notice. A write that was answered survives the kill, so the client may send again
# what was not answered, to another server, and nothing is missing in between.
#
#   t   guest                                     QEMU                           server
#   0   the writers write                         passes it on                   writes
#   1   waits for its requests                    the connection breaks          killed
#   2                                             connects, sends again          serves the image
#   3   all files were synced, no write failed


async def test_a_guest_does_not_notice_that_its_server_was_killed_and_another_one_came(
    machine: Machine, server: Server, tmp_path: Path
) -> None:
    told = Told()
    variables = {"WRITERS": WRITERS, "KEPT": KEPT, "FILES": 12}
    steps = "format write unmount verify unmount check"
    async with machine.boot(steps, variables, server.socket, reconnect_s=120) as facts:
        async for fact in facts:
            told.hear(fact)
            if fact[0] == "synced" and len(told.synced) == 12:
                await server.kill_amid_a_write()
                await server.start()
    await server.stop()
    every = {(writer, number) for writer in range(1, WRITERS + 1) for number in range(1, 13)}
    assert told.synced == every
    assert told.whole == told.kept()
    assert {"unmounted", "clean", "done"} <= told.words
    assert "I/O error" not in machine.console.read_text()
    check_from_outside(server.image, tmp_path)
