"""One connection: answers in any order, a server that hangs up or lies, TLS, and what is sent in one piece."""

import asyncio
import errno
import shutil
import ssl
import subprocess
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from aiovdi.nbd.handshake import ServerHandshake
from aiovdi.nbd.terms import ExportInfo
from aiovdi.nbd.wire import Command, ErrorCode
from aiovdi.storage.nbd_connection import Connection, connect
from aiovdi.storage.nbd_uri import Address, parse
from tests.storage.exporting import Exporter

CONTENT = bytes(range(256)) * 1024


@pytest.fixture
async def exporter(tmp_path: Path) -> AsyncIterator[Exporter]:
    async with Exporter(tmp_path / "sock", CONTENT) as running:
        yield running


@pytest.fixture
async def connection(exporter: Exporter) -> AsyncIterator[Connection]:
    made = await connect(parse(exporter.uri), name="the disk", context=None)
    yield made
    exporter.release()
    await made.close()


async def turns(count: int = 20) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


def read(connection: Connection, offset: int, length: int = 512) -> tuple[bytearray, asyncio.Future[None]]:
    memory = bytearray(length)
    return memory, connection.request(Command.READ, offset=offset, length=length, buffer=memoryview(memory))


async def test_answers_may_come_in_another_order(connection: Connection, exporter: Exporter) -> None:
    exporter.holding = True
    reads = [read(connection, offset) for offset in (1, 5000, 300)]
    for _ in reads:
        await exporter.arrived.acquire()
    exporter.release()
    await asyncio.wait([future for _, future in reads])
    assert [bytes(memory[:1]) for memory, _ in reads] == [b"\x01", b"\x88", b"\x2c"]
    assert [request.offset for request in exporter.log] == [300, 5000, 1]


class Spy:
    """A transport that notes how long each piece is."""

    def __init__(self, transport: Any) -> None:
        self._transport = transport
        self.sent: list[int] = []

    def write(self, data: bytes) -> None:
        self.sent.append(len(data))
        self._transport.write(data)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)


async def test_what_is_asked_in_one_turn_is_sent_in_one_piece(connection: Connection) -> None:
    connection._transport = spy = Spy(connection._transport)  # type: ignore[assignment]
    long = memoryview(bytes(100_000))
    futures = [read(connection, 512)[1] for _ in range(8)]
    futures.append(connection.request(Command.WRITE, length=100_000, data=long))
    futures.append(connection.request(Command.WRITE, length=3, data=memoryview(b"abc")))
    await asyncio.wait(futures)
    assert spy.sent == [9 * 28, 100_000, 31]


async def test_an_error_of_the_server_is_an_oserror_with_its_text(connection: Connection, exporter: Exporter) -> None:
    exporter.refuse[Command.FLUSH] = ErrorCode.ENOSPC
    with pytest.raises(OSError, match="the disk: the test wants it so") as caught:
        await connection.request(Command.FLUSH)
    assert caught.value.errno == errno.ENOSPC
    _, future = read(connection, 0)
    await future


async def test_a_lost_connection_fails_what_is_under_way_and_all_that_follows(
    connection: Connection, exporter: Exporter
) -> None:
    exporter.holding = True
    _, reading = read(connection, 0)
    writing = connection.request(Command.WRITE, length=3, data=memoryview(b"abc"))
    await turns()
    exporter.hang_up()
    for future in (reading, writing):
        with pytest.raises(ConnectionResetError, match="the connection was lost"):
            await future
    for _ in range(2):
        with pytest.raises(ConnectionResetError, match="the disk: the connection was lost"):
            read(connection, 0)
    await connection.close()


@pytest.mark.parametrize("raw", [b"\0" * 64, b"\x66\x8e\x33\xef\0\1\0\0" + bytes(12)])
async def test_a_server_that_breaks_the_protocol_is_dropped(
    connection: Connection, exporter: Exporter, raw: bytes
) -> None:
    exporter.raw = raw
    _, future = read(connection, 0)
    with pytest.raises(OSError, match="the server breaks the NBD protocol") as caught:
        await future
    assert caught.value.errno == errno.EPROTO
    with pytest.raises(OSError, match="the server breaks the NBD protocol"):
        read(connection, 0)
    await exporter.connections[0].lost.wait()


