"""What the users of a disk do: a few clients at once, each with a few requests, some of them cancelled.

A workload is data, drawn from the tape before the run begins, so it shrinks with everything else:
zero is no client, no request, the shortest length. Every sector of a payload names itself (the
sector, the write), so a wrong one tells which write it came from.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from faults.simulation.tape import Generator, Tape

__all__ = ["SECTOR", "Habits", "Profile", "Request", "Workload", "payload"]

SECTOR = 512
RAGGED_MAX = 4
"""Requests of one session that change a part of a sector: the oracle tries all their orders."""
FAVOURITE = 8
PATIENCE_MAX = 8
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

    @property
    def is_fua(self) -> bool:
        """Whether it is durable when it returns."""
        return self.kind in ("fua", "fua-zero")

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


Workload = list[list[Request]]
"""For each client its requests, one after the other."""


def _letters(client: int) -> str:
    """A to Z, then AA, AB: payloads are told apart by the names of their writes."""
    return ("" if client < 26 else _letters(client // 26 - 1)) + chr(ord("A") + client % 26)


class Habits:
    """What the users of a disk of ``size`` bytes, in blocks of ``block_size``, have in common.

    Swarm-weighted: drawn once are which kinds of request they send at all, whether all of them equally
    often or one of them mostly, and how narrow the place is where they meet (one block, a few neighbours,
    the whole disk).
    """

    def __init__(self, tape: Tape, profile: Profile, *, size: int, block_size: int) -> None:
        self._tape = tape
        self._profile = profile
        kinds = [kind for kind, weight in zip(KINDS, profile.weights, strict=True) if weight]
        self._kinds = [kind for kind in kinds if kind == "write" or not tape.draw(f"without.{kind}", 2)]
        weights = dict(zip(KINDS, profile.weights, strict=True))
        if taste := tape.draw("even", 3):
            weights = {**dict.fromkeys(KINDS, 1), "write": FAVOURITE // 2 if taste > 1 else 1}
        if taste > 1:
            weights[self._kinds[tape.draw("favourite", len(self._kinds))]] = FAVOURITE
        self._weights = [weights[kind] for kind in self._kinds]
        every = max(1, size // block_size)
        blocks = min((1, 2, 4, every, every)[tape.draw("spread", 5)], every)
        self._size = size
        self._span = min(blocks * block_size, size)
        # Far from each other, their entries are in different sectors of a map that has some.
        self._stride = (every // blocks if tape.draw("scattered", 2) else 1) * block_size
        self._cancels = tape.draw("cancels", 3)
        self._is_ragged = profile.unaligned and bool(tape.draw("unaligned", 2))
        self._ragged_left = 0
        self._block_size = block_size

    def workload(self, session: int) -> Workload:
        """What they do in this session, counted from 0. After a crash it may be little: what is lost shows then."""
        tape, most, clients = self._tape, self._profile.requests, self._profile.clients
        if session and tape.draw("few", 2):
            most, clients = min(most, 2), 1
        self._ragged_left = RAGGED_MAX if self._is_ragged else 0
        workload = []
        for client in range(1 + tape.draw("clients", clients)):
            count = 1 + tape.draw("requests", most)
            names = [f"{_letters(client)}{session * self._profile.requests + number}" for number in range(count)]
            workload.append([self._request(name) for name in names])
        return workload

    def _request(self, name: str) -> Request:
        tape = self._tape
        kind = self._kinds[tape.draw("kind", len(self._kinds), self._weighted)]
        if kind == "flush":
            return Request(name, kind)
        hot = tape.draw("offset", self._span // SECTOR) * SECTOR
        start = hot // self._block_size * self._stride + hot % self._block_size
        end = self._span if self._stride == self._block_size else self._size
        longest = min(end - start, 2 * self._block_size) // SECTOR
        length = SECTOR * (1 + tape.draw("length", longest, _rather_short))
        if self._ragged_left and tape.draw("ragged", 2):
            self._ragged_left -= kind != "read"
            start += tape.draw("ragged.start", min(length, SECTOR))
            length -= start % SECTOR
            length -= tape.draw("ragged.end", min(length, SECTOR))
        times = tape.draw("cancel", 1 + self._cancels) if self._cancels and not tape.draw("uncancelled", 2) else 0
        patience = tape.draw("cancel.patience", PATIENCE_MAX) if times else 0
        again = AGAIN[tape.draw("again", len(AGAIN))]
        return Request(name, kind, start, length, times, patience, again)

    def _weighted(self, generator: Generator, outcomes: int) -> int:
        return generator.choices(range(outcomes), self._weights)[0]


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
