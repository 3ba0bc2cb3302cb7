"""A request below is answered when somebody says so, in any order, and not before."""

import asyncio
from typing import Any

from aiovdi.nbd.client import ClientHandshake
from faults.foreign.quiescence import settle
from faults.foreign.upstream import Upstream
from faults.runs.workload import Request, payload

WRITE = Request("A0", "write", 512, 1024)
READ = Request("B0", "read", 0, 512)


async def test_a_held_request_has_no_answer_however_long_one_waits(ends: Any) -> None:
    ends.upstream.send(WRITE)
    await settle(ends.export, ends.upstream, turns=4)
    assert [(each.request.offset, each.request.payload) for each in ends.arrived] == [(512, payload(WRITE))]
    assert ends.upstream.answered == []


async def test_answers_come_in_the_order_in_which_they_are_given(ends: Any) -> None:
    ends.upstream.send(WRITE)
    ends.upstream.send(READ)
    await settle(ends.export, ends.upstream, turns=4)
    write, read = ends.arrived
    read.answer(0, b"x" * 512)
    await settle(ends.export, ends.upstream, turns=4)
    assert [(each.request, each.data) for each in ends.upstream.answered] == [(READ, b"x" * 512)]
    write.answer(5)
    await settle(ends.export, ends.upstream, turns=4)
    assert [(each.request, each.errno) for each in ends.upstream.answered[1:]] == [(WRITE, 5)]


async def test_what_the_protocol_refuses_never_reaches_who_holds(ends: Any) -> None:
    ends.upstream.send(Request("A0", "write", 1 << 20, 512))
    await settle(ends.export, ends.upstream, turns=4)
    assert ends.arrived == []
    assert ends.upstream.answered[0].errno


async def test_a_large_request_is_whole_before_anything_is_called_quiet(ends: Any) -> None:
    large = Request("A0", "write", 0, 1 << 20)
    ends.upstream.send(large)
    await settle(ends.export, ends.upstream, turns=4)
    assert [each.request.length for each in ends.arrived] == [1 << 20]


async def test_an_image_that_grows_takes_writes_past_its_end_up_to_its_room(ends: Any) -> None:
    ends.export.room = 2 << 20
    again = Upstream()
    await asyncio.get_running_loop().create_unix_connection(lambda: again, str(ends.socket))
    assert await again.negotiated() == 1 << 20
    for offset in (1 << 20, 2 << 20):
        again.send(Request("A0", "write", offset, 512))
    while not again.answered:  # noqa: ASYNC110 - with no driver between, a probe would be held as well
        await asyncio.sleep(0)
    assert [each.request.offset for each in ends.arrived] == [1 << 20]
    assert [each.request.offset for each in again.answered] == [2 << 20]
    again.close(politely=False)


async def test_extended_headers_are_not_offered(ends: Any) -> None:
    """QEMU 10.0 would take them, and send writes without the flag that says so."""
    reader, writer = await asyncio.open_unix_connection(str(ends.socket))
    handshake = ClientHandshake()
    events: list[Any] = []
    while not events:
        writer.write(handshake.take_output())
        events = handshake.receive(await reader.read(4096))
    assert not events[0].extended
    writer.close()
