"""``aiovdi check``: is an image what it says? Exit status 0: clean, 2: corruptions, 3: leaks only, 1: could not
check, 63: not a format that can be checked."""

import sys
from typing import Annotated

import typer

from aiovdi.cli.arguments import CacheOption, FormatOption, Output, OutputOption, Quiet, Share, as_cache, as_format
from aiovdi.cli.output import print_json
from aiovdi.cli.running import Failure
from aiovdi.format.findings import Finding
from aiovdi.jobs.check import Report
from aiovdi.jobs.check import check as check_image
from aiovdi.jobs.images import open_storage, probe

__all__ = ["check"]

_NOT_SUPPORTED = 63


async def check(
    filename: Annotated[str, typer.Argument(help="An image: a file, a block device or an NBD URI.")],
    *,
    output: OutputOption = Output.HUMAN,
    fmt: FormatOption = None,
    quiet: Quiet = False,
    share: Share = False,
    repair: Annotated[
        str | None, typer.Option("-r", metavar="leaks|all", help="Not available: nothing is repaired.")
    ] = None,
    cache: CacheOption = "writeback",
) -> int:
    """Compare an image's header, block map and file length with each other, and change nothing."""
    if repair is not None:
        raise Failure("-r: repair is not available; the image was neither checked nor changed", status=_NOT_SUPPORTED)
    await _require_vdi(filename, fmt, share=share)
    report = await check_image(filename, cache=as_cache(cache), lock=not share)
    if output is Output.JSON:
        print_json(_facts(report))
    else:
        _print_lines(report, quiet=quiet)
    return report.exit_status


async def _require_vdi(filename: str, fmt: str | None, *, share: bool) -> None:
    if as_format(fmt) is None:
        async with open_storage(filename, lock=not share) as storage:
            fmt = await probe(storage)
    if fmt != "vdi":
        raise Failure(f"{filename}: this image format does not support checks", status=_NOT_SUPPORTED)


def _facts(report: Report) -> dict[str, object]:
    """The keys of ``qemu-img check --output json``, which leaves out numbers that are zero; and the findings."""
    optional = {
        "image-end-offset": report.image_end_offset,
        "total-clusters": report.total_clusters,
        "allocated-clusters": report.allocated_clusters,
        "fragmented-clusters": report.fragmented_clusters,
        "zero-clusters": report.zero_clusters,
        "corruptions": report.corruptions,
        "leaks": report.leaks,
    }
    return {
        "filename": report.filename,
        "format": "vdi",
        "check-errors": 0,
        **{name: number for name, number in optional.items() if number},
        "findings": [_finding(finding) for finding in report.findings],
    }


def _finding(finding: Finding) -> dict[str, object]:
    facts = {"offset": finding.offset, "block": finding.block, "slot": finding.slot, "count": finding.count}
    return {
        "kind": finding.kind.label,
        "severity": finding.severity.value,
        "message": finding.message,
        **{name: number for name, number in facts.items() if number is not None},
    }


def _print_lines(report: Report, *, quiet: bool) -> None:
    for finding in report.findings:
        print(f"{finding.severity.value.upper()}: {finding.message} (offset {finding.offset})", file=sys.stderr)
    if quiet:
        return
    if not report.corruptions and not report.leaks:
        print("No errors were found on the image.")
    if report.corruptions:
        print(f"\n{report.corruptions} errors were found on the image.")
        print("Data may be corrupted, or further writes to the image may corrupt it.")
    if report.leaks:
        print(f"\n{report.leaks} leaked clusters were found on the image.")
        print("This means waste of disk space, but no harm to data.")
    if report.allocated_clusters:
        allocated = 100 * report.allocated_clusters / report.total_clusters
        fragmented = 100 * report.fragmented_clusters / report.allocated_clusters
        share = f"{report.allocated_clusters}/{report.total_clusters} = {allocated:.2f}% allocated"
        print(f"{share}, {fragmented:.2f}% fragmented, 0.00% compressed clusters")
    print(f"Image end offset: {report.image_end_offset}")
