"""``python -m benchmarks``: run the rows and show what came of them.

Exit status: 0; 2 if a row failed; with ``--strict`` 1 if a ratio is below its floor. Two minutes are
what ``--quick`` has: each row may take its share of what is left, and makes do with fewer rounds.
"""

import argparse
import asyncio
import importlib
import json
import pkgutil
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks import machine, report, rows
from benchmarks.harness import Pace, Result, Verdict, run_row
from benchmarks.row import Row
from benchmarks.scratch import scratch_in

__all__ = ["find_rows", "main"]

_QUICK_SECONDS = 105.0
"""Of the two minutes; the rest is for the start, and for a row that runs over."""

_ROW_SECONDS = 300.0
"""Beyond this a row of a full run begins no further round, once it has three."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Returns the exit status."""
    options = _parser().parse_args(arguments)
    found = [row for row in find_rows() if options.name in row.name]
    if options.list:
        for row in found:
            print(f"{row.name}: {row.question}")
        return 0
    if not found:
        print(f"no row has {options.name!r} in its name; --list shows them all", file=sys.stderr)
        return 2
    results = _run_and_print(found, options)
    return _exit_status(results, strict=options.strict)


def find_rows() -> Iterator[Row]:
    """The row of every module in ``benchmarks/rows``, by name."""
    for module in sorted(pkgutil.iter_modules(rows.__path__), key=lambda module: module.name):
        row = importlib.import_module(f"{rows.__name__}.{module.name}").ROW
        assert isinstance(row, Row)
        yield row


def _run_and_print(found: Sequence[Row], options: argparse.Namespace) -> list[Result]:
    with scratch_in(options.scratch) as scratch:
        facts = machine.describe(scratch.folder)
    versions = machine.versions(found)
    print(report.text_of_machine(facts | versions), flush=True)
    results = []
    end = time.perf_counter() + _QUICK_SECONDS
    for number, row in enumerate(found):
        share = (end - time.perf_counter()) / (len(found) - number)
        results.append(_run(row, options, share))
        print(report.text_of(results[-1]), flush=True)
    if options.json is not None:
        content = report.as_json(results, machine=facts, versions=versions, quick=options.quick)
        options.json.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return results


def _run(row: Row, options: argparse.Namespace, share: float) -> Result:
    rounds = options.rounds or row.rounds
    if options.quick:
        pace = Pace(rounds=rounds, seconds=share, rounds_min=1)
    else:
        pace = Pace(rounds=rounds, seconds=_ROW_SECONDS, rounds_min=3)
    with scratch_in(options.scratch) as scratch:
        try:
            return asyncio.run(run_row(row, scratch, pace))
        except Exception as error:  # the other rows still have their answers
            return Result(row, error=f"{type(error).__name__}: {error}")


def _exit_status(results: Sequence[Result], *, strict: bool) -> int:
    if any(result.error is not None for result in results):
        return 2
    below = any(each.verdict is Verdict.BELOW for result in results for each in result.comparisons())
    return 1 if strict and below else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description="aiovdi beside its peers, in paired rounds."
    )
    parser.add_argument("-k", dest="name", default="", metavar="NAME", help="only the rows with NAME in their name")
    parser.add_argument("--list", action="store_true", help="show the rows and run none")
    parser.add_argument("--quick", action="store_true", help="all of it within two minutes, with fewer rounds")
    parser.add_argument("--rounds", type=_positive, metavar="N", help="at most N rounds a row")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write everything that was measured to FILE too")
    parser.add_argument("--scratch", type=Path, metavar="DIR", help="where files go; about 12 GiB for all rows")
    parser.add_argument("--strict", action="store_true", help="exit status 1 if a ratio is below its floor")
    return parser


def _positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"found {value}, expected 1 or more")
    return value


if __name__ == "__main__":
    sys.exit(main())
