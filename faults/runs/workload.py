"""What the users of a disk do: a few clients at once, each with a few requests, some of them cancelled.

A workload is data, drawn from the tape before the run begins, so it shrinks with everything else:
zero is no client, no request, the shortest length. Every sector of a payload names itself (the
sector, the write), so a wrong one tells which write it came from.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from faults.simulation.tape import Generator, Tape, likely

__all__ = ["SECTOR", "Habits", "Profile", "Request", "Workload", "payload"]

SECTOR = 512
RAGGED_MAX = 4
"""Requests of one session that change a part of a sector: the oracle tries all their orders."""
FAVOURITE = 8
PATIENCE_MAX = 8
WAITS_MAX = 6
FOLLOWS = 0.6
"""How often a change is followed by what its client likes to send behind one."""
BORDERS = 3
"""The sectors around the border of two blocks, in which a crowd meets."""
OFTEN = {"read": (1, 1), "flush": (3, 2), "zero": (1, 2), "fua": (2, 3), "discard": (1, 2), "fua-zero": (1, 2)}
"""With and without a kind of request: few kinds in a run, so that what each needs of the others is likely."""
BEHIND = {"write": 1, "read": 3, "flush": 3, "zero": 1, "fua": 2, "discard": 1, "fua-zero": 1}
PATIENT = 0.4
AGAIN = ("", "write", "zero", "discard", "read")
"""What a user may do at the same place when a request has failed."""
KINDS = ("write", "read", "flush", "zero", "fua", "discard", "fua-zero")


class Request(NamedTuple):
    """One request of one client."""

    name: str
    kind: str
    """One of ``KINDS``."""
    offset: int = 0
    length: int = 0
    cancels: int = 0
    """How often its task is cancelled, at moments of the tape's choosing."""
    patience: int = 0
    """How much of what happens passes before that, at least: else it would mostly be the first thing to happen."""
    again: str = ""
    """One of ``AGAIN``: what follows if this one fails."""
    insists: bool = False
    """It follows too if this one is cancelled."""
    away: int = 0
    """How far from here that is, in bytes; then it is one sector."""
    waits: int = 0
    """It is cancelled when it waits for the n-th time, or after so much patience from then on; 0: from the start."""

    @property
    def is_fua(self) -> bool:
        """Whether it is durable when it returns."""
        return self.kind in ("fua", "fua-zero")

    def repeated(self, size: int) -> "Request":
        """What follows if this one fails, on a disk of ``size`` bytes."""
        name = f"{self.name}'"
        if self.away and size - SECTOR > self.away:
            return Request(name, self.again, (self.offset + self.away) % (size - SECTOR) // SECTOR * SECTOR, SECTOR)
        return Request(name, self.again, self.offset, self.length)

    def __str__(self) -> str:
        if self.kind == "flush":
            return f"{self.name} flush"
        return f"{self.name} {self.kind} {self.length} at {self.offset}"


@dataclass(frozen=True)
class Profile:
    """How large a workload may be."""

    clients: int = 4
    requests: int = 4
    """At most so many for each client."""
    weights: tuple[int, ...] = (8, 3, 2, 1, 1, 1, 1)
    """Of ``KINDS``."""
    unaligned: bool = True
    preset: str = "strict_512"
    """The kind of disk below, one of ``presets.PRESETS``."""
    meetings: float = 1 / 12
    """The part of the runs that are one of ``meetings.MEETINGS``, with no more users and no more requests in all."""


Workload = list[list[Request]]
"""For each client its requests, one after the other."""


def _letters(client: int) -> str:
    """A to Z, then AA, AB: payloads are told apart by the names of their writes."""
    return ("" if client < 26 else _letters(client // 26 - 1)) + chr(ord("A") + client % 26)


class Habits:
    """What the users of a disk of ``size`` bytes, in blocks of ``block_size``, have in common.

    Swarm-weighted: drawn once are which kinds of request they send at all, whether all of them equally
    often or one of them mostly, how narrow the place is where they meet (one block, a few neighbours, the
    whole disk; borders of blocks), and what each of them likes to send right behind a change, to the same place.
    """

    def __init__(self, tape: Tape, profile: Profile, *, size: int, block_size: int) -> None:
        self._tape = tape
        self._profile = profile
        kinds = [kind for kind, weight in zip(KINDS, profile.weights, strict=True) if weight]
        self._kinds = [
            kind for kind in kinds if kind == "write" or not tape.draw(f"without.{kind}", 2, likely(*OFTEN[kind]))
        ]
        weights = dict(zip(KINDS, profile.weights, strict=True))
        if taste := tape.draw("even", 3):
            weights = {**dict.fromkeys(KINDS, 1), "write": FAVOURITE // 2 if taste > 1 else 1}
        if taste > 1:
            weights[self._kinds[tape.draw("favourite", len(self._kinds))]] = FAVOURITE
        self._often = likely(*[weights[kind] for kind in self._kinds])
        every = max(1, size // block_size)
        blocks = min((1, 2, 4, every, every)[tape.draw("spread", 5, likely(4, 4, 3, 1, 1))], every)
        self._size = size
        self._span = min(blocks * block_size, size)
        # Far from each other, their entries are in different sectors of a map that has some.
        self._stride = (every // blocks if tape.draw("scattered", 2) else 1) * block_size
        self._cancels = tape.draw("cancels", 3, likely(2, 2, 1))
        self._is_ragged = profile.unaligned and bool(tape.draw("unaligned", 2))
        self._ragged_left = 0
        self._block_size = block_size
        self._is_crowded = bool(tape.draw("crowded", 2))
        behind = tape.draw("behind", 1 + len(self._kinds), likely(2, *[BEHIND[kind] for kind in self._kinds]))
        self._behind = behind - 1 if behind else None
        """What comes as a rule right behind a change, at the same place; an index of ``_kinds``."""
        self._last: int | None = None
        """Where the client's last change was."""
        self._last_length = 0
        self._follows = False

    def workload(self, session: int) -> Workload:
        """What they do in this session, counted from 0. After a crash it may be little: what is lost shows then."""
        tape, most, clients = self._tape, self._profile.requests, self._profile.clients
        if session and tape.draw("few", 2):
            most, clients = min(most, 2), 1
        self._ragged_left = RAGGED_MAX if self._is_ragged else 0
        workload = []
        for client in range(1 + tape.draw("clients", clients)):
            count = 1 + tape.draw("requests", most, _rather_many)
            names = [f"{_letters(client)}{session * self._profile.requests + number}" for number in range(count)]
            self._last = None
            workload.append([self._request(name) for name in names])
        return workload

    def _request(self, name: str) -> Request:
        tape = self._tape
        kind = self._kinds[tape.draw("kind", len(self._kinds), self._kind)]
        if kind == "flush":
            self._last = None
            return Request(name, kind)
        last = tape.draw("offset", self._span // SECTOR, self._place)
        self._last = None if kind == "read" else last
        hot = last * SECTOR
        start = hot // self._block_size * self._stride + hot % self._block_size
        end = self._span if self._stride == self._block_size else self._size
        longest = min(end - start, 2 * self._block_size) // SECTOR
        length = SECTOR * (1 + tape.draw("length", longest, self._length))
        self._last_length = length // SECTOR - 1
        if self._ragged_left and tape.draw("ragged", 2):
            self._ragged_left -= kind != "read"
            start += tape.draw("ragged.start", min(length, SECTOR))
            length -= start % SECTOR
            length -= tape.draw("ragged.end", min(length, SECTOR))
        times, waits, patience = self._cancelling()
        again = AGAIN[tape.draw("again", len(AGAIN), likely(2, 4, 1, 1, 2))]
        insists = bool(times and again and tape.draw("again.cancelled", 2))
        away = self._block_size * tape.draw("again.away", 2, likely(3, 2)) if again else 0
        return Request(name, kind, start, length, times, patience, again, insists, away, waits)

    def _cancelling(self) -> tuple[int, int, int]:
        """How often, when it waits for the how many-th time, and how patiently."""
        tape = self._tape
        if not self._cancels or tape.draw("uncancelled", 2):
            return 0, 0, 0
        times = tape.draw("cancel", 1 + self._cancels, likely(1, 3, 2))
        if not times:
            return 0, 0, 0
        waits = tape.draw("cancel.wait", 1 + WAITS_MAX, likely(2, 4, 4, 3, 2, 1, 1))
        return times, waits, tape.draw("cancel.patience", PATIENCE_MAX, _rather_at_once if waits else None)

    def _kind(self, chance: Generator, outcomes: int) -> int:
        self._follows = self._last is not None and self._behind is not None and chance.random() < FOLLOWS
        if self._follows and self._behind is not None:
            return self._behind
        return self._often(chance, outcomes)

    def _length(self, chance: Generator, outcomes: int) -> int:
        short = _rather_short(chance, outcomes)
        return min(max(short, self._last_length), outcomes - 1) if self._follows else short

    def _place(self, chance: Generator, outcomes: int) -> int:
        if self._follows and self._last is not None:
            return self._last
        place = int(chance.random() * outcomes)
        block = self._block_size // SECTOR
        if not self._is_crowded:
            return place
        return max(0, min(place // block * block + int(chance.random() * BORDERS) - 1, outcomes - 1))


def _rather_at_once(chance: Generator, outcomes: int) -> int:
    return int(chance.random() * outcomes) if chance.random() < PATIENT else 0


def _rather_many(chance: Generator, outcomes: int) -> int:
    """Until a disk is in use some time goes by; then there should be something to do."""
    return max(int(chance.random() * outcomes), int(chance.random() * outcomes))


def _rather_short(generator: Generator, outcomes: int) -> int:
    return int(generator.random() ** 3 * outcomes)


@lru_cache(512)
def payload(request: Request) -> bytes:
    """The bytes that a write carries; zeros for a request that zeroes."""
    if request.kind in ("zero", "fua-zero", "discard"):
        return bytes(request.length)
    first = request.offset // SECTOR
    last = (request.offset + request.length - 1) // SECTOR
    whole = b"".join(
        f"{request.name} in sector {sector};".encode().ljust(32, b".") * (SECTOR // 32)
        for sector in range(first, last + 1)
    )
    skip = request.offset - first * SECTOR
    return whole[skip : skip + request.length]
