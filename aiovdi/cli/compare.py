"""``aiovdi compare``: do two images show the same disk? Exit status 0: identical, 1: they differ, 2: could not tell."""

from typing import Annotated

import typer

from aiovdi.cli.arguments import CacheOption, FormatOption, Quiet, Share, as_cache, as_format, format_name
from aiovdi.cli.progress import progress
from aiovdi.jobs.compare import Comparison
from aiovdi.jobs.compare import compare as compare_images

__all__ = ["compare"]


async def compare(
    first: Annotated[str, typer.Argument(metavar="FILENAME1")],
    second: Annotated[str, typer.Argument(metavar="FILENAME2")],
    *,
    fmt: FormatOption = None,
    second_fmt: Annotated[
        str | None, typer.Option("-F", parser=format_name, metavar="FMT", help="Format of the second image.")
    ] = None,
    cache: CacheOption = "writeback",
    show: Annotated[bool, typer.Option("-p", help="Show progress.")] = False,
    quiet: Quiet = False,
    strict: Annotated[bool, typer.Option("-s", help="Sizes and what is mapped must agree too.")] = False,
    share: Share = False,
) -> int:
    """Compare the content of two images up to the first difference."""
    with progress(show and not quiet, label="compare") as tell:
        result = await compare_images(
            first,
            second,
            formats=(as_format(fmt), as_format(second_fmt)),
            strict=strict,
            cache=as_cache(cache),
            lock=not share,
            progress=tell,
        )
    if not quiet:
        _print_lines(result)
    return 0 if result.identical else 1


def _print_lines(result: Comparison) -> None:
    if result.strict and not result.same_size:
        print("Strict mode: Image size mismatch!")
        return
    difference = next((each for each in (result.status_offset, result.content_offset) if each is not None), None)
    if not result.same_size and (difference is None or difference >= min(result.sizes)):
        print("Warning: Image size mismatch!")
    if result.status_offset is not None:
        print(f"Strict mode: Offset {result.status_offset} block status mismatch!")
    elif result.content_offset is not None:
        print(f"Content mismatch at offset {result.content_offset}!")
    else:
        print("Images are identical.")
