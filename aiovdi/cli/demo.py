"""``aiovdi demo``: kill a process that writes, and look at what it leaves. Exit status 0: everything held, 1: not."""

from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from aiovdi.cli.running import Failure
from aiovdi.demo.story import demonstrate
from aiovdi.jobs.images import naming
from aiovdi.storage.nbd_uri import is_uri

__all__ = ["demo"]


async def demo(
    image: Annotated[
        str | None, typer.Argument(help="A file; copied, and only read. Without it a fresh image is made.")
    ] = None,
    *,
    requests: Annotated[int, typer.Option("--requests", min=1, help="Acknowledged requests before the kill.")] = 4000,
    seed: Annotated[int | None, typer.Option("--seed", help="Draw the requests from this number.")] = None,
    keep: Annotated[
        Path | None, typer.Option("--keep", metavar="DIR", help="Work in this folder and remove nothing.")
    ] = None,
) -> int:
    """Kill a process in the middle of allocations, on a copy of IMAGE, and verify every sector of what is left."""
    tell = partial(print, flush=True)
    if image is not None and is_uri(image):
        raise Failure(f"{image}: found an NBD URI, expected a file: the demonstration works on a copy")
    with naming(image or ""):
        held = await demonstrate(Path(image) if image else None, requests=requests, seed=seed, keep=keep, tell=tell)
    return 0 if held else 1
