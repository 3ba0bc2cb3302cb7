"""A plan in which the tape decides: first how hard it blows on each kind of I/O, then each I/O.

Swarm testing: some runs see one fault, some only one kind of them, some many, some none. What most bugs need
is one thing that fails at one moment, on a disk that has work in progress; where much fails, the disk stops
early and shows little. So one fault, or one of two or three kinds, is the rule, and it comes late as a rule.
"""

import errno

from faults.simulation.plan import FINE, IO, Fate
from faults.simulation.tape import Generator, Pick, Tape, likely

__all__ = ["Storm"]

_ERRNOS = (errno.EIO, errno.ENOSPC, errno.EINTR)
_EFFECTS = ("none", "some", "all")
_PAGES = ("retry_ok", "clean_new", "clean_old")
_RATES = (0.0, 0.02, 0.1, 0.4)
_ALWAYS = 1.0
_EVENTS = ("flush", "read", "write:data", "write:bmap", "write:header", "resize", "short")
_ALONE = ("flush", *_EVENTS, "fua")
"""What fails alone: more often a flush, since it is where drivers go wrong most quietly."""
_STROKES = 8
_WEATHERS = ("calm", "stroke", "one kind", "any kind", "any kind", "any kind")
_SHARES: dict[str, Pick] = {
    "storm": likely(4, 8, 5, 1, 1, 1),
    "storm.more": likely(2, 2, 1),
    "storm.only": likely(5, 4, 1, 11, 8, 1, 5, 1, 3),
    "storm.rate": likely(3, 2, 2, 1),
    "fail.nth": likely(8, 4, 3, 2, 1, 1, 1, 1),
    "fail.stays": likely(3, 1),
    "fail.effect": likely(4, 1, 1),
    "fail.errno": likely(4, 2, 1),
    "fail.pages": likely(1, 2, 2),
    "shorts": likely(2, 1, 1, 2),
}
"""How often an exploring tape takes each."""
_MORE = 3
_AT_ONCE = 0.3
_QUIET = 14
_USED = 5
"""I/Os that an opening takes at least."""


class Storm:
    """It is calm, or the n-th I/O of a kind or two fails, alone or with all that follow, or those of one kind at some
    rate and no other, or each kind at a rate of its own. It may begin late, when the disk is in use already. And
    in some runs I/Os are short, which is no failure, at a rate of its own.
    """

    def __init__(self, tape: Tape) -> None:
        self._tape = tape
        self.injected = 0
        self._rates: dict[str, float] = {}
        self._strokes: dict[str, int] = {}
        """Of each kind of which one fails, how many are left until it comes."""
        self._stays = False
        """All that come after it fail too."""
        weather = _WEATHERS[self._likely("storm", len(_WEATHERS))]
        if weather == "stroke":
            for _ in range(1 + self._likely("storm.more", _MORE)):
                self._strokes[self._only()] = 1 + self._likely("fail.nth", _STROKES)
            self._stays = bool(self._likely("fail.stays", 2))
        elif weather == "one kind":
            self._rates = {self._only(): (*_RATES[1:], _ALWAYS)[tape.draw("storm.rate", len(_RATES))]}
        elif weather == "any kind":
            self._rates = {event: _RATES[self._likely("storm.rate", len(_RATES))] for event in _EVENTS}
        self._quiet = tape.draw("quiet", _QUIET, _rather_late) if weather != "calm" else 0
        """I/Os that come before the first that may fail."""
        if shorts := (0.0, *_RATES[2:], _ALWAYS)[self._likely("shorts", len(_RATES))]:
            self._rates["short"] = shorts

    def _only(self) -> str:
        return _ALONE[self._likely("storm.only", len(_ALONE))]

    def _likely(self, label: str, outcomes: int) -> int:
        """A draw whose outcomes are not equally likely."""
        return self._tape.draw(label, outcomes, _SHARES[label])

    def fate(self, io: IO) -> Fate:
        if io.number <= self._quiet:
            return self._not_failing(io)
        event = f"{io.kind}:{io.region}" if io.kind == "write" else io.kind
        if self._strikes(event) or (io.fua and self._strikes("fua")):
            return self._failure(io)
        return self._not_failing(io)

    def _not_failing(self, io: IO) -> Fate:
        if io.kind in ("read", "write"):
            return Fate(short=self._strikes("short"))
        return FINE

    def _strikes(self, event: str) -> bool:
        if event in self._strokes:
            left = self._strokes[event] = self._strokes[event] - 1
            # A draw for each, so that a recorded run stays one when others before it are left out.
            return bool(self._tape.draw(f"fail.{event}", 2, lambda *_: int(left == 0 or (left < 0 and self._stays))))
        rate = self._rates.get(event, 0.0)
        return bool(rate) and self._tape.chance(f"fail.{event}", rate)

    def _failure(self, io: IO) -> Fate:
        errnos = _ERRNOS if io.kind in ("read", "write") else _ERRNOS[:2]
        number = errnos[self._likely("fail.errno", len(errnos))]
        effect = _EFFECTS[self._effect(io)] if io.kind != "read" else "none"
        if number == errno.EINTR:
            return Fate(number, effect)
        self.injected += 1
        pages = _PAGES[self._likely("fail.pages", len(_PAGES))] if io.tells_of_older else "retry_ok"
        return Fate(number, effect, pages=pages)

    def _effect(self, io: IO) -> int:
        if io.kind == "resize":  # which "some" cannot be of
            return self._likely("fail.effect", len(_EFFECTS))
        return self._tape.draw("fail.effect", len(_EFFECTS))


def _rather_late(chance: Generator, outcomes: int) -> int:
    return 0 if chance.random() < _AT_ONCE else _USED + int(chance.random() * (outcomes - _USED))
