"""The clients' side: every kind of request, probes that nobody hears of, and a driver that hangs up."""

from typing import Any

import pytest

from aiovdi.nbd.wire import Command, CommandFlag
from faults.foreign.quiescence import settle
from faults.foreign.upstream import HungUp
from faults.runs.workload import Request

KINDS = {
    "write": (Command.WRITE, 0),
    "fua": (Command.WRITE, CommandFlag.FUA),
    "zero": (Command.WRITE_ZEROES, 0),
    "fua-zero": (Command.WRITE_ZEROES, CommandFlag.FUA),
    "discard": (Command.TRIM, 0),
    "flush": (Command.FLUSH, 0),
    "read": (Command.READ, 0),
}


@pytest.mark.parametrize("kind", KINDS)
async def test_each_kind_of_request_is_one_command(ends: Any, kind: str) -> None:
    request = Request("A0", kind) if kind == "flush" else Request("A0", kind, 512, 1024)
    assert ends.upstream.offers(kind)
    ends.upstream.send(request)
    await settle(ends.export, ends.upstream, turns=4)
    (arrived,) = ends.arrived
    assert (arrived.request.command, arrived.request.flags) == KINDS[kind]
    assert (arrived.request.offset, arrived.request.length) == (request.offset, request.length)


async def test_a_probe_is_answered_and_nothing_is_heard_of_it(ends: Any) -> None:
    before = ends.upstream.heard
    await ends.upstream.probe()
    assert ends.upstream.heard == before
    assert ends.arrived == []
    assert ends.upstream.answered == []


async def test_a_read_on_nobodys_behalf_leaves_the_answers_of_others(ends: Any) -> None:
    ends.export.take = lambda arrived: arrived.answer(0, b"y" * arrived.request.length)
    other = Request("A0", "read", 0, 512)
    ends.upstream.send(other)
    assert await ends.upstream.read(1024, 512) == b"y" * 1024
    assert [each.request for each in ends.upstream.answered] == [other]


async def test_a_read_that_fails_raises_what_the_driver_said(ends: Any) -> None:
    ends.export.take = lambda arrived: arrived.answer(5)
    with pytest.raises(OSError, match="cannot read"):
        await ends.upstream.read(512, 0)


async def test_a_driver_that_hangs_up_ends_every_probe(ends: Any) -> None:
    ends.export.close()
    with pytest.raises(HungUp):
        await settle(ends.export, ends.upstream, turns=4)
    with pytest.raises(HungUp):
        await ends.upstream.probe()
