"""What each verb of the command line does, between its options and its exit status."""

from argparse import Namespace
from pathlib import Path
from typing import Any

from faults.exhaustive.interleave import interleave
from faults.exhaustive.pairs import pairs
from faults.exhaustive.sweeping import SweepSummary
from faults.exhaustive.sweeping import sweep as sweep_all
from faults.failures.artifact import Artifact, load_artifact, of_outcome, save_artifact, verdict
from faults.failures.artifact import replay as replay_artifact
from faults.failures.html import page
from faults.failures.investigate import Finding, investigate
from faults.failures.report import timeline
from faults.foreign.verb import foreign
from faults.mutants.verb import mutants
from faults.search.budget import Budget
from faults.search.campaign import Summary, campaign
from faults.search.names import resolve
from faults.search.subject import BUG, Subject, find
from faults.simulation.tape import ReplayTape
from faults.terminal import INTERRUPTED, say, show_progress, tell

__all__ = ["bugs", "explore", "foreign", "mutants", "replay", "run", "shrink", "sweep"]

RUNS = 10_000
STEPS_SHOWN = 20
"""Of a replay, the last ones."""
PAIRS = "pairs"
VDI = "vdi"
DISK_OF_PAIRS = "faults.exhaustive.pairs:DISK"


def run(options: Namespace) -> int:
    """Random search."""
    subject = _subject(options)
    runs = options.runs or (None if options.seconds else RUNS)
    say(options, f"seeds from {options.seed} on, target {subject.name}, {options.processes} processes")
    summary = campaign(
        subject,
        options.folder,
        base=options.seed,
        budget=Budget(runs, options.seconds),
        processes=options.processes,
        collect=options.collect,
        progress=lambda so_far: show_progress(options, f"{so_far.runs} runs, {len(so_far.found)} failed"),
    )
    finding = _first(options, subject, summary.found[0].path) if summary.found else None
    tell(options, summary, lambda: _campaign_as_json(summary, finding))
    if options.verbose:
        say(options, "\n".join(f"  {number:6} {cell}" for cell, number in sorted(summary.coverage.cells.items())))
        say(options, "\n".join(f"   never {cell}" for cell in summary.coverage.missing()))
    return INTERRUPTED if summary.was_interrupted else int(not summary.is_clean)


def sweep(options: Namespace) -> int:
    """Every single fault."""
    summary = sweep_all(
        _subject(options),
        options.folder,
        most=options.most,
        pairs=options.pairs,
        meetings=options.meetings,
        budget=Budget(seconds=options.seconds),
        processes=options.processes,
        collect=options.collect,
        progress=lambda so_far: show_progress(options, f"{so_far.workloads} of {so_far.total} workloads"),
    )
    if summary.found:
        path = summary.found[0].path
        _first(options, resolve(load_artifact(path).target), path)
    tell(options, summary, lambda: _sweep_as_json(summary))
    return INTERRUPTED if summary.was_interrupted else int(bool(summary.found))


def explore(options: Namespace) -> int:
    """Every interleaving of a program, or of every pair of requests."""
    if options.program == PAIRS:
        return _explore_pairs(options)
    found = interleave(
        _small_subject(options),
        options.program,
        end=options.end,
        faults=options.faults,
        orders=options.orders,
        deviations=options.deviations,
        limit=options.limit,
    )
    if found.failed is not None:
        outcome = found.failed.run(ReplayTape(found.tape))
        _first(options, found.failed, save_artifact(of_outcome(found.failed, None, outcome), options.folder))
    tell(options, found, found.as_json)
    return INTERRUPTED if found.exploration.was_interrupted else int(found.failed is not None)


def _explore_pairs(options: Namespace) -> int:
    summary = pairs(
        _small_subject(options),
        options.folder,
        limit=options.limit,
        budget=Budget(seconds=options.seconds),
        processes=options.processes,
        progress=lambda row: say(options, str(row)),
    )
    if summary.failed and (path := summary.failed[0].path):
        _first(options, resolve(load_artifact(path).target), path)
    tell(options, summary, summary.as_json)
    return INTERRUPTED if summary.was_interrupted else int(bool(summary.failed))


