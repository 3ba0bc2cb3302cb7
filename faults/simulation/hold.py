"""An I/O that waits for a test, as blkdebug's ``break`` and ``resume``: to say by hand who comes first.

::

    hold = storage.hold("event=write:bmap")        # the next I/O that matches will not end by itself
    io = await hold.reached()                      # it was issued, and is under way
    ...                                            # whatever shall happen meanwhile
    hold.release()                                 # from now on it may end, at a moment of the tape's choosing
"""

import asyncio
from collections.abc import Callable

from faults.simulation.loop import SimLoop
from faults.simulation.plan import IO, Rule

__all__ = ["Hold"]


class Hold:
    """Holds the I/O that a rule names. What else the rule says about its fate is not looked at."""

    def __init__(self, loop: SimLoop, rule: Rule) -> None:
        self._loop = loop
        self._rule = rule
        self._arrived = asyncio.Event()
        self._io: IO | None = None
        self._end: Callable[[], object] | None = None

    def takes(self, io: IO, end: Callable[[], object]) -> bool:
        """Whether ``io``, which ``end`` would end, is the one; then it waits here."""
        if self._io is not None or not self._rule.matches(io):
            return False
        self._rule.seen += 1
        if self._rule.seen < self._rule.nth:
            return False
        self._io, self._end = io, end
        self._arrived.set()
        return True

    async def reached(self) -> IO:
        """The I/O, once it is under way."""
        await self._arrived.wait()
        assert self._io is not None
        return self._io

    def release(self) -> None:
        """Let it end. Once is enough; before it has arrived there is nothing to let go of.

        Raises:
            RuntimeError: it has not arrived.
        """
        if self._io is None:
            raise RuntimeError(f"no I/O has matched {self._rule.event} yet: wait for reached()")
        if self._end is not None:
            self._loop.happen(self._end)
            self._end = None
