"""Meetings: requests of several users, and of several sessions, that come together at a bad moment.

A driver's rarest mistakes need three things at once: two requests on one block, an I/O that fails and takes
older pages with it, and a crash before anything repairs that. Random search seldom draws all three, and a
sweep of one client cannot. So the requests and the I/O that fails stand here, and the tape decides the rest:
the order of everything, which of the I/Os, where it ends, what the crash leaves.

A meeting is written as the programs of ``interleave``, a session after the other: ``w0 f; w0 | f // f`` is
a write and a flush, then a write of one client beside a flush of another, then a session that only flushes.
"""

from functools import lru_cache
from typing import NamedTuple

from faults.runs.programs import PRELUDE, parse_client
from faults.runs.workload import KINDS, SECTOR, Profile, Workload
from faults.target import Target

__all__ = ["MEETINGS", "Meeting", "fits", "fitting", "parse_meeting"]


class Meeting(NamedTuple):
    """Who meets, and what may fail."""

    program: str
    faults: tuple[str, ...] = ()
    """Rules in the language of plans, of which at most one holds in a session; the tape says which I/O it strikes.
    What follows a semicolon holds with it."""
    often: int = 1
    """Of all meetings that are drawn, so many times its share."""


LOST = ("event=flush pages=clean_old", "event=flush pages=clean_new")
"""A flush fails, and pages that it could not write are given up."""
LOST_BY_FUA = ("event=write:data pages=clean_old", "event=write:data pages=clean_new")
"""An FUA write fails, and uses up the error of older ones; of a plain write it is its own error."""
LOST_AT_ONCE = ("event=flush nth=0 pages=clean_new",)
"""The same of the first flush: what it should have written is in the page cache only, for whoever comes next."""
LOST_WITH_HEADER = ("event=write:header errno=0 nth=0 new-state=1; event=flush state=1 pages=clean_old",)
"""The flush after a header fails, and the header is again what it was."""
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
    Meeting("; ws+3 u0+4", DOUBT[:1]),
    # A flush, or an FUA write, that fails beside what is about to be acknowledged.
    Meeting("w0+1 w0 f; zs | f", LOST),
    Meeting("w0+1 w0 f; ds | f", LOST),
    Meeting("wb+1 wb f; ws | f", LOST),
    Meeting("w0 w0+1 f; w0 w0 | f | w0+1 w0+1", LOST),
    Meeting("w0 f w1; u0 | f", LOST_BY_FUA),
    Meeting("w0 f w1; u0 | f f", ("event=write:data nth=0 pages=clean_old",), often=4),
    Meeting("w0 wb+1 f; w0 f f | u0+1 u0+1 | f", LOST_BY_FUA),
    Meeting("wb w0+1 f wb; u0+1 u0+1 u0+1 | u0+1 u0+1 | f f f", LOST_BY_FUA[:1]),
    # Entries in doubt.
    Meeting("w0+5; w0 f | w0+1 f", DOUBT),
    Meeting("w0+5; w0 r0 | f w0+6 f", DOUBT),
    Meeting("w0+5; w0 w0+6 wb+7 w0+4 w0+8 w0+9", DOUBT),
    Meeting("w0+3 w0+4; w0 f | ws+3 f | d0+5", DOUBT),
    Meeting("w0+5; w0 f r0 zb f r0 | r0", (*DOUBT, *DOUBT_TWICE)),
    Meeting("; w0 zb r0 | w0+4 f", (*DOUBT, *DOUBT_TWICE)),
    Meeting("; ws+3 f | ws+2 f | r0+3 r0+4", DOUBT),
    Meeting("; ws+3", DOUBT),
    Meeting("w0+5; w0 uz", DOUBT[:2]),
    Meeting("w0 w0+3; w0+5 w0+1 z0+5", DOUBT[:2]),
    Meeting("; ws+3 w0+5 u0+6 w0+7 w0+8 w0+9 w0+10", DOUBT[:2]),
    Meeting(f"{ALL_BUT_ONE}; w0+11 w1+11 | r0+11", (*DOUBT, "event=write:data effect=some")),
    # What one session leaves to the next.
    Meeting("w0 w0+1 // f"),
    Meeting("w0 // u0 // r0"),
    Meeting("w0 wb+1 // w0 | wb+1 f // r0"),
    Meeting("w0 w0+1 f // w0 | w0+1 w1+1 | w1 w0"),
    Meeting("w0; f // w1 f", LOST_AT_ONCE, often=6),
    Meeting("w0; f // w1 f", LOST),
    Meeting("w0; f // r0 | w1 f // r0", LOST),
    Meeting("w0 w0+1 f; // w0 | f w1+1 | f f w1+1", LOST_WITH_HEADER),
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
WIDEST = Profile(clients=9, requests=9)
"""Nothing is left out."""


def parse_meeting(text: str, target: Target) -> tuple[Workload, ...]:
    """A workload for each session.

    Raises:
        ValueError: as ``parse_program``, of which each session is one.
    """
    return _parsed(text, target.size, target.block_size)


@lru_cache(4 * len(MEETINGS))
def _parsed(text: str, size: int, block_size: int) -> tuple[Workload, ...]:
    return tuple(_session(number, program, size, block_size) for number, program in enumerate(text.split("//")))


def _session(number: int, program: str, size: int, block_size: int) -> Workload:
    prelude, _, rest = program.rpartition(";")
    parts = [(PRELUDE, prelude), *zip("ABCDEFGH", rest.split("|"), strict=False)]
    return [parse_client(f"{name}{number}", words, size, block_size) for name, words in parts]


def fitting(target: Target, profile: Profile = WIDEST) -> list[Meeting]:
    """Those that the disk has room for, and of which the profile has all."""
    return _fitting(target.size, target.block_size, profile)


@lru_cache(64)
def _fitting(size: int, block_size: int, profile: Profile) -> list[Meeting]:
    return [meeting for meeting in MEETINGS if fits(meeting, size, block_size, profile)]


def fits(meeting: Meeting, size: int, block_size: int, profile: Profile = WIDEST) -> bool:
    """Whether a disk of ``size`` bytes has room for it."""
    try:
        sessions = _parsed(meeting.program, size, block_size)
    except ValueError:
        return False
    return all(_is_of(profile, [client for client in session if client]) for session in sessions)


def _is_of(profile: Profile, clients: Workload) -> bool:
    """Whether the profile has as many users and requests, and every kind of them."""
    requests = [request for client in clients for request in client]
    return (
        len(clients) <= profile.clients
        and len(requests) <= profile.clients * profile.requests
        and all(profile.weights[KINDS.index(request.kind)] for request in requests)
        and (profile.unaligned or not any((request.offset | request.length) % SECTOR for request in requests))
    )
