"""The timeline of a failure as a page that needs nothing else: no script, no font, no address.

A column for each client and one for the machine; time goes down. Where a column is shaded, an I/O of
that client is under way. What failed, and what was lost, is marked.
"""

from collections.abc import Sequence
from html import escape

from faults.investigate import Finding
from faults.plan import IO
from faults.report import Step, timeline
from faults.trace import Event

__all__ = ["page"]

STYLE = """
body { font: 15px/1.4 system-ui, sans-serif; margin: 2em auto; max-width: 75em; padding: 0 1em; color: #1b1b1b; }
h1 { font-size: 1.3em; color: #a40000; } table { border-collapse: collapse; width: 100%; margin: 1.5em 0; }
th, td { text-align: left; vertical-align: top; padding: .3em .7em; border-left: 1px solid #ddd; }
th { border-bottom: 2px solid #888; } tr:nth-child(even) td { background: #fafafa; }
td.busy, tr:nth-child(even) td.busy { background: #dfeaf7; } td.bad, tr:nth-child(even) td.bad { background: #f9d6d2; }
b { color: #555; margin-right: .4em; } code { background: #f0f0f0; padding: .1em .3em; overflow-wrap: anywhere; }
@media (prefers-color-scheme: dark) {
  body, code { background: #1c1c1c; color: #e6e6e6; } code { background: #333; }
  h1 { color: #ff8a80; } b { color: #aaa; }
  th, td { border-color: #444; } tr:nth-child(even) td { background: #222; }
  td.busy, tr:nth-child(even) td.busy { background: #233a55; }
  td.bad, tr:nth-child(even) td.bad { background: #5c2320; }
}
"""


def page(finding: Finding, command: str) -> str:
    """The whole page; it is XML too. ``command`` shows the failure again."""
    outcome = finding.shrunk.outcome
    steps = timeline(outcome)
    columns = [*dict.fromkeys(step.who for step in steps if step.who), ""]
    busy = _busy(outcome.trace.events, steps)
    head = "".join(f"<th>{escape(who) or 'machine'}</th>" for who in columns)
    rows = "\n".join(_row(step, columns, busy[number]) for number, step in enumerate(steps))
    notes = [str(finding.shrunk.case), *([f"Nearest: {finding.nearest}"] if finding.nearest else [])]
    return f"""<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"/><title>{escape(finding.failure)}</title><style>{STYLE}</style></head>
<body><h1>{escape(finding.failure)}</h1>
{"".join(f"<p>{escape(note)}</p>" for note in notes)}
<table><thead><tr>{head}</tr></thead><tbody>
{rows}
</tbody></table>
<p>Again: <code>{escape(command)}</code></p></body></html>
"""


def _row(step: Step, columns: Sequence[str], busy: set[str]) -> str:
    cells = []
    for who in columns:
        text = f"<b>{escape(step.label)}</b>{escape(step.text)}" if who == step.who else ""
        kind = "bad" if text and _is_bad(step.text) else "busy" if who in busy else ""
        cells.append(f'<td class="{kind}">{text}</td>')
    return f"<tr>{''.join(cells)}</tr>"


def _is_bad(text: str) -> bool:
    told = text.startswith("is told: ") and text != "is told: done"
    return told or any(word in text for word in (" fails with ", " is short", "power is lost", "process is gone"))


def _busy(events: Sequence[Event], steps: Sequence[Step]) -> list[set[str]]:
    """For each step the clients of which an I/O is under way."""
    starts = {step.event: number for number, step in enumerate(steps)}
    busy: list[set[str]] = [set() for _ in steps]
    begun: dict[IO, int] = {}
    for number, event in enumerate(events):
        at = starts.get(number)
        if not isinstance(event.subject, IO):
            if event.what in ("power", "kill"):
                begun.clear()
        elif event.what == "issue" and at is not None:
            begun[event.subject] = at
        elif event.what == "end" and at is not None and event.subject in begun:
            first = begun.pop(event.subject)
            for row in range(first, at + 1):
                busy[row].add(steps[first].who)
    return busy
