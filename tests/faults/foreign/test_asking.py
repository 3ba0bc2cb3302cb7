"""The oracle hears of a request when it is sent and when it is answered; an error needs a reason."""

import errno
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from faults.foreign.asking import Asking
from faults.foreign.drivers import Driver
from faults.foreign.upstream import Answered
from faults.foreign.weather import Weather
from faults.foreign.world import World
from faults.judges.oracle import Violation
from faults.runs.workload import Request, payload
from faults.simulation.tape import ReplayTape

WRITE = Request("A0", "write", 0, 512)
READ = Request("B0", "read", 0, 512)


class Upstream:
    """Answers are put here by hand."""

    def __init__(self) -> None:
        self.sent: list[Request] = []
        self.answered: list[Answered] = []

    grain = 1

    def offers(self, kind: str) -> bool:
        return kind in ("read", "write")

    def send(self, request: Request) -> None:
        self.sent.append(request)


def asking(*, faults: int = 0) -> Any:
    world = World(Driver("command", "x", size=4096), ReplayTape([]), Path())
    side = Asking(world, Upstream())  # type: ignore[arg-type]
    side.weather = Weather(ReplayTape([]), ())
    side.weather.injected = faults
    return side


def answer(side: Any, request: Request, number: int = 0, data: bytes = b"") -> list[Request]:
    side.submit(request)
    side._upstream.answered.append(Answered(request, number, data))
    return side.take_answers()


def test_a_request_waits_until_it_is_answered() -> None:
    side = asking()
    side.submit(WRITE)
    assert side._upstream.sent == side.waiting == [WRITE]
    assert side.take_answers() == []
    side._upstream.answered.append(Answered(WRITE, 0))
    assert side.take_answers() == [WRITE]
    assert side.waiting == []


def test_an_acknowledged_write_must_be_read() -> None:
    side = asking()
    answer(side, WRITE)
    answer(side, READ, data=payload(WRITE))
    with pytest.raises(Violation, match="holds zeros, expected A0"):
        answer(side, READ, data=bytes(512))
    assert side.world.outcome.kind == "wrong read after nothing"


@pytest.mark.parametrize("content", [payload(WRITE), bytes(512)])
def test_a_write_that_failed_may_be_there_or_not(content: bytes) -> None:
    side = asking(faults=1)
    answer(side, WRITE, errno.EIO)
    answer(side, READ, data=content)


def test_an_error_for_which_there_is_no_reason_is_a_failure() -> None:
    side = asking()
    with pytest.raises(Violation, match=r"A0 write 512 at 0 failed .*, and nothing was injected"):
        answer(side, WRITE, errno.EIO)
    assert side.world.outcome.kind == "spurious after nothing"


def test_a_flush_that_was_acknowledged_is_counted_and_binds() -> None:
    side = asking()
    answer(side, WRITE)
    answer(side, Request("A1", "flush"))
    answer(side, Request("A2", "fua", 512, 512))
    assert side.flushed == 2
    side.world.oracle.lose_power()
    with pytest.raises(Violation):
        side.world.oracle.observe(bytes(4096), "after")


@pytest.mark.parametrize("content", [payload(WRITE), bytes(512)])
def test_a_discard_may_do_nothing_although_it_is_acknowledged(content: bytes) -> None:
    side = asking()
    answer(side, WRITE)
    answer(side, Request("A1", "discard", 0, 512))
    answer(side, READ, data=content)


def test_what_a_driver_does_not_offer_is_not_asked_of_it() -> None:
    side = asking()
    assert side.possible(WRITE) == WRITE
    assert side.possible(Request("A0", "fua", 512, 1024)) == Request("A0", "write", 512, 1024)
    assert side.possible(Request("A0", "flush")) == Request("A0", "read", 0, 512)


def test_the_trace_tells_on_whose_behalf() -> None:
    side = asking(faults=1)
    answer(side, WRITE, errno.ENOSPC)
    assert [(event.what, event.by, event.detail) for event in side.world.trace.events] == [
        ("submit", "A0", ""),
        ("raise", "A0", "ENOSPC"),
    ]


def test_a_driver_whose_image_grows_is_asked_for_a_flush_instead_of_a_read() -> None:
    side = asking()
    side.world.driver = replace(side.world.driver, grows=True)
    side._upstream.offers = lambda kind: True
    assert side.possible(READ) == Request("B0", "flush")
    assert side.possible(WRITE) == WRITE


def test_a_request_is_as_ragged_as_the_export_takes_it() -> None:
    side = asking()
    ragged = Request("A0", "write", 700, 100)
    assert side.possible(ragged) == ragged
    side._upstream.grain = 512
    assert side.possible(ragged) == Request("A0", "write", 512, 512)
    assert side.possible(Request("A0", "read", 1000, 100)) == Request("A0", "read", 512, 1024)
