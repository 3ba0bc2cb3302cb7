"""What aiovdi converts qemu-img reads, and the other way round; and how a conversion that is stopped ends."""

import fcntl
import os
import resource
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

Peer = Callable[[str], str]
Run = Callable[..., subprocess.CompletedProcess[str]]

KiB, MiB = 1 << 10, 1 << 20
COMMAND = [sys.executable, "-m", "aiovdi"]


@pytest.fixture
def qemu_img(peer: Peer) -> Run:
    def run(*words: object) -> subprocess.CompletedProcess[str]:
        return subprocess.run([peer("qemu-img"), *map(str, words)], capture_output=True, text=True, check=True)

    return run


def aiovdi(*words: object) -> None:
    subprocess.run([*COMMAND, *map(str, words)], check=True)


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    """40 MiB: noise, holes, zeros that take space, and noise with 4 KiB of zeros in each 16."""
    path = tmp_path / "source.raw"
    with path.open("wb") as file:
        file.write(os.urandom(5 * MiB))
        file.seek(20 * MiB)
        file.write(bytes(4 * MiB) + (os.urandom(12 * KiB) + bytes(4 * KiB)) * 256)
        file.truncate(40 * MiB)
    return path


def space(path: Path) -> int:
    return path.stat().st_blocks * 512


@pytest.mark.parametrize("options", [[], ["-W", "-m", "16"], ["-o", "static=on"], ["-S", "0"]])
def test_qemu_img_reads_what_we_convert(options: list[str], raw: Path, tmp_path: Path, qemu_img: Run) -> None:
    target = tmp_path / "x.vdi"
    aiovdi("convert", *options, "-O", "vdi", raw, target)
    assert qemu_img("compare", "-f", "raw", "-F", "vdi", raw, target).stdout == "Images are identical.\n"
    assert qemu_img("check", target).stdout.startswith("No errors were found on the image.")


def test_we_convert_what_qemu_img_made(raw: Path, tmp_path: Path, qemu_img: Run) -> None:
    there, back = tmp_path / "there.vdi", tmp_path / "back.raw"
    qemu_img("convert", "-O", "vdi", raw, there)
    aiovdi("convert", "-O", "raw", there, back)
    assert qemu_img("compare", "-f", "raw", "-F", "raw", raw, back).stdout == "Images are identical.\n"


def test_a_copy_takes_no_more_space_than_that_of_qemu_img(raw: Path, tmp_path: Path, qemu_img: Run) -> None:
    for format_ in ("vdi", "raw"):
        own, theirs = tmp_path / f"own.{format_}", tmp_path / f"theirs.{format_}"
        aiovdi("convert", "-O", format_, raw, own)
        qemu_img("convert", "-O", format_, raw, theirs)
        assert space(own) <= space(theirs) + 16 * KiB


# A conversion is stopped. It tells its progress into a pipe that nobody empties and that is too small for
# all of it: so it cannot have ended when the signal comes, however fast it is.
#
#   t   aiovdi convert -p                                  the test
#   0   makes .x.vdi.….part
#   1   writes until its progress fills the pipe, waits    sees the .part file, sends the signal
#   2   has the signal pending                             empties the pipe
#   3   goes on, is cancelled, cleans up                   waits for its end


@pytest.fixture
def long(tmp_path: Path) -> Path:
    """A gigabyte with a little data in each MiB, so that there is much to tell and little to copy."""
    path = tmp_path / "long.raw"
    with path.open("wb") as file:
        for at in range(0, 1024 * MiB, MiB):
            file.seek(at)
            file.write(b"x")
        file.truncate(1024 * MiB)
    return path


def stop(number: signal.Signals, source: Path, target: Path) -> int:
    """Convert until the new file is there, then signal. Returns what the process ended with."""
    reader, writer = os.pipe()
    fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, 4096)
    with subprocess.Popen([*COMMAND, "convert", "-p", "-O", "vdi", source, target], stderr=writer) as process:
        os.close(writer)
        with open(reader, "rb", buffering=0) as progress:
            first = progress.read(1)  # told after its first step: the new file is there
            assert first == b" "
            assert len(list(target.parent.glob(".*.part"))) == 1
            process.send_signal(number)
            while progress.read(4096):
                pass
        return process.wait()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_leaves_no_target_and_no_remains(number: signal.Signals, long: Path, tmp_path: Path) -> None:
    assert stop(number, long, tmp_path / "x.vdi") == 128 + number
    assert list(tmp_path.iterdir()) == [long]


def test_a_signal_leaves_the_image_that_was_to_be_replaced(long: Path, tmp_path: Path) -> None:
    target = tmp_path / "x.vdi"
    aiovdi("create", "-q", target, "5M")
    before = target.read_bytes()
    assert stop(signal.SIGINT, long, target) == 130
    assert target.read_bytes() == before
    assert sorted(tmp_path.iterdir()) == [long, target]


def test_a_kill_leaves_no_target(long: Path, tmp_path: Path) -> None:
    target = tmp_path / "x.vdi"
    assert stop(signal.SIGKILL, long, target) == -signal.SIGKILL
    assert not target.exists()


@pytest.mark.parametrize("format_", ["vdi", "raw"])
def test_a_file_that_may_not_grow_leaves_no_target(format_: str, raw: Path, tmp_path: Path) -> None:
    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (16 * MiB, 16 * MiB))

    done = subprocess.run(
        [*COMMAND, "convert", "-S", "0", "-O", format_, raw, tmp_path / "x"],
        preexec_fn=limit,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.startswith("aiovdi: convert: ")
    assert "File too large" in done.stderr
    assert done.stderr.count("\n") == 1
    assert list(tmp_path.iterdir()) == [raw]
