"""Sizes and ``-o`` lists as qemu-img spells them."""

import pytest
import typer
from hypothesis import given
from hypothesis import strategies as st

from aiovdi.cli.arguments import (
    cache_name,
    format_name,
    parse_options,
    parse_port,
    parse_seconds,
    parse_size,
    parse_switch,
)


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("0", 0),
        ("512", 512),
        ("1b", 1),
        ("1k", 1 << 10),
        ("1K", 1 << 10),
        ("1.5M", 3 << 19),
        ("10G", 10 << 30),
        ("2T", 2 << 40),
        ("1P", 1 << 50),
        ("7E", 7 << 60),
        ("0x1000", 4096),
        ("0.25k", 256),
        (4096, 4096),
    ],
)
def test_a_size_is_what_qemu_img_reads_in_it(text: str | int, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "k", "1x", "-5", "1.5", "1.5b", "1 k", "1kk", "0xg", "8E", "1e3", "١"])
def test_what_is_no_size_is_refused(text: str) -> None:
    with pytest.raises(typer.BadParameter, match="found"):
        parse_size(text)


@given(st.integers(0, (1 << 43) - 1), st.sampled_from("kM"))
def test_a_suffix_multiplies_exactly(number: int, suffix: str) -> None:
    assert parse_size(f"{number}{suffix}") == number << {"k": 10, "M": 20}[suffix]


@pytest.mark.parametrize(
    ("lists", "values"),
    [
        ([], {}),
        (["static=on"], {"static": "on"}),
        (["static"], {"static": "on"}),
        (["static=on,size=5M"], {"static": "on", "size": "5M"}),
        (["static=on", "static=off"], {"static": "off"}),
        (["comment=a,,b=c,static=off"], {"comment": "a,b=c", "static": "off"}),
        (["comment="], {"comment": ""}),
    ],
)
def test_a_list_of_options_is_taken_apart(lists: list[str], values: dict[str, str]) -> None:
    assert parse_options(lists, known=frozenset({"static", "size", "comment"})) == values


def test_an_option_that_nobody_knows_is_refused() -> None:
    with pytest.raises(typer.BadParameter, match="found 'foo', expected one of size, static"):
        parse_options(["foo=1"], known=frozenset({"static", "size"}))


def test_a_switch_is_on_or_off_and_nothing_else() -> None:
    assert parse_switch("static", "on")
    assert not parse_switch("static", "off")
    with pytest.raises(typer.BadParameter, match="static: found 'yes'"):
        parse_switch("static", "yes")


def test_names_that_are_known_pass_and_others_do_not() -> None:
    assert (format_name("vdi"), cache_name("unsafe")) == ("vdi", "unsafe")
    with pytest.raises(typer.BadParameter, match="qcow2"):
        format_name("qcow2")
    with pytest.raises(typer.BadParameter, match="fast"):
        cache_name("fast")


def test_a_port_and_a_time_are_plain_numbers_within_their_bounds() -> None:
    assert [parse_port(each) for each in ("0", "65535", 10809)] == [0, 65535, 10809]
    assert [parse_seconds(each) for each in ("0", "2.5", 10.0)] == [0, 2.5, 10]


@pytest.mark.parametrize("text", ["65536", "-1", "http", "1.5", ""])
def test_what_is_no_port_is_refused(text: str) -> None:
    with pytest.raises(typer.BadParameter, match="expected a number from 0 to 65535"):
        parse_port(text)


@pytest.mark.parametrize("text", ["-1", "nan", "inf", "soon", ""])
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(typer.BadParameter, match="expected a number of seconds"):
        parse_seconds(text)
