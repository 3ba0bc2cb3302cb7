"""A request below is answered when somebody says so, in any order, and not before."""

from typing import Any

from faults.foreign.quiescence import settle
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
