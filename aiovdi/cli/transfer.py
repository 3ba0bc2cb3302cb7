"""``aiovdi read``, ``write`` and ``dd``: bytes of the disk, to and from files and pipes."""

import asyncio
import os
import stat
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from typing import Annotated

import typer

from aiovdi.cli.arguments import FormatOption, Share, as_cache, as_format, cache_name, format_name, parse_size
from aiovdi.cli.running import Failure, die_of_signals
from aiovdi.driver.creating import new_file
from aiovdi.errors import OutOfRange
from aiovdi.jobs.convert import convert
from aiovdi.jobs.images import AIO, Image, naming, open_image
from aiovdi.storage.base import write_full
from aiovdi.units import SECTOR, MiB, align_up

__all__ = ["dd", "read", "write"]

_STEP_BYTES = 1 * MiB

Offset = Annotated[int, typer.Argument(parser=parse_size, metavar="OFFSET", help="First byte of the disk.")]


# read


async def read(
    filename: Annotated[str, typer.Argument(help="An image: a file, a block device or an NBD URI.")],
    offset: Offset = 0,
    length: Annotated[
        int | None, typer.Argument(parser=parse_size, metavar="LENGTH", help="How many bytes; to the end.")
    ] = None,
    *,
    out: Annotated[str | None, typer.Option("--out", metavar="FILE", help="A file instead of stdout.")] = None,
    fmt: FormatOption = None,
    share: Share = False,
) -> int:
    """Copy bytes of the disk to stdout, or to a file."""
    async with open_image(filename, format=as_format(fmt), lock=not share) as image:
        length = image.size - offset if length is None else length
        with naming(filename):
            if length < 0 or offset + length > image.size:
                raise OutOfRange(offset=offset, length=max(length, 0), size=image.size)
        if out is not None:
            async with new_file(out, overwrite=True, aio=AIO) as file:
                at = 0
                async for data in _steps(image, offset, length):
                    await write_full(file, data, at)
                    at += len(data)
        else:
            die_of_signals()  # a write to a full pipe cannot be cancelled, and here is nothing to clean up
            async for data in _steps(image, offset, length):
                while data:
                    data = data[os.write(sys.stdout.fileno(), data) :]  # noqa: PLW2901
    return 0


async def _steps(image: Image, offset: int, length: int) -> AsyncIterator[memoryview]:
    buffer = memoryview(bytearray(min(length, _STEP_BYTES)))
    stop = offset + length
    while offset < stop:
        view = buffer[: stop - offset]
        await image.preadinto(view, offset)
        yield view
        offset += len(view)


# write


async def write(
    filename: Annotated[str, typer.Argument(help="An image: a file, a block device or an NBD URI.")],
    offset: Offset = 0,
    *,
    source: Annotated[str | None, typer.Option("--in", metavar="FILE", help="A file instead of stdin.")] = None,
    fmt: FormatOption = None,
    cache: Annotated[
        str, typer.Option("-t", parser=cache_name, metavar="CACHE", help="Cache mode of the image.")
    ] = "writeback",
) -> int:
    """Write stdin, or a file, to the disk from OFFSET on, and flush it."""
    async with open_image(filename, "r+", format=as_format(fmt), cache=as_cache(cache)) as image:
        with _opened(source) as fd, naming(filename):
            await _copy_in(image, offset, fd)
        await image.flush()
    return 0


@contextmanager
def _opened(source: str | None) -> Iterator[int]:
    if source is None:
        yield sys.stdin.fileno()
    else:
        with open(source, "rb") as file:
            yield file.fileno()


async def _copy_in(image: Image, offset: int, fd: int) -> None:
    """Write what ``fd`` holds up to its end."""
    status = os.fstat(fd)
    if stat.S_ISREG(status.st_mode) and offset + status.st_size > image.size:
        raise OutOfRange(offset=offset, length=status.st_size, size=image.size)  # before anything is changed
    if offset > image.size:
        raise OutOfRange(offset=offset, length=0, size=image.size)
    done = 0
    while data := await _read_some(fd):
        if offset + done + len(data) > image.size:
            raise Failure(
                f"the input goes on after the end of the disk; {done} bytes from offset {offset} were written"
            )
        await image.pwrite(data, offset + done)
        done += len(data)


async def _read_some(fd: int) -> bytes:
    """What can be had next; from a pipe or a terminal without blocking the loop, so that Ctrl-C is heard."""
    loop = asyncio.get_running_loop()
    readable = asyncio.Event()
    try:
        loop.add_reader(fd, readable.set)
    except PermissionError:  # epoll(7) takes no regular files: those never make one wait
        return os.read(fd, _STEP_BYTES)
    try:
        await readable.wait()
    finally:
        loop.remove_reader(fd)
    return os.read(fd, _STEP_BYTES)


# dd


async def dd(
    operands: Annotated[list[str], typer.Argument(metavar="if=FILE of=FILE [bs=SIZE] [count=N] [skip=N]")],
    fmt: FormatOption = None,
    target_fmt: Annotated[
        str, typer.Option("-O", parser=format_name, metavar="FMT", help="Format of the output.")
    ] = "raw",
    share: Share = False,
) -> int:
    """Copy blocks of a disk into a new image."""
    values = _operands(operands)
    block = _number(values, "bs", "512")
    if not block:
        raise Failure("bs: found 0, expected at least 1")
    skip = _number(values, "skip", "0") * block
    async with open_image(values["if"], format=as_format(fmt), lock=not share) as image:
        length = image.size - skip
    if length < 0:
        raise Failure(f"{values['if']}: cannot skip to {skip}, beyond the disk's end at {length + skip}")
    if "count" in values:
        length = min(length, _number(values, "count", "0") * block)
    if skip % SECTOR:
        raise Failure(f"found a start at {skip}, expected bs times skip to be a multiple of {SECTOR}")
    await convert(
        values["if"],
        values["of"],
        source_format=as_format(fmt),
        target_format=as_format(target_fmt) or "raw",
        offset=skip,
        length=min(align_up(length, SECTOR), image.size - skip),
        overwrite=True,
        lock=not share,
    )
    return 0


def _number(values: dict[str, str], name: str, default: str) -> int:
    try:
        return parse_size(values.get(name, default))
    except typer.BadParameter as error:
        raise Failure(f"{name}: {error.message}") from error


def _operands(words: list[str]) -> dict[str, str]:
    values: dict[str, str] = {}
    for word in words:
        name, equals, value = word.partition("=")
        if not equals or name not in {"if", "of", "bs", "count", "skip"}:
            raise Failure(f"unknown operand {word!r}, expected if=, of=, bs=, count= or skip=")
        values[name] = value
    if missing := {"if", "of"} - values.keys():
        raise Failure(f"expected both if= and of=, found no {'= and no '.join(sorted(missing))}=")
    return values
