"""``python -m faults foreign DRIVER``: what is searched, and what is printed of what was found."""

from argparse import ArgumentParser, Namespace
from pathlib import Path

from aiovdi.units import MiB
from faults.failures.artifact import load_artifact, verdict
from faults.foreign.drivers import DRIVERS, SIZE, Driver, find_driver
from faults.foreign.finding import shorten
from faults.foreign.formats import FORMATS
from faults.foreign.run import run
from faults.foreign.search import Search
from faults.foreign.subject import PREFIX
from faults.foreign.summary import Group, Summary
from faults.search.budget import Budget
from faults.search.pool import cores
from faults.simulation.tape import ReplayTape
from faults.terminal import INTERRUPTED, say, show_progress, tell
from faults.words import count, seconds, whole

__all__ = ["add_arguments", "foreign"]

SECONDS = 100.0
SHRINKING_SECONDS = 20.0


def add_arguments(verb: ArgumentParser) -> None:
    """The words after ``foreign``."""
    known = ", ".join(DRIVERS)
    verb.add_argument("driver", help=f"one of {known}; a command with {{uri}} and {{socket}}; or an artifact")
    verb.add_argument("--image", type=Path, help="of an artifact: run it again, and leave its image here")
    verb.add_argument("--size", type=count, default=SIZE, help=f"bytes of a command's disk (default {SIZE})")
    verb.add_argument("--room", type=whole, default=0, help="bytes of its image at its largest (default: as created)")
    verb.add_argument("--create", default="", help="command with {image} and {size} that makes an empty image")
    verb.add_argument("--check", default="", help="command with {image} that finds a sound image sound")
    verb.add_argument("--repair", default="", help="command with {image} that its format demands after a kill")
    verb.add_argument("--grows", action="store_true", help="its image grows by writes past the end, up to --room")
    verb.add_argument("--block-size", type=count, default=MiB, help=f"bytes that it allocates at once (default {MiB})")
    verb.add_argument("--turns", type=count, default=4, help="probes until a command is taken to be quiet (default 4)")
    verb.add_argument("--format", default="", choices=sorted(FORMATS), help="of its image, if faults can read it")
    verb.add_argument("--seconds", type=seconds, help=f"search for so long (default {SECONDS:.0f}, no end with --runs)")
    verb.add_argument("--runs", type=count, help="at most so many runs")
    verb.add_argument("--seed", type=whole, default=0, help="the first seed (default 0)")
    verb.add_argument("--processes", type=count, default=cores(), help="default: one for each core")
    verb.add_argument(
        "--shrink",
        type=seconds,
        default=SHRINKING_SECONDS,
        metavar="SECONDS",
        help=f"for each kind of failure (default {SHRINKING_SECONDS:.0f}; 0: only list them)",
    )
    verb.add_argument("--folder", type=Path, default=Path("failures"), help="where failures are written")
    verb.add_argument("--json", action="store_true", help="print JSON")
    verb.add_argument("-v", "--verbose", action="store_true", help="every step of the timelines")


def foreign(options: Namespace) -> int:
    """Search, then shrink what was found. Returns the exit status."""
    if options.image is not None:
        return _leave_image(Path(options.driver), options.image)
    driver = _driver(options)
    driver.check_words()
    driver.blank()  # a driver that cannot be run is an error of the command, and is told at once
    seconds = options.seconds if options.seconds or options.runs else SECONDS
    say(options, f"seeds from {options.seed} on, {driver.name}, {options.processes} processes: {driver.command}")
    search = Search(
        driver,
        options.folder,
        found=lambda group: say(options, _line(group)),
        progress=lambda so_far: show_progress(
            options, f"{so_far.part.runs} runs, {len(so_far.groups)} kinds of failure"
        ),
    )
    summary = search.run(Budget(options.runs, seconds), base=options.seed, processes=options.processes)
    show_progress(options, "")
    reports: dict[str, Path] = {}
    try:
        _shorten_all(options, search, reports)
    except KeyboardInterrupt:
        summary.was_interrupted = True
    tell(options, summary, lambda: _as_json(summary, reports))
    return INTERRUPTED if summary.was_interrupted else int(bool(summary.groups or summary.part.unlike))


def _leave_image(path: Path, image: Path) -> int:
    """For programs that look at images: what the failing run has left. Returns the exit status."""
    artifact = load_artifact(path)
    driver = find_driver(artifact.target.removeprefix(PREFIX))
    outcome = run(driver, ReplayTape(artifact.draws), artifact.profile, image=image)
    print(verdict(artifact, outcome))
    return int(outcome.failure is not None)


def _driver(options: Namespace) -> Driver:
    if "{" not in options.driver:
        return find_driver(options.driver)
    return Driver(
        name="command",
        command=options.driver,
        create=options.create,
        check=options.check,
        repair=options.repair,
        format=options.format,
        size=options.size,
        block_size=options.block_size,
        room=options.room,
        grows=options.grows,
        turns=options.turns,
    )


def _shorten_all(options: Namespace, search: Search, paths: dict[str, Path]) -> None:
    """The smallest run of each kind, in the order in which they were found, and the image that it leaves."""
    driver, subject, summary = search.driver, search.subject, search.summary
    for group in summary.groups.values() if options.shrink and not summary.was_interrupted else ():
        show_progress(options, f"shrinking {group.path}")
        artifact = load_artifact(group.path)
        shrunk, path, text = shorten(subject, artifact, options.folder, seconds=options.shrink, verbose=options.verbose)
        paths[group.kind] = path
        run(driver, ReplayTape(shrunk.outcome.draws), subject.profile, image=path.with_suffix(".img"))
        say(options, f"\n{text}\n  image:   {path.with_suffix('.img')}\n")


def _as_json(summary: Summary, reports: dict[str, Path]) -> dict[str, object]:
    part = summary.part
    return {
        "driver": summary.name,
        "runs": part.runs,
        "seconds": round(summary.seconds, 3),
        "events": part.steps,
        "faults": part.injected,
        "checked": part.checked,
        "unlike": part.unlike,
        "late": part.late,
        "interrupted": summary.was_interrupted,
        "kinds": dict(summary.kinds),
        "fired": {str(cell): number for cell, number in sorted(part.coverage.cells.items())},
        "found": [_group_as_json(group, reports.get(group.kind)) for group in summary.groups.values()],
    }


def _group_as_json(group: Group, smallest: Path | None) -> dict[str, object]:
    return group._asdict() | {"path": str(group.path), "smallest": str(smallest) if smallest else None}


def _line(group: Group, width: int = 120) -> str:
    text = group.failure if len(group.failure) <= width else f"{group.failure[: width - 1]}…"
    return f"{group.seconds:6.1f} s, run {group.runs}: {group.kind}: {text}"