async def test_a_server_that_shuts_down_is_asked_no_more(connection: Connection, exporter: Exporter) -> None:
    exporter.refuse[Command.FLUSH] = ErrorCode.ESHUTDOWN
    with pytest.raises(OSError, match="wants it so"):
        await connection.request(Command.FLUSH)
    with pytest.raises(OSError, match="shutting down") as caught:
        read(connection, 0)
    assert caught.value.errno == errno.ESHUTDOWN


async def test_close_waits_for_the_last_answer_and_says_disc(connection: Connection, exporter: Exporter) -> None:
    exporter.holding = True
    _, future = read(connection, 0)
    closing = asyncio.create_task(connection.close())
    await turns()
    assert not closing.done()
    exporter.release()
    await closing
    assert future.done()
    await exporter.connections[0].lost.wait()
    parser = exporter.connections[0].parser
    assert parser is not None
    assert parser.ended is not None
    assert type(parser.ended).__name__ == "Disconnect"


@pytest.mark.parametrize(
    ("export", "number", "why"), [("nothing", errno.ENOENT, "ERR_UNKNOWN"), ("n" * 4096, errno.ENOENT, "ERR_UNKNOWN")]
)
async def test_an_export_that_is_not_there_is_enoent(exporter: Exporter, export: str, number: int, why: str) -> None:
    address = Address(export=export, path=str(exporter.path))
    with pytest.raises(OSError, match=why) as caught:
        await connect(address, name="the disk", context=None)
    assert caught.value.errno == number


async def test_a_server_that_hangs_up_in_the_handshake_is_reported(tmp_path: Path) -> None:
    async def hang_up(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()
        await writer.wait_closed()

    async with await asyncio.start_unix_server(hang_up, tmp_path / "sock"):
        with pytest.raises(ConnectionResetError, match="hung up"):
            await connect(Address(export="x", path=str(tmp_path / "sock")), name="the disk", context=None)


async def test_something_else_than_nbd_is_reported(tmp_path: Path) -> None:
    async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mail.example.com ESMTP\r\n")
        await reader.read()
        writer.close()
        await writer.wait_closed()

    async with await asyncio.start_unix_server(greet, tmp_path / "sock"):
        with pytest.raises(OSError, match="not newstyle NBD") as caught:
            await connect(Address(export="x", path=str(tmp_path / "sock")), name="the disk", context=None)
    assert caught.value.errno == errno.EPROTO


async def test_a_server_that_answers_before_it_was_asked_is_dropped(tmp_path: Path) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        handshake = ServerHandshake({"disk": ExportInfo(name="disk", size=512)})
        writer.write(handshake.take_output())
        while not handshake.receive(await reader.read(1000)):
            writer.write(handshake.take_output())
        writer.write(handshake.take_output() + b"\x67")
        await reader.read()
        writer.close()

    async with await asyncio.start_unix_server(serve, tmp_path / "sock"):
        connection = await connect(Address(export="disk", path=str(tmp_path / "sock")), name="the disk", context=None)
        with pytest.raises(OSError, match="before it was asked"):
            read(connection, 0)
        await connection.close()


async def test_where_nobody_listens_there_is_no_connection(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        await connect(Address(export="x", path=str(tmp_path / "sock")), name="the disk", context=None)


async def test_a_cancelled_connect_leaves_no_connection(tmp_path: Path) -> None:
    left = asyncio.Event()

    async def say_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()
        left.set()

    async with await asyncio.start_unix_server(say_nothing, tmp_path / "sock"):
        connecting = asyncio.create_task(
            connect(Address(export="x", path=str(tmp_path / "sock")), name="the disk", context=None)
        )
        await turns(50)
        connecting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await connecting
        await left.wait()


# TLS


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory, peer: Callable[[str], str]) -> Path:
    """A folder as libnbd wants it: a certificate for localhost, which is its own authority."""
    folder = tmp_path_factory.mktemp("pki")
    names = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
    files = ["-keyout", folder / "server-key.pem", "-out", folder / "ca-cert.pem"]
    kind = ["-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"]
    subprocess.run([peer("openssl"), "req", *kind, *names, *files], check=True, capture_output=True)
    shutil.copy(folder / "ca-cert.pem", folder / "server-cert.pem")
    return folder


@pytest.fixture
async def encrypted(tmp_path: Path, certificates: Path) -> AsyncIterator[Exporter]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificates / "ca-cert.pem", certificates / "server-key.pem")
    async with Exporter(tmp_path / "tls", CONTENT, context=context) as running:
        yield running