def replay(options: Namespace) -> int:
    """A failure again."""
    artifact = load_artifact(options.file)
    outcome = replay_artifact(artifact, _subject_of(artifact, options))
    what = verdict(artifact, outcome)
    steps = timeline(outcome)
    shown = steps if options.verbose else steps[-STEPS_SHOWN:]
    before = [f"… {len(steps) - len(shown)} steps before, with -v"] * (len(shown) < len(steps))
    content = {"verdict": what, "kind": outcome.kind, "failure": outcome.failure}
    tell(options, "\n  ".join([what, *before, *map(str, shown)]), lambda: content)
    return int(outcome.failure is not None)


def shrink(options: Namespace) -> int:
    """A failure made small."""
    artifact = load_artifact(options.file)
    finding = investigate(_subject_of(artifact, options), artifact, options.folder, verbose=options.verbose)
    _draw(options, finding)
    tell(options, finding.text, lambda: _finding_as_json(finding))
    return 1


def bugs(options: Namespace) -> int:
    """The corpus."""
    # Here, because the corpus imports every variant of the driver, for this verb alone.
    from faults.corpus.bugs import bugs as search, line  # noqa: PLC0415, I001
    from faults.corpus.catalogue import BUGS  # noqa: PLC0415

    if options.list:
        print("\n".join(f"{each.name:32} {each.difficulty:10} {' '.join(each.paragraph.split())}" for each in BUGS))
        return 0
    say(options, line())
    table = search(
        options.names,
        searches=options.searches,
        budget=options.budget,
        processes=options.processes,
        progress=lambda row: say(options, line(row)),
    )
    if options.json:
        tell(options, "", lambda: [row.as_json() for row in table.rows])
    return INTERRUPTED if table.was_interrupted else int(not all(row.is_right for row in table.rows))


def _subject(options: Namespace) -> Subject:
    return resolve(f"{BUG}{options.variant}" if options.variant else options.target)


def _small_subject(options: Namespace) -> Subject:
    """For an exhaustive search: of the driver itself a small disk, whose crashes have fewer images."""
    return find(DISK_OF_PAIRS) if options.target == VDI and not options.variant else _subject(options)


def _subject_of(artifact: Artifact, options: Namespace) -> Subject:
    return resolve(options.target or artifact.target, artifact.profile)


def _first(options: Namespace, subject: Subject, path: Path) -> Finding:
    """Report the failure in this file."""
    show_progress(options, f"shrinking {path}")
    finding = investigate(subject, load_artifact(path), options.folder, verbose=options.verbose)
    _draw(options, finding)
    show_progress(options, "")
    say(options, finding.text)
    return finding


def _draw(options: Namespace, finding: Finding) -> None:
    """The same timeline as a page, if one was asked for."""
    if options.html is not None:
        options.html.write_text(page(finding, f"python -m faults replay {finding.path}"), encoding="utf-8")


def _finding_as_json(finding: Finding) -> dict[str, Any]:
    case = finding.shrunk.case
    return {
        "failure": finding.failure,
        "kind": finding.shrunk.outcome.kind,
        "artifact": str(finding.path),
        "operations": case.operations,
        "deviations": case.deviations,
        "faults": case.faults,
        "torn": case.torn,
        "timeline": [str(step) for step in timeline(finding.shrunk.outcome)],
        "report": finding.text,
    }


def _campaign_as_json(summary: Summary, finding: Finding | None) -> dict[str, Any]:
    return {
        "seed": summary.first,
        "runs": summary.runs,
        "steps": summary.steps,
        "faults": summary.injected,
        "images": summary.images,
        "seconds": round(summary.seconds, 3),
        "checked": summary.checked,
        "unlike": summary.unlike,
        "interrupted": summary.was_interrupted,
        "fired": {str(cell): number for cell, number in sorted(summary.coverage.cells.items())},
        "never": [str(cell) for cell in summary.coverage.missing()],
        "failures": [each._asdict() | {"path": str(each.path)} for each in summary.found],
        "smallest": _finding_as_json(finding) if finding else None,
    }


def _sweep_as_json(summary: SweepSummary) -> dict[str, Any]:
    return {
        "verdict": summary.verdict,
        "workloads": summary.workloads,
        "of": summary.total,
        "cases": summary.runs,
        "meetings": summary.meetings,
        "seconds": round(summary.seconds, 3),
        "interrupted": summary.was_interrupted,
        "failures": [each._asdict() | {"path": str(each.path)} for each in summary.found],
    }
