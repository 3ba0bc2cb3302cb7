"""The server as a whole: who is let in, who has to go, and an end that leaves nothing under way."""

import asyncio
import socket
from contextlib import suppress
from typing import Any
from unittest.mock import Mock

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


async def test_two_ends_at_once_are_one(serving: Any, export: Any, eventually: Any) -> None:
    export.gate.clear()
    async with serving(export) as it:
        client = await it.client()
        client.ask(client.WRITE, 0, data=b"x", cookie=1)
        await eventually(lambda: export.calls == ["write"])
        ends = [asyncio.create_task(it.server.close()) for _ in range(2)]
        await asyncio.sleep(0.01)
        assert not any(end.done() for end in ends)
        export.gate.set()
        assert (await client.reply()).cookie == 1
        done, _ = await asyncio.wait(ends, timeout=20)
        assert done == set(ends)


@pytest.mark.parametrize("whom", ["the caller", "every task but the requests"])
async def test_an_end_that_is_cancelled_still_waits_for_what_is_under_way(
    serving: Any, export: Any, eventually: Any, whom: str
) -> None:
    #  t   client           closer                    export
    #  0   WRITE                                      waits at the gate
    #  1                    closes
    #  2                    is cancelled: waits on
    #  3                                              the gate opens: the write ends
    #  4                    has ended, cancelled
    export.gate.clear()
    async with serving(export, limits=Limits(drain_seconds=0.01)) as it:
        client = await it.client()
        client.ask(client.WRITE, 0, data=b"x")
        await eventually(lambda: export.calls == ["write"])
        spared = {asyncio.current_task(), *it.server._commons.under_way._tasks}
        end = asyncio.create_task(it.server.close())
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        for task in [end] if whom == "the caller" else asyncio.all_tasks() - spared:
            task.cancel()
        await eventually(lambda: not it.server._connections)  # the drain has ended; the request has not
        await asyncio.sleep(0.01)
        assert not end.done()
        export.gate.set()
        with pytest.raises(asyncio.CancelledError):
            await end
        assert export.ended == ["write"]
        await it.server.close()


@pytest.mark.parametrize("turns", [0, 2, 3, 4, 5])
async def test_a_connection_that_comes_with_the_end_is_not_served(export: Any, turns: int) -> None:
    #  turns of the loop from connect to close; after the first there is a socket and no protocol: see the next test
    server = Server([Offer(export=export)], limits=Limits(drain_seconds=None))
    (listener,) = tcp_sockets("127.0.0.1", 0)
    await server.listen([listener])
    with socket.create_connection(listener.getsockname()) as client:
        for _ in range(turns):
            await asyncio.sleep(0)
        async with asyncio.timeout(20):
            await server.close()
        assert not server._connections
        for _ in range(5):
            await asyncio.sleep(0)
        assert not server._connections
        client.settimeout(20)
        with suppress(ConnectionResetError):
            while await asyncio.to_thread(client.recv, 100):  # the greeting, perhaps, and then the end
                pass


async def test_what_asks_for_a_protocol_after_the_end_has_begun_cannot_hold_it_up(
    serving: Any, export: Any, eventually: Any
) -> None:
    #  t   asyncio                                  server
    #  0   accepts a socket
    #  1                                            begins to close
    #  2   makes its protocol
    #  3   sees that nobody listens, gives up on
    #      it, and tells the protocol nothing
    #  4                                            closes all the same
    export.gate.clear()
    async with serving(export) as it:
        client = await it.client()
        client.ask(client.WRITE, 0, data=b"x")
        await eventually(lambda: export.calls == ["write"])
        end = asyncio.create_task(it.server.close())
        await asyncio.sleep(0.01)
        late = it.server._connection()
        export.gate.set()
        await end
        transport = Mock()
        late.connection_made(transport)
        transport.abort.assert_called_once_with()
        transport.write.assert_not_called()


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
