"""Meetings: requests of several users, and of several sessions, that come together at a bad moment.

A driver's rarest mistakes need three things at once: two requests on one block, an I/O that fails and takes
older pages with it, and a crash before anything repairs that. Random search seldom draws all three, and a
sweep of one client cannot. So the requests and the I/O that fails stand here, and the tape decides the rest:
the order of everything, which of the I/Os, where it ends, what the crash leaves.

A meeting is written as the programs of ``interleave``, a session after the other: ``w0 f; w0 | f // f`` is
a write and a flush, then a write of one client beside a flush of another, then a session that only flushes.
"""

import asyncio
from functools import partial
from typing import Any, NamedTuple

from faults.exhaustive.interleave import parse_client
from faults.runs.clients import Clients
from faults.runs.run import Outcome, Script, run
from faults.runs.session import Session
from faults.runs.workload import Request, Workload
from faults.runs.world import World
from faults.search.subject import Subject
from faults.simulation.loop import SimLoop
from faults.simulation.plan import FINE, IO, Fate, Plan, Rules, parse_rule
from faults.simulation.tape import Generator, Pick, Tape
from faults.target import Disk, Target

__all__ = ["MARK", "MEETINGS", "Meeting", "attend", "meetings_subject", "of", "parse_meeting"]

MARK = " meetings"


class Meeting(NamedTuple):
    """Who meets, and what may fail."""

    program: str
    faults: tuple[str, ...] = ()
    """Rules in the language of plans, of which at most one holds in a session; the tape says which I/O it strikes.
    What follows a semicolon holds with it."""


LOST = ("event=flush pages=clean_old", "event=flush pages=clean_new")
"""A flush fails, and pages that it could not write are given up."""
LOST_BY_FUA = ("event=write:data pages=clean_old", "event=write:data pages=clean_new")
"""An FUA write fails, and uses up the error of older ones; of a plain write it is its own error."""
DOUBT = ("event=write:bmap effect=all", "event=write:bmap effect=some", "event=write:bmap effect=all once=off")
"""An entry may be there or not, and the driver is told that it failed."""
DOUBT_TWICE = ("event=write:bmap effect=all new-state=1; event=write:bmap state=1",)
"""It is there, and the write that takes it back fails."""
SHORT = ("event=write short=on nth=0",)
ONCE_MORE = ("event=write:header", "event=resize", "event=read", "event=read once=off")
ALL_BUT_ONE = " ".join(f"w0+{block}" for block in range(11))

MEETINGS: tuple[Meeting, ...] = (
    # What is durable, and since when: FUA beside an entry that no flush has covered yet.
    Meeting("w0 f; w0+1 u0+1 | f f"),
    Meeting("w0+5 f; w0 u0 | f w0+6 u0+6 | f"),
    Meeting("w0 f w0+1; us | w0+5 f"),
    Meeting("w0+3 f w0+4; us+3 | f"),
    Meeting("wb wb+1 f; ub | us", SHORT),
    Meeting("w0 uz | w0+1 uz | f"),
    # A flush, or an FUA write, that fails beside what is about to be acknowledged.
    Meeting("w0+1 w0 f; zs | f", LOST),
    Meeting("w0+1 w0 f; ds | f", LOST),
    Meeting("wb+1 wb f; ws | f", LOST),
    Meeting("w0 w0+1 f; w0 w0 | f | w0+1 w0+1", LOST),
    Meeting("w0 f w1; u0 | f", LOST_BY_FUA),
    Meeting("w0 wb+1 f; w0 f f | u0+1 u0+1 | f", LOST_BY_FUA),
    # Entries in doubt.
    Meeting("w0+5; w0 f | w0+1 f", DOUBT),
    Meeting("w0+5; w0 r0 | f w0+6 f", DOUBT),
    Meeting("w0+5; w0 w0+6 wb+7 w0+4 w0+8 w0+9", DOUBT),
    Meeting("w0+3 w0+4; w0 f | ws+3 f | d0+5", DOUBT),
    Meeting("w0+5; w0 f r0 zb f r0 | r0", (*DOUBT, *DOUBT_TWICE)),
    Meeting("; w0 zb r0 | w0+4 f", (*DOUBT, *DOUBT_TWICE)),
    Meeting("; ws+3 f | ws+2 f | r0+3 r0+4", DOUBT),
    Meeting(f"{ALL_BUT_ONE}; w0+11 w1+11 | r0+11", (*DOUBT, "event=write:data effect=some")),
    # What one session leaves to the next.
    Meeting("w0 w0+1 // f"),
    Meeting("w0 // u0 // r0"),
    Meeting("w0 wb+1 // w0 | wb+1 f // r0"),
    Meeting("w0 w0+1 f // w0 | w0+1 w1+1 | w1 w0"),
    Meeting("w0; f // w1 f", LOST),
    Meeting("w0; f // r0 | w1 f // r0", LOST),
    Meeting("w0+1 f; w0 | f // w0 | d0+1 f // r0", LOST),
    Meeting("w0+5; w0 | f // w0+2 | w1+5 f // r0", (*LOST, *DOUBT)),
    Meeting("wb wb+1 f; wb+2 | wb+3 // w0+4 | w0+5", ("event=write:bmap", *ONCE_MORE)),
    Meeting("wl wl+3 f // wl | wl+2 r0+3 | wl+6 // r0", ONCE_MORE),
    # Those who leave.
    Meeting("w0 f; u0! w0 | f", LOST_BY_FUA),
    Meeting("w0+5; w0! w0 f | w1! f", DOUBT),
    Meeting("wb wb+1 f; ws! ws | us! | r0 f"),
    Meeting("; w0! wn | f! f | w0 f", LOST),
)
PRELUDE = "P"
CLOSES_EARLY = 0.1
"""As other sessions, these may be closed amid the requests, squeezed, and asked again when nothing fails any more."""
ENDS = ("close", "power", "kill")
EARLIER, LAST = (2, 1, 4), (1, 4, 1)
"""How often a session ends in each way: those that another follows mostly by a kill, which leaves the most to it."""
WHOLE = (3, 1)
"""How often all requests are made, and how often the end comes before."""
LAST_END = "power"
ODD = 0.4
STRIKES = 6
"""One of so many I/Os that a rule names is the one, and rather an early one."""


