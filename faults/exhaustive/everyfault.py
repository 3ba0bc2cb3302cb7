"""A plan in which every fault comes at every I/O, but only so many in a run: for exhaustive search.

The faults are those of the sweep, but no two that are the same for this I/O: a write of one unit cannot
be partial, one within a sector cannot be short.
"""

import errno

from faults.exhaustive.sweep import BY_KIND, FATES
from faults.simulation.plan import FINE, IO, Fate
from faults.simulation.tape import Tape

__all__ = ["EveryFault", "faults_of"]

SECTOR = 512


class EveryFault:
    """At most ``limit`` I/Os are at fault, and the tape says which and how."""

    def __init__(self, limit: int, tape: Tape) -> None:
        self._left = limit
        self._tape = tape
        self.injected = 0

    def fate(self, io: IO) -> Fate:
        if not self._left:
            return FINE
        fates = faults_of(io)
        chosen = self._tape.draw(f"fault.{io.kind}", 1 + len(fates))
        if not chosen:
            return FINE
        self._left -= 1
        fate = fates[chosen - 1]
        self.injected += bool(fate.errno)
        return fate


def faults_of(io: IO) -> list[Fate]:
    """Every fault that this I/O can have."""
    units = (io.offset + io.length - 1) // SECTOR - io.offset // SECTOR + 1
    names = [name for name in BY_KIND[io.kind] if units > 1 or name not in ("partial", "short")]
    fates = [FATES[name] for name in names]
    if io.fua:  # its error may be that of older writes
        fates += [Fate(errno.EIO, "none", pages=pages) for pages in ("clean_new", "clean_old")]
    return fates
