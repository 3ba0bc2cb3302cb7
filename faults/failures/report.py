"""A failure on one screen: what was lost, the smallest timeline that loses it, one command that shows it again.

The timeline is in the manner of the 2011 report: a letter for each client, its steps numbered (A1, A2,
B1), in the order in which they happened; what happens to the machine stands for itself. What becomes of
one request, as long as nobody comes between, is one line. Ten lines at most; ``verbose`` gives every step its own.
A target that re-creates somebody's report marks its steps (``faults.simulation.marks``): then the report's
letter stands before each, as in ``A3 [O4]``.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from faults.failures.explain import Difference, Point
from faults.failures.shrink import Shrunk, measure
from faults.runs.run import Outcome
from faults.simulation.marks import Mark
from faults.simulation.plan import IO
from faults.simulation.trace import Event

__all__ = ["LINES_MAX", "Step", "condense", "report", "timeline"]

LINES_MAX = 10
WIDTH_MAX = 160
PACKED_MAX = 100
ASKS = "asks:"


@dataclass(frozen=True)
class Step:
    """One thing that happened, as a reader is told it."""

    who: str
    """A client's letter; "" for the machine."""
    number: int
    """Of the steps of this client, from 1."""
    text: str
    event: int
    """Its index in the trace."""
    is_minor: bool = False
    """It can be left out where room is short."""
    letter: str = ""
    """What somebody's report of this bug calls the step."""

    @property
    def label(self) -> str:
        return f"{self.who}{self.number}" if self.who else "·"

    @property
    def told(self) -> str:
        """The text, with the report's letter before it."""
        return f"[{self.letter}] {self.text}" if self.letter else self.text

    def __str__(self) -> str:
        return f"{self.label} {self.told}"


def timeline(outcome: Outcome) -> list[Step]:
    """The steps of a run."""
    telling = _Telling()
    events = outcome.trace.events
    at = 0
    while at < len(events):
        following = events[at + 1] if at + 1 < len(events) else None
        at += telling.take(at, events[at], following)
    return telling.steps


class _Telling:
    """From events to steps."""

    def __init__(self) -> None:
        self.steps: list[Step] = []
        self._counts: dict[str, int] = {}
        self._owners: dict[object, str] = {}
        self._letters: dict[tuple[str, str], str] = {}
        """For events that are yet to come, by client and kind."""

    def take(self, at: int, event: Event, following: Event | None) -> int:
        """The event at this place, and perhaps the one that follows. Returns how many were told."""
        if isinstance(event.subject, Mark):
            self._mark(at, event.subject, _client(event.by))
            return 1
        if event.what == "issue":
            self._owners[event.subject] = event.by
        who = _client(event.by or self._owners.get(event.subject, ""))
        ends_at_once = event.what == "issue" and following is not None and following.subject is event.subject
        ending = following if ends_at_once else None
        letter = self._letters.pop((who, event.what), "")
        self._add(who, _tell(event, ending), at, is_minor=not letter and _is_minor(event, ending, who), letter=letter)
        return 2 if ends_at_once else 1

    def _add(self, who: str, text: str, at: int, *, is_minor: bool = False, letter: str = "") -> None:
        self._counts[who] = self._counts.get(who, 0) + 1
        self.steps.append(Step(who, self._counts[who], text, at, is_minor, letter))

    def _mark(self, at: int, mark: Mark, who: str) -> None:
        if mark.text:
            self._add(who, mark.text, at, letter=mark.letter)
        elif mark.of and mark.of != "submit":
            self._letters["" if mark.of == "power" else who, mark.of] = mark.letter
        else:
            past = [n for n, step in enumerate(self.steps) if step.who == who]
            asked = [n for n in past if self.steps[n].text.startswith(ASKS)]
            named = (asked if mark.of else past)[-1]
            letters = dict.fromkeys([*self.steps[named].letter.split(), mark.letter])
            self.steps[named] = replace(self.steps[named], is_minor=False, letter=" ".join(letters))


def condense(steps: Sequence[Step], lines_max: int) -> list[str]:
    """At most so many lines. Where there are more: short ones side by side, the minor steps out, then the middle."""
    # That the disk is opened goes without saying, and so does what went well on nobody's behalf.
    told = [step for step in steps if step.who or not step.is_minor]
    important = [step for step in told if not step.is_minor]
    for lines in (_lines(told), _packed(_lines(told)), _packed(_lines(important))):
        if len(lines) <= lines_max:
            return lines
    head = lines_max // 3
    tail = lines_max - head - 1
    return [*lines[:head], f"… {len(lines) - head - tail} lines more, with -v", *lines[-tail:]]


