"""``python -m faults mutants``: what it takes, and what it prints.

Exit status 0: every survivor is explained. 1: one is not, or one that was explained as harmless was killed.
"""

import argparse
from argparse import Namespace
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

from faults.mutants.hunt import Result, Tally, Trial, hunt, reach
from faults.mutants.operators import OPERATORS, Mutant, describe, mutants_of
from faults.search.pool import cores
from faults.terminal import INTERRUPTED, say, show_progress, tell

__all__ = ["MODULES", "add_arguments", "mutants"]

MODULES = (
    "aiovdi.driver.disk",
    "aiovdi.driver.writepath",
    "aiovdi.driver.inplace",
    "aiovdi.driver.allocation",
    "aiovdi.driver.slots",
    "aiovdi.driver.metadata",
    "aiovdi.driver.session",
    "aiovdi.driver.flusher",
    "aiovdi.driver.blockmap",
    "aiovdi.driver.lifecycle",
    "aiovdi.settling",
)
"""The write path."""


def add_arguments(verb: argparse.ArgumentParser) -> None:
    """Those of this verb."""
    verb.add_argument("modules", nargs="*", metavar="MODULE", help="such as aiovdi.settling (default: the write path)")
    verb.add_argument("--target", default="vdi", help="what the mutants are part of (default vdi)")
    verb.add_argument("--operators", nargs="+", metavar="NAME", choices=OPERATORS, help="only these kinds of mistake")
    verb.add_argument("--only", metavar="TEXT", help="only mutants whose line, as --list tells it, holds this")
    verb.add_argument("--runs", type=int, default=3_000, help="seeds that are tried (default 3000)")
    verb.add_argument("--most", type=int, default=1_000, help="runs that come by the mistake (default 1000)")
    verb.add_argument("--seconds", type=float, default=60.0, help="for each mutant (default 60)")
    verb.add_argument("--meetings", type=int, default=3_000, help="runs of those, if it survives (default 3000)")
    verb.add_argument("--seed", type=int, default=0, help="the first seed (default 0)")
    verb.add_argument("--jobs", type=int, default=cores(), help="mutants tried at once (default: one for each core)")
    verb.add_argument("--list", action="store_true", help="only tell which there are")
    verb.add_argument("--json", action="store_true", help="print JSON")
    verb.add_argument("-v", "--verbose", action="store_true", help="every mutant, and not only those that survive")


def mutants(options: Namespace) -> int:
    """Try every mutant."""
    sources = {module: _source(module) for module in options.modules or MODULES}
    chosen = list(_chosen(sources, options))
    if not chosen:
        raise ValueError(f"found no mutant of {', '.join(sources)} that was asked for; --list tells which there are")
    if options.list:
        print("\n".join([*describe(), "", *map(str, chosen), f"{len(chosen)} mutants"]))
        return 0
    seeds = range(options.seed, options.seed + options.runs)
    trial = Trial(options.target, seeds, options.most, options.seconds, options.meetings)
    reached = reach(sources, trial, jobs=options.jobs)
    tally = hunt(chosen, reached, trial, jobs=options.jobs, progress=lambda result: _say(options, result))
    tell(options, tally, lambda: _as_json(tally))
    return INTERRUPTED if tally.was_interrupted else int(bool(tally.open or tally.contradicted))


def _source(module: str) -> str:
    try:
        spec = find_spec(module)
    except ModuleNotFoundError:  # of the package that it would be in
        spec = None
    if spec is None or spec.origin is None:
        raise ValueError(f"module {module!r}: there is none")
    if not spec.has_location:
        raise ValueError(f"module {module!r}: found {spec.origin}, expected a file of Python")
    return Path(spec.origin).read_text(encoding="utf-8")


def _chosen(sources: dict[str, str], options: Namespace) -> Iterator[Mutant]:
    for module, source in sources.items():
        for mutant in mutants_of(module, source):
            is_asked = not options.operators or mutant.operator in options.operators
            if is_asked and (options.only or "") in str(mutant):
                yield mutant


def _say(options: Namespace, result: Result) -> None:
    if options.verbose or result.is_open:
        say(options, str(result))
    else:
        show_progress(options, f"{result.mutant.module}:{result.mutant.line}")


def _as_json(tally: Tally) -> dict[str, object]:
    return {
        "mutants": len(tally.results),
        "killed": sum(bool(result.kind) for result in tally.results),
        "explained": sum(not result.kind and bool(result.reason) for result in tally.results),
        "open": [result.as_json() for result in tally.open],
        "contradicted": [result.as_json() for result in tally.contradicted],
        "results": [result.as_json() for result in tally.results],
    }
