"""``aiovdi create``: a new image, all zeros."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import typer

from aiovdi.cli.arguments import Quiet, format_name, parse_options, parse_size, parse_switch
from aiovdi.cli.running import Failure, say
from aiovdi.driver.creating import create as create_image
from aiovdi.driver.creating import new_file
from aiovdi.format.layout import LayoutError
from aiovdi.jobs.images import AIO, naming
from aiovdi.storage.base import resize
from aiovdi.units import SECTOR, MiB, align_up

__all__ = ["OPTIONS", "OPTIONS_HELP", "create", "image_options", "in_words_of_options"]

OPTIONS_HELP = """Supported vdi options:
  size=<size>            - Virtual disk size
  static=<bool (on/off)> - VDI static (pre-allocated) image
  block_size=<size>      - Size of a block, a power of two (QEMU opens 1M only)
  comment=<text>         - Up to 255 bytes of UTF-8, kept in the header
"""
OPTIONS = frozenset({"size", "static", "block_size", "comment"})


async def create(
    filename: Annotated[str, typer.Argument(help="A file, a block device or an NBD URI.")],
    size: Annotated[
        int | None, typer.Argument(parser=parse_size, metavar="SIZE", help="Bytes, or with k, M, G, T.")
    ] = None,
    *,
    fmt: Annotated[str, typer.Option("-f", parser=format_name, metavar="FMT", help="Format: vdi or raw.")] = "vdi",
    option: Annotated[
        list[str] | None, typer.Option("-o", metavar="OPTIONS", help="name=value,...; -o help lists them.")
    ] = None,
    quiet: Quiet = False,
) -> int:
    """Make a new image of SIZE bytes that reads as zeros. An existing file is replaced, unless it is in use.

    An NBD export or a block device is written into."""
    if option and any(each in {"help", "?"} for each in option):
        print(OPTIONS_HELP, end="")
        return 0
    values = parse_options(option or [], known=OPTIONS if fmt == "vdi" else frozenset({"size"}))
    size = parse_size(values.pop("size")) if "size" in values and size is None else size
    if size is None:
        raise Failure(f"{filename}: image creation needs a size")
    if (rounded := align_up(size, SECTOR)) != size:
        say(f"create: {filename}: {size} bytes are rounded up to {rounded}, a multiple of {SECTOR}")
    await (
        _create_vdi(filename, rounded, values, quiet=quiet)
        if fmt == "vdi"
        else _create_raw(filename, rounded, quiet=quiet)
    )
    return 0


async def _create_vdi(filename: str, size: int, values: dict[str, str], *, quiet: bool) -> None:
    block_size, fixed, comment = image_options(values)
    _announce(f"Formatting '{filename}', fmt=vdi size={size} static={'on' if fixed else 'off'}", quiet=quiet)
    with naming(filename), in_words_of_options():
        await create_image(filename, size, block_size=block_size, fixed=fixed, comment=comment, overwrite=True, aio=AIO)


async def _create_raw(filename: str, size: int, *, quiet: bool) -> None:
    _announce(f"Formatting '{filename}', fmt=raw size={size}", quiet=quiet)
    async with new_file(filename, overwrite=True, aio=AIO) as storage:
        if not storage.can_grow:
            raise Failure(f"{filename}: a raw image is as long as what holds it; found {storage.size} bytes here")
        await resize(storage, size)


@contextmanager
def in_words_of_options() -> Iterator[None]:
    """An image that cannot be is told by what was asked for, and not by a field of its header."""
    try:
        yield
    except LayoutError as error:
        word = {"cbDisk": "size", "cbBlock": "block_size", "szComment": "comment"}.get(error.field, error.field)
        raise Failure(f"{word}: found {error.found}, expected {error.expected}") from error


def image_options(values: dict[str, str]) -> tuple[int, bool, str]:
    """Block size, whether fixed, and the comment, from an ``-o`` list."""
    block_size = parse_size(values["block_size"]) if "block_size" in values else 1 * MiB
    return block_size, parse_switch("static", values.get("static", "off")), values.get("comment", "")


def _announce(line: str, *, quiet: bool) -> None:
    if not quiet:
        print(line, flush=True)