def report(
    failure: str,
    shrunk: Shrunk,
    command: str,
    *,
    before: Outcome | None = None,
    nearest: Difference | None = None,
    since: Point | None = None,
    verbose: bool = False,
) -> str:
    """The whole report. ``command`` shows the failure again; ``before`` is the run as it was found."""
    steps = timeline(shrunk.outcome)
    head = [f"FAILED  {_cut(failure)}", f"  {shrunk.case}{_origin(shrunk, before)}"]
    tail = [f"  nearest: {_cut(str(nearest))}"] if nearest else []
    tail += [f"  bound to fail {_since(since, steps)}"] if since else []
    tail.append(f"  replay:  {command}")
    if verbose:
        middle = [f"    {step}" for step in steps]
    else:
        told = condense(steps, LINES_MAX - len(head) - len(tail))
        if nearest and any(line.startswith("…") for line in told):
            del tail[0]  # what happened comes before what did not
            told = condense(steps, LINES_MAX - len(head) - len(tail))
        middle = [f"    {_cut(line)}" for line in told]
    return "\n".join([*head, *middle, *tail])


def _lines(steps: Sequence[Step]) -> list[str]:
    groups: list[list[Step]] = []
    for step in steps:
        if groups and groups[-1][0].who == step.who and not step.text.startswith(ASKS):
            groups[-1].append(step)
        else:
            groups.append([step])
    return [_line(group) for group in groups]


def _packed(lines: Sequence[str]) -> list[str]:
    packed: list[str] = []
    for line in lines:
        if packed and len(packed[-1]) + len(line) + 3 <= PACKED_MAX:
            packed[-1] += f"   {line}"
        else:
            packed.append(line)
    return packed


def _line(group: Sequence[Step]) -> str:
    first, last = group[0], group[-1]
    label = first.label if len(group) == 1 or not first.who else f"{first.label}–{last.label}"
    important = [step for step in group if not step.is_minor]
    for steps in (group, important):
        line = f"{label} {'; '.join(step.told for step in steps)}"
        if len(line) <= WIDTH_MAX:
            return line
    # What went well in between can be thought of; what the bug hangs on must stand there.
    words, is_cut = [], False
    for step in group:
        matters = step in important and (bool(step.letter) or not step.text.endswith(" ends"))
        words += [f"{'… ' * is_cut}{step.told}"] if matters else []
        is_cut = not matters
    return f"{label} {'; '.join(words)}" if words else line


def _tell(event: Event, ending: Event | None) -> str:
    """An event in words; an I/O that ends at once is told with its end."""
    what, subject, detail = event.what, event.subject, event.detail
    if isinstance(subject, IO):
        return _tell_io(subject, event, ending)
    name = str(subject).partition(" ")[2] or str(subject)
    words = {
        "submit": f"{ASKS} {name}",
        "return": "is told: done",
        "raise": f"is told: {detail}",
        "open": f"{subject} is opened",
        "close": f"{subject} is closed",
        "power": f"power is lost ({subject})",
        "kill": f"the process is gone ({subject})",
    }
    return words.get(what, str(event))


def _tell_io(io: IO, event: Event, ending: Event | None) -> str:
    if event.what == "issue":
        return f"{io} {_fate(ending)}" if ending else f"{io} begins"
    return f"{io} {_fate(event)}"


def _fate(event: Event) -> str:
    return "ends" if str(event.detail) == "succeeds" else str(event.detail)


def _is_minor(event: Event, ending: Event | None, who: str) -> bool:
    """What went well and tells little: a read, an I/O on nobody's behalf, the mere beginning of one."""
    if event.what in ("open", "close"):
        return True
    if not isinstance(event.subject, IO):
        return False
    went_well = str((ending or event).detail) in ("succeeds", "")
    return went_well and (event.subject.kind == "read" or not who or (event.what == "issue" and ending is None))


def _client(name: str) -> str:
    """``A`` of request ``A102``, or of ``A1'`` that asks for it again: what a client's requests have in common."""
    return name.rstrip("0123456789'") or name


def _since(point: Point, steps: Sequence[Step]) -> str:
    step = next((step for step in reversed(steps) if point.event is not None and step.event <= point.event), None)
    if not point.draws:
        return "from the start, in any order"
    if point.event is None or step is None:
        return f"only with the last choice: {point.choice}"
    if not step.who and step.text.endswith("is opened"):
        return "from the start, in any order"
    return f"since {step.label} ({_cut(step.text, 60)})" if step.who else f"since: {_cut(step.text, 80)}"


def _origin(shrunk: Shrunk, before: Outcome | None) -> str:
    cut = "" if shrunk.is_minimal else ", cut short"
    found = f"; found as {measure(before)}" if before else ""
    return f" ({shrunk.runs} runs to shrink{cut}{found})"


def _cut(text: str, width: int = WIDTH_MAX) -> str:
    return text if len(text) <= width else f"{text[: width - 1]}…"
