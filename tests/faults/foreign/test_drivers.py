"""A driver is known by name, or described so well that an artifact can carry it."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from faults.foreign.drivers import DRIVERS, Driver, find_driver


def test_a_driver_of_the_table_is_carried_by_its_name() -> None:
    for name, driver in DRIVERS.items():
        assert driver.full_name == name
        assert find_driver(name) == driver


def test_any_other_is_carried_by_its_description() -> None:
    own = Driver("command", "serve {uri} {socket}", size=4096, room=8192)
    changed = replace(DRIVERS["qemu-vdi"], size=1 << 21)
    for driver in (own, changed):
        assert json.loads(driver.full_name)["command"] == driver.command
        assert find_driver(driver.full_name) == driver


@pytest.mark.parametrize("name", ["qemu-none", "{}", "[]", '{"size": 4096}'])
def test_what_is_neither_is_refused_with_what_there_is(name: str) -> None:
    with pytest.raises(ValueError, match="qemu-vdi"):
        find_driver(name)


def test_places_are_filled_in_word_by_word() -> None:
    driver = Driver("command", "serve --at '{socket}' \"{uri}\"")
    assert driver.argv("nbd+unix:///?socket=/x y", Path("/a b")) == [
        "serve",
        "--at",
        "/a b",
        "nbd+unix:///?socket=/x y",
    ]


def test_an_image_that_nobody_makes_is_all_zeros() -> None:
    assert Driver("command", "x", size=512).blank() == bytes(512)
    assert Driver("command", "x", size=512, room=1024).blank() == bytes(1024)


def test_an_image_is_made_by_its_command_and_has_all_its_room() -> None:
    driver = Driver("command", "x", create="sh -c 'printf %s {size} > {image}'", size=512, room=8)
    assert driver.blank() == b"512\0\0\0\0\0"


def test_an_image_that_cannot_be_made_says_why() -> None:
    with pytest.raises(ValueError, match="ended with 3: no room"):
        Driver("command", "x", create="sh -c 'echo no room >&2; exit 3'").blank()


@pytest.mark.parametrize(("status", "is_sound"), [(0, True), (3, True), (1, False), (2, False)])
def test_the_checker_may_find_leaks_and_nothing_else(status: int, is_sound: bool) -> None:
    driver = Driver("command", "x", check=f"sh -c 'cat {{image}}; exit {status}'")
    assert driver.complaint(b"told") == ("" if is_sound else "told")


def test_without_a_checker_nobody_complains() -> None:
    assert Driver("command", "x").complaint(b"") == ""


def test_an_image_that_grows_is_as_long_as_it_was_made() -> None:
    driver = Driver("command", "x", create="sh -c 'printf %s {size} > {image}'", size=512, room=8, grows=True)
    assert driver.blank() == b"512"


@pytest.mark.parametrize(("grows", "left"), [(False, b"old\0\0"), (True, b"old")])
def test_a_repair_may_cut_an_image_which_has_its_room_again(grows: bool, left: bytes) -> None:
    driver = Driver("command", "x", repair="truncate -s 3 {image}", grows=grows)
    assert driver.repaired(b"older") == left


def test_without_a_repair_an_image_stays_as_it_is() -> None:
    assert Driver("command", "x").repaired(b"old") == b"old"
