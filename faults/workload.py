"""What the users of a disk do: a few clients at once, each with a few requests, some of them cancelled.

A workload is data, drawn from the tape before the run begins, so it shrinks with everything else:
zero is no client, no request, the shortest length. Every sector of a payload names itself (the
sector, the write), so a wrong one tells which write it came from.
"""

from dataclasses import dataclass
from typing import NamedTuple

from faults.tape import Tape

__all__ = ["Profile", "Request", "Workload", "draw_workload", "payload"]

SECTOR = 512
KINDS = ("write", "read", "flush", "zero", "fua", "discard")


class Request(NamedTuple):
    """One request of one client."""

    name: str
    kind: str
    """One of ``KINDS``."""
    offset: int = 0
    length: int = 0
    cancels: int = 0
    """How often its task is cancelled, at moments of the tape's choosing."""

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
    weights: tuple[int, ...] = (8, 3, 2, 1, 1, 1)
    """Of ``KINDS``."""
    unaligned: bool = True


Workload = list[list[Request]]
"""For each client its requests, one after the other."""


def draw_workload(tape: Tape, profile: Profile, *, size: int, block_size: int, session: int) -> Workload:
    """A workload for a disk of ``size`` bytes in blocks of ``block_size``.

    Swarm-weighted: a run draws which kinds it uses at all, and how narrow the place is where its
    requests meet (one block, a few neighbours, the whole disk).
    """
    kinds = [kind for kind, weight in zip(KINDS, profile.weights, strict=True) if weight]
    kinds = [kind for kind in kinds if kind == "write" or not tape.draw(f"without.{kind}", 3)]
    spread = (1, 2, 4, max(1, size // block_size))[tape.draw("spread", 4)]
    cancels = tape.draw("cancels", 3)
    unaligned = profile.unaligned and bool(tape.draw("unaligned", 2))
    workload = []
    for client in range(1 + tape.draw("clients", profile.clients)):
        count = 1 + tape.draw("requests", profile.requests)
        workload.append(
            [
                _draw_request(
                    tape,
                    f"{'ABCDEFGHIJKLMNOPQRSTUVWXYZ'[client % 26]}{session * 100 + number}",
                    kinds,
                    span=min(spread * block_size, size),
                    block_size=block_size,
                    cancels=cancels,
                    unaligned=unaligned,
                )
                for number in range(count)
            ]
        )
    return workload


def _draw_request(
    tape: Tape, name: str, kinds: list[str], *, span: int, block_size: int, cancels: int, unaligned: bool
) -> Request:
    kind = kinds[
        tape.draw("kind", len(kinds), lambda generator, count: min(int(generator.random() ** 2 * count), count - 1))
    ]
    if kind == "flush":
        return Request(name, kind)
    sectors = span // SECTOR
    start = tape.draw("offset", sectors) * SECTOR
    longest = min(sectors - start // SECTOR, 2 * block_size // SECTOR)
    length = SECTOR * (1 + tape.draw("length", longest, lambda generator, count: int(generator.random() ** 3 * count)))
    if unaligned and tape.draw("ragged", 2):
        start += tape.draw("ragged.start", min(length, SECTOR))
        length -= start % SECTOR
        length -= tape.draw("ragged.end", min(length, SECTOR))
    times = tape.draw("cancel", 1 + cancels) if cancels and not tape.draw("uncancelled", 3) else 0
    return Request(name, kind, start, length, times)


def payload(request: Request) -> bytes:
    """The bytes that a write carries; zeros for a request that zeroes."""
    if request.kind in ("zero", "discard"):
        return bytes(request.length)
    first = request.offset // SECTOR
    last = (request.offset + request.length - 1) // SECTOR
    whole = b"".join(
        f"{request.name} in sector {sector};".encode().ljust(32, b".") * (SECTOR // 32)
        for sector in range(first, last + 1)
    )
    skip = request.offset - first * SECTOR
    return whole[skip : skip + request.length]
