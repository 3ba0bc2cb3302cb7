"""``aiovdi serve`` as a process: where it listens, how it ends, and what it refuses to begin."""

import asyncio
import signal
import socket
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from aiovdi.cli.serve import new_loop
from aiovdi.driver.opening import open_disk
from aiovdi.storage.zeroing import can_punch_holes
from aiovdi.units import MiB

GREETING = b"NBDMAGICIHAVEOPT"
Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def serve() -> Iterator[Start]:
    """``serve(image, "--persistent")`` is the running command. At the end it is killed, if it still runs."""
    running: list[subprocess.Popen[str]] = []

    def start(*words: object) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "aiovdi", "serve", *map(str, words)]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        running.append(process)
        return process

    yield start
    for process in running:
        process.kill()
        process.communicate()


def socket_of(process: "subprocess.Popen[str]") -> Path:
    """The path in the URI that the command prints once it listens."""
    assert process.stdout is not None
    line = process.stdout.readline().strip()
    assert line.startswith("nbd+unix:///"), process.communicate()
    return Path(parse_qs(urlsplit(line).query)["socket"][0])


def connect(path: Path) -> Any:
    """A client that has been greeted and has entered transmission by NBD_OPT_EXPORT_NAME."""
    client = socket.socket(socket.AF_UNIX)
    client.settimeout(20)
    client.connect(str(path))
    assert client.recv(18, socket.MSG_WAITALL)[:16] == GREETING
    client.sendall(b"\0\0\0\3" + b"IHAVEOPT" + b"\0\0\0\1" + bytes(4))
    assert int.from_bytes(client.recv(10, socket.MSG_WAITALL)[:8], "big") == 4 * MiB
    return client


def write(client: Any, offset: int, data: bytes) -> None:
    header = b"\x25\x60\x95\x13\0\0\0\1" + bytes(8) + offset.to_bytes(8, "big") + len(data).to_bytes(4, "big")
    client.sendall(header + data)
    assert client.recv(16, socket.MSG_WAITALL) == b"\x67\x44\x66\x98" + bytes(12)


async def content(image: Path, length: int, offset: int) -> bytes:
    async with open_disk(image) as disk:
        return await disk.pread(length, offset)


def test_the_loop_is_the_fastest_that_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    with closing(new_loop()) as loop:
        assert isinstance(loop, asyncio.AbstractEventLoop)
    monkeypatch.setitem(sys.modules, "uvloop", None)
    with closing(new_loop()) as loop:
        assert type(loop).__module__.startswith("asyncio.")


def test_it_serves_at_a_socket_of_its_owner_and_ends_after_the_last_client(serve: Start, vdi: Path) -> None:
    process = serve(vdi)
    path = socket_of(process)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with connect(path) as client:
        write(client, 0, b"x" * 512)
    assert process.wait(20) == 0
    assert not path.exists()
    assert process.communicate() == ("", "")


def test_a_signal_ends_it_in_order_and_the_image_is_whole(
    serve: Start, vdi: Path, aiovdi: Callable[..., Any], tmp_path: Path
) -> None:
    process = serve(vdi, "--socket", tmp_path / "s", "--persistent")
    path = socket_of(process)
    assert path == tmp_path / "s"
    with connect(path):
        pass
    with connect(path) as client:
        write(client, 3 * MiB, b"y" * 4096)
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
        assert client.recv(1) == b""
    assert aiovdi("check", vdi).status == 0
    assert asyncio.run(content(vdi, 4096, 3 * MiB)) == b"y" * 4096


def test_usr1_shows_what_is_going_on(serve: Start, vdi: Path) -> None:
    process = serve(vdi, "--persistent")
    path = socket_of(process)
    with connect(path) as client:
        write(client, 0, b"x" * 512)
        process.send_signal(signal.SIGUSR1)
        assert process.stderr is not None
        told = [process.stderr.readline() for _ in range(4)]
    assert told[0].startswith("now: 1 clients, 0 requests under way")
    assert "write 1;" in told[2]
    assert "512 bytes written" in told[3]


