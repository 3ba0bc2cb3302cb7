"""Flags that several verbs have, and values as qemu-img spells them: sizes, formats, ``-o`` lists."""

import enum
import math
import re
from typing import Annotated, Literal, TypeAlias, cast, get_args

import typer

from aiovdi.units import KiB

__all__ = [
    "Cache",
    "CacheOption",
    "FormatOption",
    "Output",
    "OutputOption",
    "Quiet",
    "Share",
    "format_name",
    "parse_port",
    "parse_seconds",
    "parse_options",
    "parse_size",
    "parse_switch",
]

_SIZE = re.compile(
    r"(?P<hex>0x[0-9a-f]+)|(?P<number>\d+)(?P<fraction>\.\d+)?(?P<suffix>[bkmgtpe]?)", re.IGNORECASE | re.ASCII
)
_SUFFIXES = "bkmgtpe"
_SIZE_MAX = (1 << 63) - 1
_PORT_MAX = 65535


def parse_size(text: str | int) -> int:
    """Bytes from a number with an optional suffix b, k, M, G, T, P or E, in powers of 1024; or hexadecimal.

    Typer parses defaults too, and those are numbers.
    """
    match = _SIZE.fullmatch(str(text))
    if match is None or (match["fraction"] and match["suffix"].lower() in {"", "b"}):
        raise typer.BadParameter(
            f"found {text!r}, expected a number of bytes; k, M, G, T, P and E stand for powers of 1024"
        )
    if match["hex"]:
        size = int(match["hex"], 16)
    else:
        unit = KiB ** max(0, _SUFFIXES.find(match["suffix"].lower() or "b"))
        digits = match["fraction"] or ".0"
        size = int(match["number"]) * unit + int(digits[1:]) * unit // 10 ** (len(digits) - 1)
    if size > _SIZE_MAX:
        raise typer.BadParameter(f"found {text!r}, expected at most {_SIZE_MAX} bytes")
    return size


def parse_port(text: str | int) -> int:
    """A TCP port; 0 stands for any."""
    if not str(text).isdecimal() or int(text) > _PORT_MAX:
        raise typer.BadParameter(f"found {text!r}, expected a number from 0 to {_PORT_MAX}")
    return int(text)


def parse_seconds(text: str | float) -> float:
    """A time, in seconds or parts of one; not negative."""
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not 0 <= seconds < math.inf:
        raise typer.BadParameter(f"found {text!r}, expected a number of seconds, 0 or more")
    return seconds


def parse_switch(name: str, text: str) -> bool:
    """``on`` or ``off`` of an ``-o`` list."""
    if text not in {"on", "off"}:
        raise typer.BadParameter(f"{name}: found {text!r}, expected 'on' or 'off'")
    return text == "on"


def parse_options(lists: list[str], *, known: frozenset[str]) -> dict[str, str]:
    """``-o name=value,name=value``, several times if you like; a doubled comma stands for itself in a value."""
    values: dict[str, str] = {}
    for part in [part for each in lists for part in re.split(r"(?<!,),(?!,)", each)]:
        name, equals, value = part.partition("=")
        if name not in known:
            raise typer.BadParameter(f"-o: found {name!r}, expected one of {', '.join(sorted(known)) or 'none'}")
        # qemu-img reads a name alone as on.
        values[name] = value.replace(",,", ",") if equals else "on"
    return values


Format: TypeAlias = Literal["vdi", "raw"]
Cache: TypeAlias = Literal["writeback", "none", "writethrough", "directsync", "unsafe"]


def format_name(text: str) -> str:
    """``vdi`` or ``raw``."""
    if text not in get_args(Format):
        raise typer.BadParameter(f"unknown file format {text!r}, expected 'vdi' or 'raw'")
    return text


def cache_name(text: str) -> str:
    """One of QEMU's cache modes."""
    if text not in get_args(Cache):
        raise typer.BadParameter(f"found {text!r}, expected one of {', '.join(get_args(Cache))}")
    return text


class Output(enum.StrEnum):
    """Form of a report."""

    HUMAN = "human"
    JSON = "json"


OutputOption = Annotated[Output, typer.Option("--output", help="Form of the report.")]
FormatOption = Annotated[
    str | None,
    typer.Option("-f", parser=format_name, metavar="FMT", help="Format, if it is not to be found out: vdi or raw."),
]
CacheOption = Annotated[str, typer.Option("-T", parser=cache_name, metavar="CACHE", help="Cache mode of the source.")]
Quiet = Annotated[bool, typer.Option("-q", help="Say nothing but errors.")]
Share = Annotated[
    bool, typer.Option("-U", "--force-share", help="Take no lock, and read what somebody else may be writing.")
]


def as_format(name: str | None) -> Format | None:
    """A name that ``format_name`` has let pass."""
    return cast("Format | None", name)


def as_cache(name: str) -> Cache:
    """A name that ``cache_name`` has let pass."""
    return cast("Cache", name)
