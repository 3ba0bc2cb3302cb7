"""What outlives a session: the image, and what has happened to the driver by now."""

from pathlib import Path

from faults.foreign.drivers import Driver
from faults.foreign.world import World
from faults.tape import ReplayTape

DRIVER = Driver("command", "serve {uri} {socket}", create="sh -c 'printf x > {image}'", size=4096, room=8192)


def world() -> World:
    return World(DRIVER, ReplayTape([]), Path())


def test_the_image_is_durable_and_has_all_its_room() -> None:
    device = world().below.device
    assert (device.length, device.stable()) == (8192, b"x".ljust(8192, b"\0"))


def test_the_kind_of_a_failure_says_what_had_happened_by_then() -> None:
    one = world()
    assert str(one.violation("lost", "text")) == "text"
    assert one.outcome.kind == "lost after nothing"
    for circumstance in ("kill", "fault", "kill"):
        one.met(circumstance)
    one.violation("count", "text")
    assert one.outcome.kind == "count after fault and kill"


def test_what_happens_untold_is_no_part_of_the_trace() -> None:
    one = world()
    one.trace.add("open", "before")
    with one.untold():
        one.trace.add("open", "meanwhile")
        one.below.trace.add("open", "meanwhile")
    one.trace.add("open", "after")
    assert [event.subject for event in one.outcome.trace.events] == ["before", "after"]
    assert one.below.trace is one.trace
