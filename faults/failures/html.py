"""The timeline of a failure as a page that needs nothing else: no script, no font, no address.

Time goes down. Each request has a lane, shaded from its asking to its answer (where there are many, each
client has one, since its requests come one after the other); the storage has one too, in which every I/O
is a bar from its beginning to its end. What failed and what was lost is marked, and so
is the moment since which the run was bound to fail. Where there is no room for lanes, as on a telephone, the
steps stand one below the other, each with its request's name.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from html import escape

from faults.failures.investigate import Finding
from faults.failures.report import Step, timeline
from faults.simulation.plan import IO
from faults.simulation.trace import Event

__all__ = ["page"]

TRACK_PX = 10
LANES_MAX = 4
"""Requests that get a lane each."""
DIGITS = "0123456789'"
ENDINGS = ("power", "kill")
STYLE = """
:root { --ink: #1b1b1b; --paper: #fff; --soft: #6b6b6b; --line: #ddd; --lane: #eef4fb; --io: #3f7fc1; --bad: #b3261e;
  --wash: #fbe4e1; --mark: #fff1b8; color-scheme: light dark; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e6e6; --paper: #1a1a1a; --soft: #9d9d9d; --line: #3d3d3d;
  --lane: #22303f; --io: #6ea8e0; --bad: #ff8a80; --wash: #4d201d; --mark: #5a4a00; } }
body { font: 15px/1.4 system-ui, sans-serif; margin: 2em auto; max-width: 90em; padding: 0 1em; color: var(--ink);
  background: var(--paper); }
h1 { font-size: 1.3em; color: var(--bad); } p { margin: .5em 0; } code { overflow-wrap: anywhere; }
table { border-collapse: collapse; width: 100%; margin: 1.5em 0; }
th { position: sticky; top: 0; background: var(--paper); border-bottom: 2px solid var(--soft); }
th small { display: block; font-weight: normal; color: var(--soft); }
th:last-child { min-width: 24em; }
th, td { text-align: left; vertical-align: top; padding: .2em .7em; border-left: 1px solid var(--line); }
td.under-way { background: var(--lane); box-shadow: inset 4px 0 var(--io); }
td.minor { color: var(--soft); }
td.bad, tr.ending td { background: var(--wash); } td.bad { box-shadow: inset 4px 0 var(--bad); }
tr.ending td { border-top: 2px solid var(--bad); border-bottom: 2px solid var(--bad); }
tr.doomed td { border-top: 2px dashed var(--bad); }
b { color: var(--soft); margin-right: .4em; } mark { background: var(--mark); color: inherit; padding: 0 .3em;
  border-radius: .3em; margin-right: .4em; font-weight: bold; } em { color: var(--bad); }
@media (max-width: 50em) {
  thead, td:not(.told) { display: none; } table, tbody, tr, td.told { display: block; }
  td { border: 0; } td.storage { background-image: none !important; padding-left: 2em !important; }
}
"""


@dataclass
class _Row:
    """One step, and what is going on meanwhile."""

    step: Step
    event: Event
    lane: str
    """Name of the request on whose behalf it is; "" for nobody's."""
    under_way: set[str] = field(default_factory=set)
    """Requests that were asked and not answered."""
    tracks: list[str] = field(default_factory=list)
    """Class of each bar of the storage's lane; "" where there is none."""


def page(finding: Finding, command: str) -> str:
    """The whole page; it is XML too. ``command`` shows the failure again."""
    rows = _rows(finding)
    lanes = _lanes(rows)
    doomed = _doomed(finding, rows)
    head = "".join(f"<th>{escape(name)}<small>{escape(title)}</small></th>" for name, title in lanes.items())
    body = "\n".join(_html(row, list(lanes), is_doomed=row is doomed) for row in rows)
    notes = [str(finding.shrunk.case), *([f"Nearest: {finding.nearest}"] if finding.nearest else [])]
    notes += ["Dashed: from here on the run was bound to fail."] if doomed else []
    return f"""<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"/><meta name="viewport" content="width=device-width"/>
<title>{escape(finding.failure)}</title><style>{STYLE}</style></head>
<body><h1>{escape(finding.failure)}</h1>
{"".join(f"<p>{escape(note)}</p>" for note in notes)}
<table><thead><tr>{head}<th>storage<small>I/O under way, the host</small></th></tr></thead><tbody>
{body}
</tbody></table>
<p>Again: <code>{escape(command)}</code></p></body></html>
"""


def _rows(finding: Finding) -> list[_Row]:
    """The steps with what goes on at each, read from the trace."""
    events = finding.shrunk.outcome.trace.events
    steps = {step.event: step for step in timeline(finding.shrunk.outcome)}
    rows: list[_Row] = []
    owners: dict[object, str] = {}
    asked: set[str] = set()
    tracks: list[IO | None] = []
    for number, event in enumerate(events):
        if event.what == "issue":
            owners[event.subject] = event.by
            _begin(tracks, event.subject)
        lane = owners.get(event.subject, event.by)
        if event.what == "submit":
            asked.add(lane)
        if number in steps:
            rows.append(_Row(steps[number], event, lane, set(asked), [_bar(io, event) for io in tracks]))
        elif rows and isinstance(event.subject, IO):  # the end of an I/O that was told with its beginning
            rows[-1].event = event
            rows[-1].tracks = [_bar(io, event) for io in tracks]
        if event.what in ("return", "raise"):
            asked.discard(lane)
        elif event.what in ENDINGS:
            asked, tracks = set(), []
        elif event.what == "end" and event.subject in tracks:
            tracks[tracks.index(event.subject)] = None
    return rows


def _begin(tracks: list[IO | None], io: object) -> None:
    """Give an I/O the first track that is free."""
    assert isinstance(io, IO)
    if None in tracks:
        tracks[tracks.index(None)] = io
    else:
        tracks.append(io)


def _bar(io: IO | None, event: Event) -> str:
    if io is None:
        return ""
    return "failed" if io is event.subject and _is_bad(event) else "on"


def _lanes(rows: Sequence[_Row]) -> dict[str, str]:
    """Names and titles in the order of asking: of the requests, or of those who make them, if they are too many."""
    asked = {row.lane: str(row.event.subject).removeprefix(row.lane) for row in rows if row.event.what == "submit"}
    if len(asked) <= LANES_MAX:
        return {name: title.strip() for name, title in asked.items()}
    for row in rows:
        row.lane = row.lane.rstrip(DIGITS) or row.lane
        row.under_way = {name.rstrip(DIGITS) or name for name in row.under_way}
    return {name.rstrip(DIGITS) or name: "one after the other" for name in asked}


def _doomed(finding: Finding, rows: Sequence[_Row]) -> _Row | None:
    """The row since which nothing could save the run; None if that was so from the start."""
    since = finding.since
    if not since.draws or since.event is None:
        return None
    return next((row for row in reversed(rows) if row.step.event <= since.event), None)


def _html(row: _Row, lanes: Sequence[str], *, is_doomed: bool) -> str:
    kind = " ".join((["ending"] if row.event.what in ENDINGS else []) + (["doomed"] if is_doomed else []))
    is_storage = isinstance(row.event.subject, IO) or row.lane not in lanes
    cells = [_cell(row, lane, told=lane == row.lane and not is_storage) for lane in lanes]
    classes = " ".join(["storage", *_classes(row, told=is_storage)])
    storage = f'<td class="{classes}" {_bars(row.tracks)}>{_text(row) if is_storage else ""}</td>'
    return f'<tr class="{kind}">{"".join(cells)}{storage}</tr>'


def _bars(tracks: Sequence[str]) -> str:
    """A bar for each I/O that is under way, over the whole height of the cell, and room for them."""
    colours = {"on": "var(--io)", "failed": "var(--bad)"}
    drawn = [(at * TRACK_PX + 6, colours[bar]) for at, bar in enumerate(tracks) if bar]
    styles = {"padding-left": f"{len(tracks) * TRACK_PX + 12}px"}
    if drawn:
        styles["background-image"] = ", ".join(f"linear-gradient({colour} 0 0)" for _, colour in drawn)
        styles["background-position"] = ", ".join(f"{left}px 0" for left, _ in drawn)
        styles |= {"background-size": f"{TRACK_PX - 3}px 100%", "background-repeat": "no-repeat"}
    return f'style="{"; ".join(f"{name}: {value}" for name, value in styles.items())}" data-io="{len(drawn)}"'


def _cell(row: _Row, lane: str, *, told: bool) -> str:
    under_way = ["under-way"] if lane in row.under_way else []
    return f'<td class="{" ".join([*under_way, *_classes(row, told=told)])}">{_text(row) if told else ""}</td>'


def _classes(row: _Row, *, told: bool) -> Iterator[str]:
    if told:
        yield "told"
        if _is_bad(row.event):
            yield "bad"
        elif row.step.is_minor:
            yield "minor"


def _text(row: _Row) -> str:
    letter = f"<mark>{escape(row.step.letter)}</mark>" if row.step.letter else ""
    return f"<b>{escape(row.step.label)}</b>{letter}{escape(row.step.text)}"


def _is_bad(event: Event) -> bool:
    """A fault, an answer that is none, an end that nobody asked for."""
    if isinstance(event.subject, IO):
        return event.what == "end" and str(event.detail) != "succeeds"
    return event.what in ("raise", *ENDINGS)
