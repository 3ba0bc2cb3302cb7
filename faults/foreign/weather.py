"""Which I/O fails, and how: drawn by its name, so that the same I/O fails again whenever it comes.

Half of the sessions are calm; in some a single I/O fails, the n-th of its kind; in the others those of
each kind fail at a rate of their own. NBD knows no short I/O and no interrupted one.
"""

import errno
from collections import Counter
from collections.abc import Sequence

from faults.simulation.plan import FINE, IO, Fate
from faults.simulation.tape import Generator, Tape

__all__ = ["Weather"]

_SHARES = (5, 4, 1)
_RATES = (0.0, 0.05, 0.2)
_STROKES = 6
_ERRNOS = (errno.EIO, errno.ENOSPC)
_EFFECTS = ("none", "all", "some")


class Weather:
    """That of one session.

    Args:
        regions: of the image, whose writes fail each at a rate of their own.
    """

    def __init__(self, tape: Tape, regions: Sequence[str]) -> None:
        self._tape = tape
        self._events = [*(f"write {region}" for region in regions), "flush", "read"]
        self._rates: dict[str, float] = {}
        self._stroke = ("", 0)
        self._seen: Counter[str] = Counter()
        self.injected = 0
        weather = tape.draw("storm", len(_SHARES), _weighted)
        if weather == 1:
            likely = [*self._events, *self._events[: len(regions)]]  # writes are what drivers fail to undo
            event = likely[tape.draw("storm.only", len(likely))]
            self._stroke = event, 1 + tape.draw("storm.nth", _STROKES, _rather_early)
        elif weather == 2:
            self._rates = {event: _RATES[tape.draw(f"storm.rate {event}", len(_RATES))] for event in self._events}

    def fate(self, io: IO, name: str) -> Fate:
        """What becomes of the I/O of this name. Called once for each, when it ends."""
        event = f"write {io.region}" if io.kind == "write" else io.kind
        self._seen[event] += 1
        rate = self._rates.get(event, 0.0)
        if (event, self._seen[event]) != self._stroke and not (rate and self._tape.chance(f"fail {name}", rate)):
            return FINE
        self.injected += 1
        errnos = _ERRNOS[:1] if io.kind == "read" else _ERRNOS
        number = errnos[self._tape.draw(f"fail.errno {name}", len(errnos))]
        effects = len(_EFFECTS) if io.kind == "write" else 1
        return Fate(number, _EFFECTS[self._tape.draw(f"fail.effect {name}", effects)])


def _rather_early(generator: Generator, outcomes: int) -> int:
    return int(generator.random() ** 2 * outcomes)


def _weighted(generator: Generator, outcomes: int) -> int:
    return generator.choices(range(outcomes), _SHARES)[0]
