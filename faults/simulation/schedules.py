"""How an exploring tape chooses who goes next. Each finds other bugs soonest, so a run draws which one it uses.

``fifo``    The oldest: what asyncio does, and what zero means. Here only faults, cancels and ends vary.
``random``  Each actor as likely as any other, at every step.
``pct``     Priorities, and a few moments at which the one that runs falls behind everybody: a bug that
            needs d orders is found with probability at least 1/(n k^(d-1)). Burckhardt et al.,
            "A randomized scheduler with probabilistic guarantees of finding bugs", ASPLOS 2010.
``walk``    An actor is as likely as it has steps left, so that every interleaving, rather than every
            choice, is about as likely. Zhao et al., "Selectively uniform concurrency testing",
            ASPLOS 2025. Nobody knows the steps left before the run; they are taken to be a fixed
            number less those that it has made.

Rule 1: chance comes from the generator that the tape hands to a pick. A schedule has none of its own,
and a replay asks none.
Rule 2: an actor is a task or an I/O under way. That an I/O is slow is a low priority of its own.
"""

from collections.abc import Callable

from faults.simulation.loop import Schedule
from faults.simulation.tape import Generator, Pick, Tape, likely

__all__ = ["PCT", "SCHEDULES", "Fifo", "Walk", "draw_schedule"]


class Fifo:
    """Always the oldest."""

    def pick(self, actors: list[int]) -> Pick:  # noqa: ARG002
        return lambda _generator, _outcomes: 0


class PCT:
    """The actor of the highest priority, but for ``depth`` - 1 moments.

    Args:
        depth: the d of the paper: how many orders the bug depends on.
        length: the k of the paper: how many choices a run is expected to make.
    """

    def __init__(self, depth: int = 3, length: int = 100) -> None:
        self._depth = depth
        self._length = length
        self._priorities: dict[int, float] = {}
        self._moments: list[int] | None = None
        self._choices = 0

    def pick(self, actors: list[int]) -> Pick:
        return lambda generator, _: self._highest(generator, actors)

    def _highest(self, generator: Generator, actors: list[int]) -> int:
        for actor in actors:
            if actor not in self._priorities:
                self._priorities[actor] = 1 + generator.random()
        if self._moments is None:
            self._moments = [int(generator.random() * self._length) for _ in range(self._depth - 1)]
        priorities = [self._priorities[actor] for actor in actors]
        if self._choices in self._moments:
            running = actors[priorities.index(max(priorities))]
            self._priorities[running] = -float(self._choices)  # the later it falls, the deeper
            priorities = [self._priorities[actor] for actor in actors]
        self._choices += 1
        return priorities.index(max(priorities))


class Walk:
    """An actor is as likely as it has steps left, if each makes ``length`` of them."""

    def __init__(self, length: int = 12) -> None:
        self._length = length
        self._made: dict[int, int] = {}

    def pick(self, actors: list[int]) -> Pick:
        return lambda generator, _: self._weighted(generator, actors)

    def _weighted(self, generator: Generator, actors: list[int]) -> int:
        # An I/O has one step to make, a task that has made more than was expected at least one more.
        left = [max(1, self._length - self._made.get(actor, 0)) if actor > 0 else 1 for actor in actors]
        chosen = generator.choices(range(len(actors)), left)[0]
        self._made[actors[chosen]] = self._made.get(actors[chosen], 0) + 1
        return chosen


SCHEDULES: dict[str, Callable[[], Schedule | None]] = {
    "fifo": Fifo,
    "random": lambda: None,
    "pct": PCT,
    "walk": Walk,
}
"""One to a session: it remembers actors. None is what a tape does when nobody has a preference."""

_SHARES = likely(1, 8, 8, 3)
"""How often an exploring tape takes each."""


def draw_schedule(tape: Tape) -> str:
    """The name of the schedule of a run."""
    names = list(SCHEDULES)
    return names[tape.draw("schedule", len(names), _SHARES)]
