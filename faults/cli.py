"""``python -m faults run | sweep | explore | replay | shrink | bugs | foreign | mutants``: words, and what they print.

Exit status 0: nothing was found (``bugs``: everything that there is, and nothing else). 1: something
was. 2: the command was wrong. 130: interrupted by Ctrl-C or SIGTERM, after the summary so far.
"""

import argparse
import os
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from faults import verbs
from faults.exhaustive.guided import ORDERS
from faults.exhaustive.interleave import ENDS
from faults.foreign import verb as foreign
from faults.mutants import verb as mutants
from faults.search.pool import cores
from faults.terminal import INTERRUPTED
from faults.words import count, describe, require_writable, seconds, whole

__all__ = ["main", "parser"]

WRITING = frozenset({"run", "sweep", "explore", "shrink", "foreign"})
"""Verbs that may leave files in their folder."""

SHELL_SIGNAL = 128

EPILOG = """targets:
  vdi            aiovdi's driver (the default)
  bug:NAME       a row of the corpus, see: python -m faults bugs --list
  module:name    a class or object of the shape of faults.target.Target, or a story: a function of a
                 faults.runs.story.Sim
"""

PROGRAMS = """programs: clients side by side, each with words in a row, such as 'w0 f | w1'
  w0 w1 wb wn ws wu   write the first sector of a block, the second, the whole block, the next block's first sector,
                      across the border, a part of a sector
  wl                  write across the border, one byte of it in the next block
  u0 ub us uz         with FUA: the first sector, the block, across the border, zeros for the block
  z0 zb zs            zeros for the first sector, the block, two blocks
  d0 ds r0 f          discard the block, two blocks; read the block; flush
  w0+1                the same, one block further on
  w0!                 it is cancelled, once, at any moment
  w0 f; w1 | w1       what stands before a semicolon comes first, by itself

orders:
""" + "".join(f"  {name:<19} {text}\n" for name, text in ORDERS.items())


