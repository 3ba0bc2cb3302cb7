"""A client's requests: admitted, begun, answered in any order, and never cancelled half-way."""

import asyncio
import errno
import gc
import weakref
from typing import Any

import pytest

from aiovdi.server import Limits
from aiovdi.units import KiB, MiB

EIO, EINVAL, ENOSPC, EPERM = 5, 22, 28, 1


async def test_what_was_written_is_read_back(serving: Any, export: Any) -> None:
    async with serving(export) as it:
        client = await it.client()
        data = bytes(range(256)) * 16
        assert await client.whole(client.WRITE, 8192, data=data) == (7, 0, b"", 0, 0)
        assert (await client.whole(client.READ, 8192, len(data))).data == data
        assert (await client.whole(client.READ, 8190, 4)).data == b"\0\0" + data[:2]
        assert (await client.whole(client.FLUSH)).error == 0
        assert export.content[8192 : 8192 + len(data)] == data


async def test_requests_of_one_packet_are_all_answered_also_beyond_one_turn(serving: Any, export: Any) -> None:
    export.fill(bytes(range(256)) * 1024)
    async with serving(export) as it:
        client = await it.client()
        for cookie in range(200):  # 200 x 4 KiB: more than three turns
            client.ask(client.READ, cookie * 16, 4 * KiB, cookie=cookie)
        replies = [await client.reply(4 * KiB) for _ in range(200)]
        assert {reply.cookie for reply in replies} == set(range(200))
        for reply in replies:
            start = reply.cookie * 16
            assert reply.data == export.content[start : start + 4 * KiB]


