"""``aiovdi info``: what an image is. Reads the header only, so it takes as long for 500 TiB as for 5 MiB."""

from typing import Annotated

import typer

from aiovdi.cli.arguments import FormatOption, Output, OutputOption, Share, as_format
from aiovdi.cli.facts import show

__all__ = ["info"]


async def info(
    filename: Annotated[str, typer.Argument(help="An image: a file, a block device or an NBD URI.")],
    *,
    output: OutputOption = Output.HUMAN,
    fmt: FormatOption = None,
    share: Share = False,
) -> int:
    """Say what an image is: format, sizes, and the fields of its header."""
    return await show(filename, as_json=output is Output.JSON, fmt=as_format(fmt), share=share)
