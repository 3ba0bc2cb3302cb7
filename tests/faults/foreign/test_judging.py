"""A contradiction in an image is followed up, and is a failure where it costs data."""

import asyncio
import struct
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from faults.foreign.drivers import Driver
from faults.foreign.judging import judge, look_again, survive
from faults.foreign.world import World
from faults.judges.oracle import Violation
from faults.simulation.tape import Draw, ReplayTape

MiB = 1 << 20


def world_of(driver: Driver, place: Path, *draws: Draw) -> World:
    return World(driver, ReplayTape(draws), place)


def put(world: World, offset: int, data: bytes) -> None:
    device = world.below.device
    device.end(device.issue_write(offset, data))


def test_a_power_loss_takes_what_no_flush_covers_and_a_kill_does_not(place: Path) -> None:
    driver = Driver("command", "x", size=4096)
    for end, left in (("kill", b"n"), ("power", b"\0")):
        world = world_of(driver, place, Draw("crash.mode", 2, 1), Draw("crash.unit image 0", 2, 1))
        put(world, 0, b"n" * 512)
        survive(world, end)
        assert world.below.device.read(0, 1) == left
        assert world.circumstances == [{"kill": "kill", "power": "power loss"}[end]]


def test_after_a_close_nothing_that_was_acknowledged_may_be_gone(place: Path) -> None:
    world = world_of(Driver("command", "x", size=4096), place)
    world.oracle.end_write(world.oracle.begin_write(0, b"x" * 512, "A0"))
    survive(world, "close")
    with pytest.raises(Violation):
        world.oracle.observe(bytes(4096), "after")
    assert world.circumstances == []


def with_a_block(driver: Driver, place: Path, *, counted: int) -> World:
    """One block is in slot 0, and the header counts so many."""
    world = world_of(driver, place)
    bmap, data = struct.unpack_from("<II", driver.blank(), 0x154)
    put(world, bmap, struct.pack("<I", 0))
    put(world, 0x184, struct.pack("<I", counted))
    world.oracle.end_write(world.oracle.begin_write(0, b"x" * 512, "A0"))
    put(world, data, b"x" * 512)
    return world


def test_a_count_below_the_map_costs_data_and_is_shown_to(qemu: Callable[[str], Driver], place: Path) -> None:
    world = with_a_block(qemu("vdi"), place, counted=0)
    with pytest.raises(Violation, match=r"the header counts 0: the next owner is near\. Then .* share slot 0"):
        asyncio.run(judge(world, "close"))
    assert world.outcome.kind == "count after nothing"
    assert [event.what for event in world.trace.events] == ["audit:"]


def test_a_sound_image_is_read_by_the_second_reader_alone(qemu: Callable[[str], Driver], place: Path) -> None:
    world = with_a_block(qemu("vdi"), place, counted=1)
    asyncio.run(judge(world, "close"))
    assert world.sessions == 0


def test_an_image_of_no_known_format_is_shown_by_a_new_process(relay: Callable[[str], Driver], place: Path) -> None:
    world = world_of(relay("honest"), place)
    world.oracle.end_write(world.oracle.begin_write(0, b"x" * 512, "A0"))
    put(world, 0, b"x" * 512)
    asyncio.run(look_again(world, "close"))
    put(world, 512, b"y" * 512)
    with pytest.raises(Violation, match=r"a new process, after the session's end .*: sector 1 holds"):
        asyncio.run(look_again(world, "close"))


def test_a_checker_that_complains_is_believed(relay: Callable[[str], Driver], place: Path) -> None:
    world = world_of(replace(relay("honest"), check="sh -c 'echo bad; exit 2'"), place)
    with pytest.raises(Violation, match="the checker says: bad"):
        asyncio.run(look_again(world, "kill"))
    assert world.outcome.kind.startswith("structure")


def test_what_the_checker_complains_of_is_followed_up(relay: Callable[[str], Driver], place: Path) -> None:
    world = world_of(replace(relay("liar"), check="sh -c 'echo bad; exit 2'"), place)
    with pytest.raises(Violation, match=r"says: bad\. Then after one more session .* holds zeros, expected Z"):
        asyncio.run(look_again(world, "kill"))
    assert world.outcome.kind.startswith("doomed")
    assert world.trace.events == []


def test_a_repair_comes_before_the_image_is_opened_again(place: Path) -> None:
    driver = Driver("command", "x", size=4096, repair="sh -c 'printf y | dd of={image} conv=notrunc status=none'")
    for end, first in (("close", b"\0"), ("kill", b"y"), ("power", b"y")):
        world = world_of(driver, place)
        survive(world, end)
        assert world.content()[:1] == first


def test_after_a_hang_up_what_was_acknowledged_is_there_as_after_a_close(place: Path) -> None:
    world = world_of(Driver("command", "x", size=4096), place)
    world.oracle.end_write(world.oracle.begin_write(0, b"x" * 512, "A0"))
    survive(world, "hang-up")
    with pytest.raises(Violation):
        world.oracle.observe(bytes(4096), "after")
    assert world.circumstances == ["hang-up"]