@pytest.mark.parametrize("length", [1, 64 * KiB, 64 * KiB + 1, 256 * KiB, 1 * MiB, 1 * MiB + 1, 3 * MiB])
@pytest.mark.parametrize("is_cold", [False, True])
async def test_a_read_of_any_length_is_right(serving: Any, export: Any, length: int, is_cold: bool) -> None:
    export.fill(bytes(range(251)) * (length // 251 + 1))
    export.is_cold = is_cold
    async with serving(export) as it:
        client = await it.client()
        client.ask(client.READ, 0, length, cookie=1)
        client.ask(client.READ, 1, 1, cookie=2)
        replies = {}
        for _ in range(2):
            (head,) = [await client.reader.readexactly(16)]
            cookie = head[-1]
            replies[cookie] = await client.reader.readexactly(length if cookie == 1 else 1)
        assert replies == {1: export.content[:length], 2: export.content[1:2]}


async def test_replies_come_as_requests_end_and_not_as_they_were_asked(serving: Any, export: Any) -> None:
    #  t   client                 export
    #  0   READ (1), cold         waits at the gate
    #  1   READ (2), cached       answered at once
    #  2                          the gate opens: answered
    export.fill(b"x" * 65536)
    export.gate.clear()
    async with serving(export) as it:
        client = await it.client()
        client.ask(client.READ, 1 * MiB, 512, cookie=1)
        client.ask(client.READ, 0, 512, cookie=2)
        assert await client.reply(512) == (2, 0, b"x" * 512, 0, 0)
        export.gate.set()
        assert await client.reply(512) == (1, 0, bytes(512), 0, 0)


async def test_a_client_that_goes_leaves_no_write_half_way(serving: Any, export: Any, eventually: Any) -> None:
    #  t   client           export
    #  0   WRITE            waits at the gate
    #  1   is gone
    #  2                    the gate opens: the write ends as if nothing had happened
    export.gate.clear()
    async with serving(export) as it:
        client = await it.client()
        client.ask(client.WRITE, 0, data=b"x" * 4096)
        await eventually(lambda: export.calls == ["write"])
        client.writer.transport.abort()
        await eventually(lambda: all(each.session._is_ending for each in it.server._connections))
        assert export.ended == []
        export.gate.set()
        await it.server.close()
    assert export.ended == ["write"]
    assert export.content[:4096] == b"x" * 4096


async def test_every_error_of_the_disk_has_its_number_on_the_wire(serving: Any, export: Any) -> None:
    async with serving(export) as it:
        client = await it.client()
        for number, expected in [(errno.EIO, EIO), (errno.ENOSPC, ENOSPC), (errno.EFBIG, ENOSPC), (errno.EROFS, EPERM)]:
            export.fail(number)
            assert (await client.whole(client.WRITE, 0, data=b"x")).error == expected
            assert (await client.whole(client.FLUSH)).error == expected
        export.failure = None
        assert (await client.whole(client.WRITE, 0, data=b"x")).error == 0
        assert it.server.counters.errors == 8


async def test_a_bug_in_the_disk_is_an_error_of_that_request_and_is_told_to_the_loop(serving: Any, export: Any) -> None:
    told: list[Any] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: told.append(context["exception"]))
    async with serving(export) as it:
        client = await it.client()
        export.failure = KeyError("secret")
        assert (await client.whole(client.WRITE, 0, data=b"x")).error == EIO
        assert told == [export.failure]
        export.failure = None
        assert (await client.whole(client.WRITE, 0, data=b"x")).error == 0


async def test_what_the_protocol_refuses_never_reaches_the_disk(serving: Any, export: Any) -> None:
    async with serving(export, read_only=True) as it:
        client = await it.client()
        assert (await client.whole(client.WRITE, 0, data=b"x")).error == EPERM
        assert (await client.whole(client.ZEROES, 0, 512)).error == EPERM
        assert (await client.whole(client.READ, export.size, 1)).error == EINVAL
        assert (await client.whole(99, 0, 1)).error == EINVAL
        assert export.calls == []


async def test_no_more_requests_are_under_way_than_the_limit_says(serving: Any, export: Any, eventually: Any) -> None:
    export.gate.clear()
    async with serving(export, limits=Limits(requests_max=3)) as it:
        client = await it.client()
        for cookie in range(10):
            client.ask(client.WRITE, cookie * 512, data=b"x" * 512, cookie=cookie)
        await eventually(lambda: len(export.calls) == 3)
        other = await it.client()
        export.fill(b"y" * 65536, 1 * MiB)
        assert (await other.whole(other.READ, 1 * MiB, 1)).data == b"y"
        assert len(export.calls) == 3
        export.gate.set()
        assert {(await client.reply()).cookie for _ in range(10)} == set(range(10))


async def test_a_request_waits_for_memory_and_gets_it(serving: Any, export: Any, eventually: Any) -> None:
    #  pool of 2 MiB, nothing of one's own
    #  t   A: WRITE 1.5 MiB      B: WRITE 1 MiB               C: WRITE 512 bytes
    #  0   is under way
    #  1                         waits for memory             waits behind B
    #  2   ends                  begins                       begins
    export.gate.clear()
    async with serving(export, limits=Limits(own_bytes=0, pool_bytes=2 * MiB)) as it:
        pool = it.server._commons.pool
        a, b, c = [await it.client() for _ in range(3)]
        a.ask(a.WRITE, 0, data=bytes(3 * MiB // 2))
        await eventually(lambda: pool.lent == 3 * MiB // 2)
        b.ask(b.WRITE, 0, data=bytes(1 * MiB))
        await eventually(lambda: pool.is_short)
        c.ask(c.WRITE, 0, data=bytes(512))
        await eventually(lambda: len(pool._waiting) == 2)
        assert len(export.calls) == 1
        export.gate.set()
        for client in (a, b, c):
            assert (await client.reply()).error == 0
        await eventually(lambda: pool.lent == 0)


async def test_small_requests_go_on_while_the_pool_is_empty(serving: Any, export: Any, eventually: Any) -> None:
    export.gate.clear()
    async with serving(export, limits=Limits(own_bytes=64 * KiB, pool_bytes=1 * MiB)) as it:
        greedy, modest = await it.client(), await it.client()
        for _ in range(3):
            greedy.ask(greedy.WRITE, 0, data=bytes(1 * MiB))
        await eventually(lambda: it.server._commons.pool.is_short)
        modest.ask(modest.WRITE, 0, data=b"x" * (64 * KiB))
        await eventually(lambda: len(export.calls) == 2)
        export.gate.set()
        assert (await modest.reply()).error == 0


async def test_a_client_that_does_not_read_its_replies_is_not_read_from(
    serving: Any, export: Any, eventually: Any
) -> None:
    export.fill(bytes(4 * MiB))
    async with serving(export) as it:
        deaf, other = await it.client(), await it.client()
        deaf.reader._transport.pause_reading()
        ask = 400
        for cookie in range(ask):  # 100 MiB of replies
            deaf.ask(deaf.READ, 0, 256 * KiB, cookie=cookie)
        await eventually(lambda: any(each.is_full for each in it.server._connections))
        (connection,) = [each for each in it.server._connections if each.is_full]
        await asyncio.sleep(0.05)
        assert it.server.counters.bytes_read < 8 * MiB
        assert connection._transport.get_write_buffer_size() <= 256 * KiB + 64
        assert (await other.whole(other.READ, 0, 512)).error == 0
        deaf.reader._transport.resume_reading()
        cookies = {(await deaf.reply(256 * KiB)).cookie for _ in range(ask)}
        assert cookies == set(range(ask))


async def test_after_disc_what_is_under_way_is_answered_and_then_comes_the_end(
    serving: Any, export: Any, eventually: Any
) -> None:
    export.gate.clear()
    async with serving(export) as it:
        client = await it.client()
        client.ask(client.WRITE, 0, data=b"x", cookie=5)
        client.ask(client.DISC)
        await eventually(lambda: export.calls == ["write"])
        export.gate.set()
        assert (await client.reply()).cookie == 5
        assert await client.is_dropped()


async def test_a_half_open_socket_still_gets_its_answers(serving: Any, export: Any) -> None:
    async with serving(export) as it:
        client = await it.client()
        client.ask(client.WRITE, 0, data=b"x", cookie=5)
        client.writer.write_eof()
        assert (await client.reply()).cookie == 5
        assert await client.is_dropped()


async def test_bad_magic_ends_the_connection_and_no_other(serving: Any, export: Any) -> None:
    async with serving(export) as it:
        client, other = await it.client(), await it.client()
        client.writer.write(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert await client.is_dropped()
        assert it.server.counters.refused == 1
        assert (await other.whole(other.FLUSH)).error == 0


async def test_the_memory_of_a_client_that_has_gone_does_not_wait_for_the_garbage_collector(
    serving: Any, export: Any, eventually: Any
) -> None:
    async with serving(export) as it:
        client = await it.client()
        client.ask(client.WRITE, 0, 4 * MiB)  # and nothing of its data
        await eventually(lambda: it.server._commons.pool.lent > 0)
        (connection,) = it.server._connections
        parser = weakref.ref(connection.session._parser)
        del connection
        gc.disable()
        try:
            client.writer.transport.abort()
            await eventually(lambda: parser() is None)
        finally:
            gc.enable()
        assert it.server._commons.pool.lent == 0


async def test_a_write_that_can_begin_at_once_is_answered_when_it_has_ended(
    serving: Any, export: Any, eventually: Any
) -> None:
    export.begins = True
    async with serving(export) as it:
        client = await it.client()
        for cookie in (1, 2):
            client.ask(client.WRITE, 512 * cookie, 3, data=b"abc", cookie=cookie)
        await eventually(lambda: len(export.begun) == 2)
        (_, _, first), (data, offset, second) = export.begun
        assert (bytes(data), offset) == (b"abc", 1024)
        second(True)
        assert (await client.reply()).cookie == 2
        first(True)
        assert (await client.reply()).cookie == 1
        assert not export.calls


async def test_where_nothing_is_known_of_a_begun_write_it_is_written_again(
    serving: Any, export: Any, eventually: Any
) -> None:
    export.begins = True
    async with serving(export) as it:
        client = await it.client()
        client.ask(client.WRITE, 512, 3, data=b"abc", cookie=1)
        client.ask(client.WRITE, 1024, 3, data=b"def", cookie=2)
        await eventually(lambda: len(export.begun) == 2)
        (_, _, first), (_, _, second) = export.begun
        first(False)
        assert (await client.reply())[:2] == (1, 0)
        assert export.content[512:515] == b"abc"
        export.fail()
        second(False)
        assert (await client.reply())[:2] == (2, EIO)


async def test_only_a_plain_write_is_begun(serving: Any, export: Any) -> None:
    export.begins = True
    async with serving(export) as it:
        client = await it.client()
        assert (await client.whole(client.WRITE, 512, data=b"abc", flags=client.FUA)).error == 0
        assert not export.begun
        assert export.calls == ["write fua"]


async def test_the_end_of_the_server_waits_for_a_begun_write_of_a_client_that_is_gone(
    serving: Any, export: Any, eventually: Any
) -> None:
    #  t   client           server         export
    #  0   WRITE            begins it
    #  1   is gone
    #  2                    closes, waits
    #  3                                   the write ends
    export.begins = True
    async with serving(export) as it:
        client = await it.client()
        client.ask(client.WRITE, 512, 3, data=b"abc")
        await eventually(lambda: export.begun)
        client.writer.transport.abort()
        await eventually(lambda: all(each.session._is_ending for each in it.server._connections))
        closing = asyncio.create_task(it.server.close())
        await asyncio.sleep(0.01)
        assert not closing.done()
        export.begun[0][2](True)
        await closing


@pytest.mark.parametrize("when", ["before its first step", "at the disk"])
async def test_a_request_that_is_cancelled_costs_its_client_the_connection_and_nobody_else_anything(
    serving: Any, export: Any, eventually: Any, when: str
) -> None:
    #  t   client           somebody                  server
    #  0   WRITE
    #  1                    cancels all tasks
    #  2   is dropped                                 has its memory back, and can close
    async with serving(export, limits=Limits(own_bytes=0)) as it:
        under_way, pool = it.server._commons.under_way, it.server._commons.pool
        client, other = await it.client(), await it.client()
        if when == "at the disk":
            export.gate.clear()
            client.ask(client.WRITE, 0, data=b"x" * (128 * KiB))
            await eventually(lambda: export.calls == ["write"])
            (task,) = under_way._tasks
            task.cancel()
        else:
            keep = under_way.keep
            under_way.keep = lambda task: (keep(task), task.cancel())
            client.ask(client.WRITE, 0, data=b"x" * (128 * KiB))
        assert await client.is_dropped()
        assert export.ended == []
        assert (under_way.count, pool.lent) == (0, 0)
        export.gate.set()
        under_way.keep = type(under_way).keep.__get__(under_way)
        assert (await other.whole(other.FLUSH)).error == 0
        await it.server.close()


async def test_nothing_more_is_begun_for_a_client_of_which_a_request_was_cancelled(
    serving: Any, export: Any, eventually: Any
) -> None:
    export.gate.clear()
    async with serving(export, limits=Limits(requests_max=1)) as it:
        client = await it.client()
        client.ask(client.WRITE, 0, data=b"x")
        client.ask(client.WRITE, 1, data=b"y")
        await eventually(lambda: export.calls == ["write"])
        (task,) = it.server._commons.under_way._tasks
        task.cancel()
        assert await client.is_dropped()
        assert export.calls == ["write"]


async def test_a_request_without_a_reply_is_told_to_the_loop_and_ends_the_connection(
    serving: Any, export: Any, eventually: Any
) -> None:
    told: list[Any] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: told.append(context["exception"]))
    unspeakable = RuntimeError("no words for it")

    def refusal(*_: object) -> bytes:
        raise unspeakable

    async with serving(export) as it:
        client = await it.client()
        (connection,) = it.server._connections
        connection.session._service.refusal = refusal
        export.fail()
        client.ask(client.WRITE, 0, data=b"x")
        assert await client.is_dropped()
        assert told == [unspeakable]
        assert it.server._commons.under_way.count == 0


@pytest.mark.parametrize("has_to_wait", [False, True])
async def test_a_payload_for_which_there_is_no_memory_leaves_nothing_lent(
    serving: Any, export: Any, eventually: Any, has_to_wait: bool
) -> None:
    #  pool of 1 MiB
    #  t   first                    second                      system
    #  0   WRITE 1 MiB, no data
    #  1                            WRITE 1 MiB: waits for it
    #  2                                                        has no memory any more
    #  3   is gone                  its turn: is dropped
    def take(length: int) -> bytearray:
        raise MemoryError

    async with serving(export, limits=Limits(own_bytes=0, pool_bytes=1 * MiB)) as it:
        pool = it.server._commons.pool
        first, second = await it.client(), await it.client()
        if has_to_wait:
            first.ask(first.WRITE, 0, 1 * MiB)
            await eventually(lambda: pool.lent == 1 * MiB)
            second.ask(second.WRITE, 0, 1 * MiB)
            await eventually(lambda: pool.is_short)
            it.server._commons.payloads.take = take
            first.writer.transport.abort()
        else:
            it.server._commons.payloads.take = take
            second.ask(second.WRITE, 0, 1 * MiB)
        assert await second.is_dropped()
        await eventually(lambda: pool.lent == 0)
        assert it.server.counters.refused == 1
