"""``aiovdi map``: where the disk's bytes lie in the file."""

import json
from collections.abc import AsyncIterator
from typing import Annotated

import typer

from aiovdi.cli.arguments import FormatOption, Output, OutputOption, Share, as_format, parse_size
from aiovdi.driver.extents import Extent
from aiovdi.errors import OutOfRange
from aiovdi.jobs.images import closing, naming, open_image

__all__ = ["map_"]


async def map_(
    filename: Annotated[str, typer.Argument(help="An image: a file, a block device or an NBD URI.")],
    *,
    output: OutputOption = Output.HUMAN,
    fmt: FormatOption = None,
    start_offset: Annotated[int, typer.Option(parser=parse_size, metavar="OFFSET", help="Where to start.")] = 0,
    max_length: Annotated[
        int | None, typer.Option(parser=parse_size, metavar="LENGTH", help="How far to go; all of it.")
    ] = None,
    share: Share = False,
) -> int:
    """List the extents of the disk, neighbours of one kind merged; in human form only those that hold data."""
    async with open_image(filename, format=as_format(fmt), lock=not share) as image:
        with naming(filename):
            if start_offset > image.size:
                raise OutOfRange(offset=start_offset, length=0, size=image.size)
        length = image.size - start_offset
        length = length if max_length is None else min(length, max_length)
        async with closing(image.extents(length, start_offset)) as extents:
            await (_print_json(extents) if output is Output.JSON else _print_table(extents, filename))
    return 0


async def _print_json(extents: AsyncIterator[Extent]) -> None:
    """One extent a line, as they come: the list may be long."""
    before = "["
    async for extent in extents:
        print(before, json.dumps(_facts(extent)), sep="", end="")
        before = ",\n"
    print("[]" if before == "[" else "]")


def _facts(extent: Extent) -> dict[str, object]:
    """The keys of ``qemu-img map --output json``."""
    facts: dict[str, object] = {
        "start": extent.start,
        "length": extent.length,
        "depth": extent.depth,
        "present": extent.present,
        "zero": extent.zero,
        "data": extent.data,
    }
    return facts if extent.offset is None else facts | {"offset": extent.offset}


async def _print_table(extents: AsyncIterator[Extent], filename: str) -> None:
    print(f"{'Offset':<16}{'Length':<16}{'Mapped to':<16}File")
    async for extent in extents:
        if extent.data:
            assert extent.offset is not None
            print(f"{_hex(extent.start):<16}{_hex(extent.length):<16}{_hex(extent.offset):<16}{filename}")


def _hex(number: int) -> str:
    """As C's ``%#x``, which writes zero without the prefix."""
    return f"{number:#x}" if number else "0"