def test_a_command_gets_the_uri_and_its_status_is_ours(serve: Start, vdi: Path, tmp_path: Path) -> None:
    process = serve(vdi, "--export", "disk", "--run", f'echo "$uri" "$exportname" > {tmp_path}/said; exit 7')
    assert process.wait(20) == 7
    uri, name = (tmp_path / "said").read_text().split()
    assert uri.startswith("nbd+unix:///disk?socket=")
    assert name == "disk"


def test_a_port_is_served_on_this_machine_only(serve: Start, vdi: Path) -> None:
    process = serve(vdi, "--port", 0)
    assert process.stdout is not None
    uri = urlsplit(process.stdout.readline().strip())
    assert uri.hostname == "127.0.0.1"
    with socket.create_connection((uri.hostname, uri.port), 20) as client:
        assert client.recv(16, socket.MSG_WAITALL) == GREETING
        process.terminate()
        assert process.wait(20) == 0


def test_a_read_only_server_locks_nobody_out_who_reads(serve: Start, vdi: Path, aiovdi: Callable[..., Any]) -> None:
    process = serve(vdi, "--read-only", "--persistent")
    with connect(socket_of(process)):
        assert aiovdi("check", vdi).status == 0
    writer = serve(vdi)
    assert writer.wait(20) == 1
    assert "lock" in writer.communicate()[1]


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["--port", "0", "--bind", "0.0.0.0"], "serve: plain text to 0.0.0.0: other machines can reach that"),
        (["--port", "1", "--socket", "x"], "serve: --socket and --port exclude each other"),
        (["--bind", "::1", "--socket", "x"], "serve: --socket and --bind exclude each other"),
        (["--tls-ca", "x"], "serve: TLS needs both --tls-cert and --tls-key, found no --tls-cert"),
        (["--tls-cert", "/nowhere", "--tls-key", "/nowhere"], "/nowhere: No such file or directory"),
        (["--aio", "magic"], "found 'magic', expected 'threads' or 'io_uring'"),
        (["--socket", "/nowhere/s"], "/nowhere/s: No such file or directory"),
        (["--socket", "x" * 200], "found a path of 200 bytes, expected at most 107"),
        (["--export", "x" * 5000], "--export: found a name of 5000 bytes, expected at most 4096"),
        (["--port", "http"], "found 'http', expected a number from 0 to 65535"),
        (["--timeout", "-1"], "found '-1', expected a number of seconds, 0 or more"),
    ],
)
def test_what_it_does_not_do_is_said_and_nothing_is_served(
    aiovdi: Callable[..., Any], vdi: Path, words: list[str], why: str
) -> None:
    said = aiovdi("serve", vdi, *words)
    assert said.status == 1
    assert said.out == ""
    assert why in said.err


def test_what_is_no_image_is_named_and_nothing_is_served(aiovdi: Callable[..., Any], tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_bytes(b"x" * 1000)
    said = aiovdi("serve", path)
    assert (said.status, said.out) == (1, "")
    assert f"{path}: " in said.err
    assert "u32Signature at offset 64: found 0x78787878" in said.err


def test_a_client_that_is_silent_for_too_long_is_dropped(serve: Start, vdi: Path) -> None:
    process = serve(vdi, "--timeout", 0.01)
    with connect(socket_of(process)) as client:
        assert client.recv(1) == b""  # it says nothing, and waits for the server to go
    assert process.wait(20) == 0


def test_a_client_that_never_gets_through_the_handshake_is_dropped(serve: Start, vdi: Path) -> None:
    process = serve(vdi, "--persistent", "--handshake-limit", 0.01)
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(20)
        client.connect(str(socket_of(process)))
        assert client.recv(18, socket.MSG_WAITALL)[:16] == GREETING
        assert client.recv(1) == b""


def test_zeros_are_fast_where_the_file_can_have_holes(serve: Start, vdi: Path) -> None:
    path = socket_of(serve(vdi))
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(20)
        client.connect(str(path))
        client.recv(18, socket.MSG_WAITALL)
        client.sendall(b"\0\0\0\3" + b"IHAVEOPT" + b"\0\0\0\1" + bytes(4))
        flags = int.from_bytes(client.recv(10, socket.MSG_WAITALL)[8:], "big")
    assert bool(flags & 1 << 11) is can_punch_holes(vdi)  # NBD_FLAG_SEND_FAST_ZERO
