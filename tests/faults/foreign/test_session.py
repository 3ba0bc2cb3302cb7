"""One process under the tape's control, tried with drivers that do hardly anything."""

import asyncio
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from faults.foreign.drivers import Driver
from faults.foreign.process import Beyond
from faults.foreign.session import Life, Session
from faults.foreign.weather import Weather
from faults.foreign.world import World
from faults.judges.oracle import Violation
from faults.runs.workload import Request, Workload
from faults.simulation.tape import Draw, ReplayTape, Tape

ALL = Life()
Relay = Callable[[str], Driver]

A0 = Request("A0", "write", 0, 512)
A1 = Request("A1", "flush")
B0 = Request("B0", "write", 512, 512)
TWO: Workload = [[A0, A1], [B0]]


def live(driver: Driver, place: Path, *draws: Draw, workload: Workload = TWO, life: Life = ALL) -> World:
    """Open, use, and look; what had happened is in the world's trace. Raises Violation."""
    tape: Tape = ReplayTape(draws)
    world = World(driver, tape, place)

    async def go() -> None:
        session = Session(world)
        try:
            await session.open()
            await session.use(workload, Weather(tape, ("image",)), life)
            if life == ALL:
                await session.look("at last")
                await session.close()
        finally:
            session.kill()

    asyncio.run(go())
    return world


def told(world: World) -> list[str]:
    """Requests that were sent and answered, I/Os that ended."""
    events = [event for event in world.trace.events if event.what in ("submit", "return", "end")]
    return [f"{event.what} {event.by or event.subject}" for event in events if event.by != "look"]


def test_the_benign_order_is_that_of_arrival(relay: Relay, place: Path) -> None:
    events = told(live(relay("honest"), place))
    assert events[:-1] == [
        "submit A0",
        "submit B0",
        "end A0",
        "return A0",
        "end B0",
        "return B0",
        "submit A1",
        "end A1",
        "return A1",
    ]


def test_an_io_that_is_late_waits_while_others_pass(relay: Relay, place: Path) -> None:
    """A0's write ------------------------------------ ends
    B0               sent, its write ends, is told: done"""
    events = told(live(relay("honest"), place, Draw("next write image 512@0 #1", 32, 31)))
    assert events[:5] == ["submit A0", "submit B0", "end B0", "return B0", "end A0"]


def test_a_request_can_be_late_too(relay: Relay, place: Path) -> None:
    events = told(live(relay("honest"), place, Draw("next request A0", 32, 31)))
    assert events[:3] == ["submit B0", "end B0", "return B0"]


def test_a_life_ends_after_so_many_events(relay: Relay, place: Path) -> None:
    assert told(live(relay("honest"), place, life=Life(steps=3))) == ["submit A0", "submit B0", "end A0", "return A0"]


def test_a_life_ends_when_a_flush_was_acknowledged(relay: Relay, place: Path) -> None:
    events = told(live(relay("honest"), place, life=Life(flushes=1), workload=[[A0, A1, B0]]))
    assert events[-1] == "return A1"


def test_an_io_can_fail_and_the_client_is_told(relay: Relay, place: Path) -> None:
    stroke = [Draw("storm", 3, 1), Draw("storm.only", 3, 0), Draw("storm.nth", 6, 1)]
    world = live(relay("honest"), place, *stroke)
    assert [str(event) for event in world.trace.events if event.what == "raise"] == ["raise B0 write 512 at 512 EIO"]
    assert world.circumstances == ["fault"]
    assert world.outcome.injected == 1


def test_a_driver_that_answers_nothing_although_nothing_is_held_hangs(relay: Relay, place: Path) -> None:
    with pytest.raises(Violation, match="nothing is held below, and the driver does not answer A0"):
        live(relay("mute"), place)


def test_a_driver_that_ends_by_itself_has_crashed(relay: Relay, place: Path) -> None:
    with pytest.raises(Violation, match="status 1: mortal: no more"):
        live(relay("mortal"), place)


def test_a_driver_that_cannot_open_its_image_says_so(place: Path) -> None:
    with pytest.raises(Violation, match="cannot open the image: the driver ended with status 3: no"):
        live(Driver("command", "sh -c 'echo no; exit 3'"), place)


def test_a_wrong_disk_is_seen_when_somebody_looks(relay: Relay, place: Path) -> None:
    world = World(relay("honest"), ReplayTape([]), place)
    world.oracle.end_write(world.oracle.begin_write(512, b"x" * 512, "X0"))

    async def go() -> None:
        session = Session(world)
        try:
            await session.open()
            await session.look("at first")
        finally:
            session.kill()

    with pytest.raises(Violation, match="at first: sector 1 holds zeros"):
        asyncio.run(go())


def test_nothing_of_a_session_is_left(relay: Relay, place: Path) -> None:
    live(relay("honest"), place, life=Life(steps=2))
    assert list(place.iterdir()) == []


def test_a_driver_that_listens_before_it_fails_says_so_too(place: Path) -> None:
    listens = "import socket, sys; s = socket.socket(socket.AF_UNIX); s.bind(sys.argv[1]); s.listen(); s.accept()"
    command = f"{sys.executable} -S -E -c '{listens}; sys.exit(\"bad table\")' {{socket}}"
    with pytest.raises(Violation, match=r"cannot open the image: the driver hung up.*: bad table"):
        live(Driver("command", command), place)


def test_an_image_that_has_grown_beyond_its_client_is_no_crash(relay: Relay, place: Path) -> None:
    with pytest.raises(Beyond):
        live(replace(relay("short"), grows=True), place)
    with pytest.raises(Violation, match="nbd_client_co_preadv"):
        live(relay("short"), place)


def test_when_all_clients_hang_up_what_they_began_ends(relay: Relay, place: Path) -> None:
    """A0's write, held -- ends      the process is told to end
    B0's write, held ---- ends
                 all clients are gone"""
    held = [Draw(f"next write image 512@{offset} #1", 32, 31) for offset in (0, 512)]
    world = World(relay("honest"), ReplayTape(held), place)

    async def go() -> None:
        session = Session(world)
        try:
            await session.open()
            await session.use(TWO, Weather(world.tape, ("image",)), Life(steps=2))
            await session.hang_up()
        finally:
            session.kill()

    asyncio.run(go())
    assert [event.what for event in world.trace.events][-4:] == ["hang-up:", "end", "end", "close"]
    assert world.below.held == []
    assert world.content()[:1024] != bytes(1024)
