"""A VDI on what other people's servers export: qemu-nbd and nbdkit, each of fixed size and full of old bytes."""

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

MiB = 1 << 20
AIOVDI = [sys.executable, "-m", "aiovdi"]
Peer = Callable[[str], str]


def run(*words: object, status: int = 0) -> str:
    done = subprocess.run([str(word) for word in words], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == status, f"{words}: {done.stdout}{done.stderr}"
    return done.stdout + done.stderr


@pytest.fixture(params=["qemu-nbd", "nbdkit"])
def export(request: pytest.FixtureRequest, peer: Peer, tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """The URI of 8 MiB of old bytes, and the file that holds them."""
    file, at = tmp_path / "export.raw", tmp_path / "s"
    file.write_bytes(b"\xa5" * (8 * MiB))
    program = peer(request.param)
    words = {"qemu-nbd": ["-f", "raw", "-t", "-k", at, file], "nbdkit": ["-f", "-U", at, "file", file]}
    server = subprocess.Popen([program, *map(str, words[request.param])])
    try:
        while not at.exists():  # it comes, or the server has ended
            assert server.poll() is None
            time.sleep(0.01)
        yield f"nbd+unix:///?socket={at}", file
    finally:
        server.terminate()
        server.wait(30)


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    path = tmp_path / "disk.raw"
    with path.open("wb") as file:
        file.truncate(16 * MiB)
        for offset, length in ((MiB + 100, 5000), (9 * MiB, MiB)):
            file.seek(offset)
            file.write(b"x" * length)
    return path


def test_a_disk_is_made_there_and_qemu_reads_it(peer: Peer, export: tuple[str, Path], raw: Path) -> None:
    uri, file = export
    run(*AIOVDI, "create", uri, "16M")
    run(*AIOVDI, "check", uri)
    run(peer("qemu-img"), "check", "-U", "-f", "vdi", file)
    run(*AIOVDI, "convert", "-O", "vdi", raw, uri)
    run(*AIOVDI, "compare", raw, uri)
    run(peer("qemu-img"), "compare", "-U", "-f", "raw", "-F", "vdi", raw, file)


def test_what_does_not_fit_is_said_with_both_sizes_and_changes_nothing(export: tuple[str, Path]) -> None:
    uri, file = export
    said = run(*AIOVDI, "create", "-o", "static=on", uri, "16M", status=1)
    assert f"aiovdi: {uri}: " in said
    assert f"{18 * MiB} bytes needed, {8 * MiB} there" in said
    said = run(*AIOVDI, "create", "-f", "raw", uri, "8M", status=1)
    assert f"a raw image is as long as what holds it; found {8 * MiB} bytes" in said
    assert file.read_bytes() == b"\xa5" * (8 * MiB)


def test_a_disk_that_outgrows_its_export_says_so_and_keeps_what_it_has(export: tuple[str, Path], raw: Path) -> None:
    uri, _ = export
    run(*AIOVDI, "convert", "-O", "vdi", raw, uri)
    full = raw.with_name("full.raw")
    full.write_bytes(b"y" * (12 * MiB))
    said = run(*AIOVDI, "write", "--in", full, uri, status=1)
    assert f"{8 * MiB} there" in said
    run(*AIOVDI, "check", uri)
    assert run(*AIOVDI, "read", uri, 9 * MiB, 4) in {"xxxx", "yyyy"}