def parser() -> argparse.ArgumentParser:
    """The command line."""
    top = argparse.ArgumentParser(
        "python -m faults", description=__doc__, epilog=EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = top.add_subparsers(dest="verb", required=True, metavar="VERB")

    run = _verb(commands, "run", "random search: one run for each seed")
    _searching(run)
    run.add_argument("--seed", type=whole, default=0, help="the first seed (default 0)")
    run.add_argument("--runs", type=count, help="at most so many runs (default 10000, or no end with --seconds)")

    sweep = _verb(commands, "sweep", "every single fault in every small workload")
    _searching(sweep)
    sweep.add_argument("--most", type=int, default=3, choices=(1, 2, 3), help="operations of a workload (default 3)")
    sweep.add_argument("--pairs", action="store_true", help="a second fault behind every error")
    sweep.add_argument("--meetings", type=whole, default=6_000, help="runs of what sweeps cannot meet (default 6000)")

    explore = _verb(commands, "explore", "every interleaving of a small program, with every crash", PROGRAMS)
    _subject(explore)
    explore.add_argument(
        "program", help="such as 'w0 f | w1', see below; or 'pairs': all pairs of requests in every danger"
    )
    explore.add_argument("--end", default="any", choices=ENDS, help="crashes that are tried (default any)")
    explore.add_argument("--faults", type=whole, default=0, help="I/Os that may be at fault in a run (default 0)")
    explore.add_argument("--orders", default="moments", choices=ORDERS, help="see below (default moments)")
    explore.add_argument("--limit", type=count, default=100_000, help="runs of a program (default 100000)")
    explore.add_argument("--deviations", type=whole, help="with --orders any: how often tasks overtake (default: any)")
    explore.add_argument("--seconds", type=seconds, help="with pairs: stop after so many seconds")
    explore.add_argument("--processes", type=count, default=cores(), help="with pairs: default one for each core")

    for name, text in (("replay", "run a failure again"), ("shrink", "make a failure small, and explain it")):
        verb = _verb(commands, name, text)
        verb.add_argument("file", type=Path, help="an artifact")
        verb.add_argument("--target", help="run it on this one instead")
        _reporting(verb, draws=name == "shrink")

    bugs = _verb(commands, "bugs", "run the corpus: how soon is each bug found, and how small is it")
    bugs.add_argument("names", nargs="*", metavar="NAME", help="of bugs (default: all)")
    bugs.add_argument("--list", action="store_true", help="only tell what there is")
    bugs.add_argument("--searches", type=count, default=3, help="for each bug, with other seeds (default 3)")
    bugs.add_argument("--budget", type=count, help="runs of a search (default: by difficulty)")
    bugs.add_argument("--processes", type=count, default=cores(), help="default: one for each core")
    bugs.add_argument("--json", action="store_true", help="print JSON")
    foreign_driver = _verb(commands, "foreign", "random search in somebody else's driver, over NBD")
    foreign.add_arguments(foreign_driver)
    mutants.add_arguments(_verb(commands, "mutants", "put mistakes into the driver, and see which are not found"))
    return top


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command. Returns its exit status."""
    options = parser().parse_args(arguments)
    try:
        with _sigterm_as_interrupt():
            _check(options)
            status = int(getattr(verbs, options.verb)(options))
            sys.stdout.flush()
            return status
    except BrokenPipeError:  # nobody reads on; the interpreter would try it again at its end
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return SHELL_SIGNAL + signal.SIGPIPE
    except (ValueError, OSError) as error:
        print(f"faults {options.verb}: {describe(error)}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return INTERRUPTED


@contextmanager
def _sigterm_as_interrupt() -> Iterator[None]:
    """``kill`` and ``timeout`` end a search as Ctrl-C does: with what it has found so far, and no process left."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _check(options: argparse.Namespace) -> None:
    """What argparse cannot know. Raises ValueError or OSError."""
    if options.verb in WRITING:
        require_writable(options.folder)
    if (page := getattr(options, "html", None)) is not None and not page.parent.is_dir():
        raise ValueError(f"--html {page}: there is no folder {page.parent}")
    if options.verb == "explore":
        _check_exploration(options)


def _check_exploration(options: argparse.Namespace) -> None:
    if not options.program.strip(" |;"):
        raise ValueError(f"program: found {options.program!r}, expected requests such as 'w0 f | w1', or 'pairs'")
    if options.deviations is not None and options.orders != "any":
        raise ValueError(f"--deviations is for --orders any, found --orders {options.orders}")
    if options.seconds is not None and options.program != verbs.PAIRS:
        raise ValueError("--seconds is for 'pairs'; a program has --limit")


def _verb(
    commands: "argparse._SubParsersAction[argparse.ArgumentParser]", name: str, text: str, epilog: str = ""
) -> argparse.ArgumentParser:
    kind = argparse.RawDescriptionHelpFormatter
    return commands.add_parser(name, help=text, description=text, epilog=epilog, formatter_class=kind)


def _subject(verb: argparse.ArgumentParser) -> None:
    subject = verb.add_mutually_exclusive_group()
    subject.add_argument("--target", default="vdi", help="what is searched (default vdi); see: python -m faults --help")
    subject.add_argument("--variant", metavar="BUG", help="the same as --target bug:BUG")
    _reporting(verb)


def _searching(verb: argparse.ArgumentParser) -> None:
    _subject(verb)
    verb.add_argument("--seconds", type=seconds, help="stop after so many seconds")
    verb.add_argument("--processes", type=count, default=cores(), help="default: one for each core")
    verb.add_argument("--collect", action="store_true", help="go on after the first failure")


def _reporting(verb: argparse.ArgumentParser, *, draws: bool = True) -> None:
    if draws:
        verb.add_argument("--html", type=Path, metavar="FILE", help="draw the timeline of the failure into this page")
    verb.add_argument("--folder", type=Path, default=Path("failures"), help="where failures are written")
    verb.add_argument("--json", action="store_true", help="print JSON")
    verb.add_argument("-v", "--verbose", action="store_true", help="every step of the timeline, every cell")
