"""What outlives a session: the image, and what has happened to the driver by now."""

from dataclasses import replace
from pathlib import Path

from faults.foreign.drivers import Driver
from faults.foreign.world import World
from faults.judges.oracle import Violation
from faults.simulation.tape import ReplayTape

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


def test_what_belongs_to_another_sector_is_told_apart_from_what_is_gone() -> None:
    one = world()
    for text, what in (
        ("sector 3 holds zeros, expected A0 in sector 3", "lost"),
        ("sector 3 holds A0 in sector 3, expected zeros", "lost"),
        ("sector 3 holds A0 in sector 7, expected zeros", "misplaced"),
        ("sector 3 holds ......A0 in sector 7, expected zeros", "misplaced"),
    ):
        assert str(one.seen("lost", Violation(text))) == text
        assert one.outcome.kind == f"{what} after nothing"


def test_each_session_leaves_its_image_for_others(tmp_path: Path) -> None:
    one = World(DRIVER, ReplayTape([]), Path(), image=tmp_path / "image")
    device = one.below.device
    device.end(device.issue_write(4096, b"y" * 512))
    one.keep_image()
    assert (
        (tmp_path / "image").read_bytes() == one.content() == b"x".ljust(4096, b"\0") + (b"y" * 512).ljust(4096, b"\0")
    )


def test_what_a_repair_makes_of_the_image_is_durable() -> None:
    one = World(
        replace(DRIVER, repair="sh -c 'printf y | dd of={image} conv=notrunc status=none'"), ReplayTape([]), Path()
    )
    one.repair()
    assert one.content() == one.below.device.stable() == b"y".ljust(8192, b"\0")