def parse_meeting(text: str, target: Target) -> tuple[Workload, ...]:
    """A workload for each session.

    Raises:
        ValueError: as ``parse_program``, of which each session is one.
    """
    return tuple(_session(number, program, target) for number, program in enumerate(text.split("//")))


def _session(number: int, program: str, target: Target) -> Workload:
    prelude, _, rest = program.rpartition(";")
    parts = [(PRELUDE, prelude), *zip("ABCDEFGH", rest.split("|"), strict=False)]
    return [parse_client(f"{name}{number}", words, target) for name, words in parts]


def attend(target: Target, meeting: Meeting, tape: Tape) -> Outcome:
    """One run of it. Where the tape has chosen a disk that is too small for it, it is held on the plain one."""
    shaped = target.shaped(_OddTape(tape))
    shaped = shaped if _fits(meeting, shaped) else target
    workloads = parse_meeting(meeting.program, shaped)
    kinds = iter([EARLIER] * (len(workloads) - 1) + [LAST])

    def session(*arguments: Any, **named: Any) -> Session:
        end = tape.draw("meeting.end", len(ENDS), partial(_weighted, next(kinds)))
        is_cut = tape.draw("meeting.cut", len(WHOLE), partial(_weighted, WHOLE))
        lives = named["lives"] if is_cut else None
        return _Session(*arguments, **{**named, "end": ENDS[end], "lives": lives, "closes_early": CLOSES_EARLY})

    script = Script(workloads, partial(_Weather, meeting.faults), LAST_END, session=session)
    return run(shaped, tape, script=script)


def _weighted(weights: tuple[int, ...], chance: Generator, outcomes: int) -> int:
    return chance.choices(range(outcomes), weights)[0]


class _OddTape(Tape):
    """The tape of a run, for the choice of a shape: half of the time the last that there is, which is the oddest."""

    def __init__(self, tape: Tape) -> None:
        self.draws = tape.draws
        self._tape = tape

    def draw(self, label: str, outcomes: int, pick: Pick | None = None) -> int:  # noqa: ARG002
        return self._tape.draw(label, outcomes, _often_the_last)


def _rather_soon(chance: Generator, outcomes: int) -> int:
    return int(chance.random() ** 2 * outcomes)


def _often_the_last(chance: Generator, outcomes: int) -> int:
    return outcomes - 1 if chance.random() < ODD else int(chance.random() * outcomes)


class _Weather(Rules):
    """In each session one of the rules, or none; and not before they meet."""

    def __init__(self, faults: tuple[str, ...], tape: Tape) -> None:
        chosen = tape.draw("meeting.fault", 1 + len(faults))
        super().__init__([parse_rule(rule) for rule in faults[chosen - 1].split(";")] if chosen else [])
        for rule in self.rules[:1]:
            rule.nth = rule.nth and 1 + tape.draw("meeting.nth", STRIKES, _rather_soon)
        self.has_begun = False

    def fate(self, io: IO) -> Fate:
        fate = super().fate(io) if self.has_begun else FINE
        return fate if io.tells_of_older else fate._replace(pages=FINE.pages)  # a plain write's error is its own


class _Guests(Clients):
    """The first of them is the prelude; the others come when it is over."""

    def __init__(self, world: World, loop: SimLoop, plan: Plan) -> None:
        super().__init__(world, loop, plan)
        assert isinstance(plan, _Weather)
        self._weather = plan
        self._open = loop.create_future()

    async def send(self, disk: Disk, requests: list[Request]) -> None:
        is_prelude = not requests or requests[0].name.startswith(PRELUDE)
        if not is_prelude and not self._open.done():
            await asyncio.shield(self._open)
        await super().send(disk, requests)
        if is_prelude and not self._open.done():
            self._weather.has_begun = True
            self._open.set_result(None)


class _Session(Session):
    Users = _Guests


def meetings_subject(name: str, target: Target) -> Subject:
    """All that the disk has room for, as a subject: the tape says which.

    Args:
        name: of the target.

    Raises:
        ValueError: it has room for none.
    """
    meetings = [meeting for meeting in MEETINGS if _fits(meeting, target)]
    if not meetings:
        raise ValueError(f"{name}: its {target.size} bytes have no room for any meeting")

    def any_of_them(tape: Tape) -> Outcome:
        return attend(target, meetings[tape.draw("meeting", len(meetings))], tape)

    return Subject(f"{name}{MARK}", any_of_them, target=target)


def of(subject: Subject) -> Subject:
    """The meetings of its target.

    Raises:
        ValueError: it is a story, which takes no requests; or as ``meetings_subject``.
    """
    if subject.target is None:
        raise ValueError(f"{subject.name} is a story; a meeting needs a target that takes requests")
    return meetings_subject(subject.name, subject.target)


def _fits(meeting: Meeting, target: Target) -> bool:
    try:
        parse_meeting(meeting.program, target)
    except ValueError:
        return False
    return True
