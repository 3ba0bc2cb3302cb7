"""The handshake with its limits, TLS and what comes of a peer that breaks the rules."""

import asyncio
import ssl
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest.mock import Mock, call

import pytest

from aiovdi.server import Limits, Offer
from aiovdi.server.commons import Commons
from aiovdi.server.connection import Connection
from aiovdi.server.tls import server_context
from aiovdi.units import KiB, MiB
from tests.certificates import Papers

ACK, TLS_REQD = 1, 0x80000005


async def test_a_client_is_a_client_only_after_its_handshake(serving: Any, export: Any, eventually: Any) -> None:
    async with serving(export) as it:
        client = await it.connect()
        await eventually(lambda: it.server.counters.connections == 1)
        assert it.server.counters.clients == 0
        await client.shake()
        assert client.size == export.size
        assert it.server.counters.clients == 1


async def test_requests_that_come_with_the_handshake_are_answered(serving: Any, export: Any) -> None:
    async with serving(export) as it:
        client = await it.connect()
        await client.greet()
        client.writer.write(b"IHAVEOPT" + struct.pack(">IIIH", 7, 6, 0, 0))
        client.ask(client.WRITE, 0, data=b"early", cookie=3)
        assert [kind for kind, _ in [await read_option(client) for _ in range(2)]] == [3, ACK]
        assert (await client.reply()).cookie == 3
        assert export.content[:5] == b"early"


async def test_a_handshake_that_takes_too_long_is_ended(serving: Any, export: Any) -> None:
    async with serving(export, limits=Limits(handshake_seconds=0.05)) as it:
        quick = await it.client()
        slow = await it.connect()
        await slow.greet()
        assert await slow.is_dropped()
        assert it.server.counters.refused == 1
        assert (await quick.whole(quick.FLUSH)).error == 0


async def test_an_option_that_is_too_large_is_refused_and_the_next_one_is_heard(serving: Any, export: Any) -> None:
    async with serving(export) as it:
        client = await it.connect()
        await client.greet()
        ((kind, _),) = await client.option(3, bytes(1 * MiB))
        assert kind == 0x80000009
        await client.option(3)


async def test_an_option_that_nobody_can_mean_ends_the_connection(serving: Any, export: Any) -> None:
    async with serving(export) as it:
        client = await it.connect()
        await client.greet()
        client.writer.write(b"IHAVEOPT" + struct.pack(">II", 3, 0xFFFFFFFF))
        assert await client.is_dropped()
        assert it.server.counters.refused == 1


@pytest.mark.parametrize("garbage", [b"\0" * 4 + b"x" * 64, b"\xff" * 64], ids=["magic", "flags"])
async def test_garbage_in_the_handshake_ends_the_connection(serving: Any, export: Any, garbage: bytes) -> None:
    async with serving(export) as it:
        client = await it.connect()
        client.writer.write(garbage)
        assert (await client.reader.read())[:8] == b"NBDMAGIC"
        assert it.server.counters.refused == 1


async def test_abort_is_acknowledged_and_is_no_fault(serving: Any, export: Any) -> None:
    async with serving(export) as it:
        client = await it.connect()
        await client.greet()
        assert (await client.option(2))[-1][0] == ACK
        assert await client.is_dropped()
        assert it.server.counters.refused == 0


@pytest.mark.parametrize("how", ["end", "close", "drop"])
async def test_what_ends_before_it_has_a_transport_ends_as_soon_as_it_has_one(export: Any, how: str) -> None:
    connection = Connection(Commons.of([Offer(export=export)], Limits(), None), lambda _: None)
    getattr(connection, how)(*["because"] if how == "drop" else [])
    transport = Mock()
    connection.connection_made(transport)
    assert transport.mock_calls == [call.abort()]


# TLS


@pytest.fixture(scope="session")
def papers(peer: Callable[[str], str], tmp_path_factory: pytest.TempPathFactory) -> Papers:
    return Papers(peer("openssl"), tmp_path_factory.mktemp("tls"))


def own(papers: Papers, **authority: Path) -> ssl.SSLContext:
    return server_context(certificate=papers.server, key=papers.key(papers.server), **authority)


def theirs(papers: Papers, certificate: Path | None = None) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=str(papers.authority))
    if certificate is not None:
        context.load_cert_chain(certificate, papers.key(certificate))
    return context


async def upgraded(it: Any, context: ssl.SSLContext) -> Any:
    client = await it.connect()
    await client.greet()
    assert await client.option(5) == [(ACK, b"")]
    await client.writer.start_tls(context, server_hostname="localhost")
    return client


async def enter(client: Any) -> None:
    assert (await client.option(7, bytes(6)))[-1][0] == ACK


async def test_over_tls_everything_works_also_what_is_long(serving: Any, export: Any, papers: Papers) -> None:
    data = bytes(range(256)) * (8 * KiB)
    async with serving(export, context=own(papers)) as it:
        client = await upgraded(it, theirs(papers))
        await enter(client)
        assert (await client.whole(client.WRITE, 512, data=data)).error == 0
        assert (await client.whole(client.READ, 512, len(data))).data == data
        for cookie in range(200):
            client.ask(client.READ, 512, 32 * KiB, cookie=cookie)
        replies = [await client.reply(32 * KiB) for _ in range(200)]
        assert all(reply.data == data[: 32 * KiB] for reply in replies)


async def test_plain_text_is_answered_with_a_demand_for_tls(serving: Any, export: Any, papers: Papers) -> None:
    async with serving(export, context=own(papers)) as it:
        client = await it.connect()
        await client.greet()
        assert [kind for kind, _ in await client.option(7, bytes(6))] == [TLS_REQD]
        assert [kind for kind, _ in await client.option(3)] == [TLS_REQD]


@pytest.mark.parametrize("who", ["nobody", "elsewhere"])
async def test_a_client_that_the_authority_does_not_know_is_refused(
    serving: Any, export: Any, papers: Papers, who: str
) -> None:
    context = theirs(papers, None if who == "nobody" else papers.elsewhere)
    async with serving(export, context=own(papers, authority=papers.authority)) as it:
        with pytest.raises((ssl.SSLError, ConnectionError, asyncio.IncompleteReadError)):
            await enter(await upgraded(it, context))
        assert it.server.counters.clients == 0
        known = await upgraded(it, theirs(papers, papers.client))
        await enter(known)
        assert (await known.whole(known.FLUSH)).error == 0


async def test_plain_text_behind_starttls_ends_the_connection(serving: Any, export: Any, papers: Papers) -> None:
    async with serving(export, context=own(papers)) as it:
        client = await it.connect()
        await client.greet()
        client.writer.write(b"IHAVEOPT" + struct.pack(">II", 5, 0) + b"IHAVEOPT" + struct.pack(">II", 3, 0))
        await client.reader.read()
        assert it.server.counters.refused == 1
        assert it.server.counters.clients == 0


async def test_a_client_that_never_begins_tls_is_dropped(serving: Any, export: Any, papers: Papers) -> None:
    async with serving(export, context=own(papers), limits=Limits(handshake_seconds=0.05)) as it:
        client = await it.connect()
        await client.greet()
        assert await client.option(5) == [(ACK, b"")]
        assert await client.is_dropped()


async def read_option(client: Any) -> tuple[int, bytes]:
    _, _, kind, length = struct.unpack(">QIII", await client.reader.readexactly(20))
    return kind, await client.reader.readexactly(length)
