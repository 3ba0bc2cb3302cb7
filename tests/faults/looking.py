"""For tests that look at a simulated disk at each step of what goes on upon it."""

from collections.abc import Callable

from faults.simulation.plan import IO, Fate, Plan

__all__ = ["BeforeEachEnd"]


class BeforeEachEnd:
    """A plan that calls ``look`` while each I/O is still under way, and else is ``plan``."""

    def __init__(self, look: Callable[[], object], plan: Plan) -> None:
        self._look = look
        self._plan = plan

    @property
    def injected(self) -> int:
        return self._plan.injected

    def fate(self, io: IO) -> Fate:
        self._look()
        return self._plan.fate(io)