async def test_tls_carries_the_same(encrypted: Exporter, certificates: Path) -> None:
    address = parse(f"nbds+unix:///disk?socket={encrypted.path}&tls-certificates={certificates}")
    connection = await connect(address, name="the disk", context=address.ssl_context())
    assert connection.terms.tls
    memory, future = read(connection, 256, 200_000)
    await future
    assert memory == CONTENT[256:][:200_000]
    await connection.close()


async def test_a_server_that_wants_tls_tells_who_comes_without(encrypted: Exporter) -> None:
    with pytest.raises(PermissionError, match="ERR_TLS_REQD"):
        await connect(Address(export="disk", path=str(encrypted.path)), name="the disk", context=None)


async def test_who_wants_tls_does_not_go_on_without(exporter: Exporter, certificates: Path) -> None:
    address = Address(export="disk", path=str(exporter.path), tls=True, certificates=certificates)
    with pytest.raises(PermissionError, match="ERR_POLICY"):
        await connect(address, name="the disk", context=address.ssl_context())


async def test_the_certificate_of_another_host_is_refused(encrypted: Exporter, certificates: Path) -> None:
    address = Address(
        export="disk", path=str(encrypted.path), tls=True, certificates=certificates, hostname="example.com"
    )
    with pytest.raises(PermissionError, match=r"the disk: the server's certificate: .*example"):
        await connect(address, name="the disk", context=address.ssl_context())


async def test_a_server_may_want_to_know_who_comes(tmp_path: Path, certificates: Path) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificates / "ca-cert.pem", certificates / "server-key.pem")
    context.load_verify_locations(certificates / "ca-cert.pem")
    context.verify_mode = ssl.CERT_REQUIRED
    known = tmp_path / "known"
    known.mkdir()
    for file, name in [("ca-cert", "ca-cert"), ("ca-cert", "client-cert"), ("server-key", "client-key")]:
        shutil.copy(certificates / f"{file}.pem", known / f"{name}.pem")
    async with Exporter(tmp_path / "tls", CONTENT, context=context) as strict:
        stranger = parse(f"nbds+unix:///disk?socket={strict.path}&tls-certificates={certificates}")
        with pytest.raises(OSError):  # which one is a matter of TLS's version
            await connect(stranger, name="the disk", context=stranger.ssl_context())
        guest = parse(f"nbds+unix:///disk?socket={strict.path}&tls-certificates={known}")
        connection = await connect(guest, name="the disk", context=guest.ssl_context())
        await connection.close()


async def test_tls_with_nbdkit(tmp_path: Path, certificates: Path, peer: Callable[[str], str]) -> None:
    options = ["--tls=require", f"--tls-certificates={certificates}", "--filter=exitlast"]
    serve = [peer("nbdkit"), "--unix", tmp_path / "sock", "--pidfile", tmp_path / "pid", *options, "memory", "1M"]
    await asyncio.to_thread(subprocess.run, serve, check=True)
    address = parse(f"nbds+unix:///?socket={tmp_path}/sock&tls-certificates={certificates}")
    connection = await connect(address, name="the disk", context=address.ssl_context())
    await connection.request(Command.WRITE, offset=5, length=100_000, data=memoryview(b"x" * 100_000))
    memory, future = read(connection, 0, 100_006)
    await future
    assert memory == bytes(5) + b"x" * 100_000 + b"\0"
    await connection.close()
