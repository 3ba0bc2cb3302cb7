"""The server as a whole: who is let in, who has to go, and an end that leaves nothing under way."""

import asyncio
from typing import Any

import pytest

from aiovdi.server import Limits, Offer, Server
from aiovdi.server.listening import tcp_sockets
from aiovdi.units import KiB, MiB


async def test_plain_text_on_an_address_that_others_can_reach_is_refused(export: Any) -> None:
    server = Server([Offer(export=export)])
    (listener,) = tcp_sockets("0.0.0.0", 0)
    with listener, pytest.raises(ValueError, match=r"plain text to 0\.0\.0\.0.*needs TLS"):
        await server.listen([listener])
    await server.close()


async def test_loopback_is_served_in_plain_text(export: Any) -> None:
    server = Server([Offer(export=export, name="a"), Offer(export=export, name="b")])
    (listener,) = tcp_sockets("127.0.0.1", 0)
    port = listener.getsockname()[1]
    await server.listen([listener])
    assert server.uris() == [f"nbd://127.0.0.1:{port}/a", f"nbd://127.0.0.1:{port}/b"]
    await server.close()


async def test_it_is_deserted_when_the_last_client_has_gone_and_not_before_one_came(
    serving: Any, export: Any, eventually: Any
) -> None:
    async with serving(export) as it:
        waiter = asyncio.create_task(it.server.deserted())
        looker = await it.connect()
        await looker.greet()
        await looker.option(2)
        await eventually(lambda: not it.server._connections)
        first, second = await it.client(), await it.client()
        await first.close()
        await eventually(lambda: len(it.server._connections) == 1)
        assert not waiter.done()
        await second.close()
        await waiter


async def test_the_end_waits_for_what_is_under_way_and_answers_it(serving: Any, export: Any, eventually: Any) -> None:
    export.gate.clear()
    async with serving(export) as it:
        client = await it.client()
        client.ask(client.WRITE, 0, data=b"x", cookie=1)
        await eventually(lambda: export.calls == ["write"])
        end = asyncio.create_task(it.server.close())
        await asyncio.sleep(0.01)
        assert not end.done()
        with pytest.raises(OSError, match=r"refused|No such file"):
            await it.connect()
        export.gate.set()
        assert (await client.reply()).cookie == 1
        assert await client.is_dropped()
        await end
    assert export.ended == ["write"]


async def test_a_client_that_does_not_take_its_answers_cannot_hold_up_the_end(
    serving: Any, export: Any, eventually: Any
) -> None:
    export.fill(bytes(4 * MiB))
    async with serving(export, limits=Limits(drain_seconds=0.05)) as it:
        deaf = await it.client()
        deaf.reader._transport.pause_reading()
        for _ in range(16):
            deaf.ask(deaf.READ, 0, 1 * MiB)
        await eventually(lambda: any(each.is_full for each in it.server._connections))
        await it.server.close()
        assert not it.server._connections


async def test_one_connection_too_many_is_closed_and_the_others_go_on(serving: Any, export: Any) -> None:
    async with serving(export, limits=Limits(connections_max=2)) as it:
        first, second = await it.client(), await it.client()
        third = await it.connect()
        await third.reader.read()
        assert it.server.counters.refused == 1
        for client in (first, second):
            assert (await client.whole(client.FLUSH)).error == 0


async def test_an_idle_client_is_dropped_where_a_limit_says_so_and_a_busy_one_is_not(
    serving: Any, export: Any, eventually: Any
) -> None:
    export.gate.clear()
    async with serving(export, limits=Limits(idle_seconds=0.05)) as it:
        idle, busy = await it.client(), await it.client()
        busy.ask(busy.WRITE, 0, data=b"x", cookie=1)
        assert await idle.is_dropped()
        export.gate.set()
        assert (await busy.reply()).cookie == 1


async def test_who_holds_memory_and_does_nothing_is_dropped_once_others_wait_for_it(
    serving: Any, export: Any, eventually: Any
) -> None:
    #  pool of 3 MiB
    #  t   deaf                                     other
    #  0   asks for 3 MiB, takes none of it
    #  1   holds up nobody: is left alone
    #  2                                            asks for 2 MiB: waits
    #  3   is dropped                               is answered
    export.is_cold = True
    limits = Limits(own_bytes=64 * KiB, pool_bytes=3 * MiB, stall_seconds=0.05)
    async with serving(export, limits=limits) as it:
        deaf, other = await it.client(), await it.client()
        deaf.reader._transport.pause_reading()
        deaf.ask(deaf.READ, 0, 3 * MiB)
        await eventually(lambda: any(each.is_full for each in it.server._connections))
        await asyncio.sleep(0.2)
        assert it.server.counters.refused == 0
        assert (await other.whole(other.READ, 0, 2 * MiB)).error == 0
        assert it.server.counters.refused == 1


async def test_payloads_that_never_come_take_no_more_memory_than_the_pool_has(
    serving: Any, export: Any, eventually: Any
) -> None:
    #  pool of 8 MiB
    #  t   twenty clients                              another one
    #  0   each announces 4 MiB and sends nothing
    #  1   two have memory, the others wait
    #  2                                               writes 3 MiB: waits
    #  3   those with memory are dropped, and so on    is answered
    limits = Limits(pool_bytes=8 * MiB, stall_seconds=0.05)
    async with serving(export, limits=limits) as it:
        pool = it.server._commons.pool
        stalled = [await it.client() for _ in range(20)]
        for client in stalled:
            client.writer.write(b"\x25\x60\x95\x13\0\0\0\1" + bytes(16) + (4 * MiB).to_bytes(4, "big"))
        await eventually(lambda: pool.is_short)
        assert pool.lent <= 8 * MiB
        modest, other = await it.client(), await it.client()
        assert (await modest.whole(modest.WRITE, 0, data=b"small")).error == 0
        assert (await other.whole(other.WRITE, 0, data=b"x" * (3 * MiB))).error == 0
        assert export.content[: 3 * MiB] == b"x" * (3 * MiB)
        await eventually(lambda: not pool.is_short)
        assert pool.lent <= 8 * MiB


async def test_five_hundred_connections_of_which_a_hundred_stall_are_served_in_bounded_memory(
    serving: Any, export: Any, eventually: Any
) -> None:
    export.fill(bytes(range(256)) * 256)
    async with serving(export) as it:
        clients = [await it.client() for _ in range(500)]
        stalled, lively = clients[:100], clients[100:]
        for client in stalled:  # half a header, or half of a payload
            client.writer.write(
                b"\x25\x60\x95\x13\0\0\0\1" + bytes(16) + (32 * KiB).to_bytes(4, "big") + bytes(16 * KiB)
            )
        for client in lively:
            for cookie in range(4):
                client.ask(client.READ, 4096 * cookie, 4096, cookie=cookie)
        for client in lively:
            for _ in range(4):
                reply = await client.reply(4096)
                assert reply.data == export.content[4096 * reply.cookie : 4096 * (reply.cookie + 1)]
        assert it.server._commons.pool.lent == 0
        assert it.server.counters.bytes_read == 400 * 4 * 4096
        assert "now: 500 clients, 0 requests under way" in it.server.lines()[0]
