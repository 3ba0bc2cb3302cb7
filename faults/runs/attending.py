"""A run that is a meeting: what the tape leaves to it, and what a session of it does otherwise.

The requests stand in ``meetings``; the tape decides who comes first, which I/O fails, where each session ends,
and what the crash leaves. A shrunk tape leaves requests out, which no other does.
"""

import asyncio
from typing import Any

from faults.runs.clients import Clients
from faults.runs.meetings import Meeting, fits, fitting, parse_meeting
from faults.runs.programs import PRELUDE
from faults.runs.script import Script
from faults.runs.session import Session
from faults.runs.workload import Profile, Request, Workload
from faults.runs.world import World
from faults.simulation.loop import SimLoop
from faults.simulation.plan import FINE, IO, Fate, Plan, Rules, parse_rule
from faults.simulation.tape import Generator, Pick, Tape, likely
from faults.target import Disk, Target

__all__ = ["arranged", "drawn_meeting"]

CLOSES_EARLY = 0.1
"""As other sessions, these may be closed amid the requests, squeezed, and asked again when nothing fails any more."""
ENDS = ("close", "power", "kill")
EARLIER, LAST = likely(2, 1, 4), likely(1, 4, 1)
"""How often a session ends in each way: those that another follows mostly by a kill, which leaves the most to it."""
WHOLE = likely(3, 1)
"""How often all requests are made, and how often the end comes before."""
LAST_END = "power"
ODD = 0.4
CALM, CALM_AFTER, STORMY = 1, 3, 2
"""How often none of the rules holds in a session, in the last of several, and how often each of them."""
STRIKES = 6
"""One of so many I/Os that a rule names is the one, and rather an early one."""


def drawn_meeting(target: Target, profile: Profile, tape: Tape) -> Meeting | None:
    """One of them, if the tape says that this run is to be one."""
    known = fitting(target, profile) if profile.meetings else []
    if not known or not tape.chance("meets", profile.meetings):
        return None
    return known[tape.draw("meeting", len(known), likely(*[meeting.often for meeting in known]))]


def arranged(meeting: Meeting, target: Target, tape: Tape) -> tuple[Target, Script]:
    """What makes a run this meeting. Where the tape has chosen too small a disk, it is held on the plain one."""
    shaped = target.shaped(_OddTape(tape))
    shaped = shaped if fits(meeting, shaped.size, shaped.block_size) else target
    workloads = [_attended(session, tape) for session in parse_meeting(meeting.program, shaped)]
    workloads = [session for session in workloads if any(session)] or workloads[:1]
    earlier = len(workloads) - 1
    kinds = iter([EARLIER] * earlier + [LAST])
    calms = iter([CALM] * earlier + [CALM_AFTER if earlier else CALM])

    def weather(tape: Tape) -> _Weather:
        return _Weather(meeting.faults, tape, calm=next(calms))

    def session(*arguments: Any, **named: Any) -> Session:
        end = tape.draw("meeting.end", len(ENDS), next(kinds))
        is_cut = tape.draw("meeting.cut", 2, WHOLE)
        lives = named["lives"] if is_cut else None
        return _Session(*arguments, **{**named, "end": ENDS[end], "lives": lives, "closes_early": CLOSES_EARLY})

    return shaped, Script(tuple(workloads), weather, LAST_END, session=session)


def _attended(session: Workload, tape: Tape) -> Workload:
    """As it is written; only a shrunk tape leaves requests out."""
    prelude, *others = [
        [request for request in client if tape.draw("meeting.comes", 2, lambda *_: 1)] for client in session
    ]
    return [prelude, *[client for client in others if client]]


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

    def __init__(self, faults: tuple[str, ...], tape: Tape, *, calm: int) -> None:
        chosen = tape.draw("meeting.fault", 1 + len(faults), likely(calm, *[STORMY] * len(faults)))
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
