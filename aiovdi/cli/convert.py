"""``aiovdi convert``: a copy in another format. The target is there whole or not at all."""

from pathlib import Path
from typing import Annotated

import typer

from aiovdi.cli.arguments import (
    CacheOption,
    FormatOption,
    Quiet,
    Share,
    as_cache,
    as_format,
    cache_name,
    format_name,
    parse_options,
    parse_size,
)
from aiovdi.cli.create import OPTIONS, OPTIONS_HELP, image_options, in_words_of_options
from aiovdi.cli.progress import progress
from aiovdi.cli.running import Failure
from aiovdi.jobs.convert import convert as convert_image
from aiovdi.jobs.images import Format
from aiovdi.units import SECTOR, MiB

__all__ = ["convert"]

_SPARSE_MAX = 16 * MiB
_PARALLEL_MAX = 16
_DIRECT = frozenset({"none", "directsync"})


def _sparse_size(text: str | int) -> int:
    size = parse_size(text)
    if size % SECTOR or size > _SPARSE_MAX:
        raise typer.BadParameter(
            f"found {text!r}, expected a multiple of {SECTOR} up to {_SPARSE_MAX}, or 0 for no holes"
        )
    return size


def _is_one_file(source: str, target: str) -> bool:
    try:
        return Path(source).samefile(target)
    except OSError:
        return False


CACHE_HELP = (
    "Cache mode of the target. A new one is not flushed at the end unless one but unsafe is named, as with qemu-img."
)


async def convert(
    files: Annotated[list[str], typer.Argument(metavar="SOURCE TARGET", help="Files, block devices or NBD URIs.")],
    *,
    fmt: FormatOption = None,
    target_fmt: Annotated[
        str, typer.Option("-O", parser=format_name, metavar="FMT", help="Format of the target.")
    ] = "raw",
    option: Annotated[list[str] | None, typer.Option("-o", metavar="OPTIONS", help="As for create.")] = None,
    show: Annotated[bool, typer.Option("-p", help="Show progress.")] = False,
    quiet: Quiet = False,
    parallel: Annotated[
        int, typer.Option("-m", min=1, max=_PARALLEL_MAX, help="Steps of 1 MiB under way at once.")
    ] = 4,
    out_of_order: Annotated[bool, typer.Option("-W", help="Let the steps overtake each other.")] = False,
    sparse: Annotated[
        int,
        typer.Option("-S", parser=_sparse_size, metavar="SIZE", help="Zeros in a row that make a hole; 0: none do."),
    ] = 4096,
    existing: Annotated[bool, typer.Option("-n", help="Write into a target that exists.")] = False,
    target_is_zero: Annotated[bool, typer.Option("--target-is-zero", help="With -n: it reads zeros already.")] = False,
    cache: Annotated[str | None, typer.Option("-t", parser=cache_name, metavar="CACHE", help=CACHE_HELP)] = None,
    source_cache: CacheOption = "writeback",
    share: Share = False,
) -> int:
    """Copy the disk in SOURCE to TARGET; zeros take no space there. An existing TARGET is replaced at the end.

    An NBD export is written into."""
    if option and any(each in {"help", "?"} for each in option):
        print(OPTIONS_HELP, end="")
        return 0
    if len(files) != 2:
        raise Failure(f"found {len(files)} file names, expected one source and one target")
    target_format: Format = as_format(target_fmt) or "raw"
    values = parse_options(option or [], known=OPTIONS - {"size"} if target_format == "vdi" else frozenset())
    if existing and values:
        raise Failure("-o is for a new target, and -n is for one that exists")
    if target_is_zero and not existing:
        raise Failure("--target-is-zero is for -n: a new target reads zeros anyway")
    if cache in _DIRECT and not existing:
        raise Failure(f"-t {cache}: a new target is written through the page cache, and flushed at the end")
    block_size, fixed, comment = image_options(values)
    if not share and _is_one_file(*files):
        raise Failure(f"{files[1]} is both the source and the target")
    with in_words_of_options(), progress(show and not quiet, label=files[1]) as tell:
        await convert_image(
            *files,
            source_format=as_format(fmt),
            target_format=target_format,
            block_size=block_size,
            fixed=fixed,
            comment=comment,
            sparse=sparse,
            parallel=parallel,
            in_order=not out_of_order,
            existing=existing,
            target_is_zero=target_is_zero,
            overwrite=True,
            cache=as_cache(cache or ("writeback" if existing else "unsafe")),
            source_cache=as_cache(source_cache),
            lock=not share,
            progress=tell,
        )
    return 0
