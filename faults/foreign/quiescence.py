"""When it is known that the driver has nothing more to do: turns of its event loop in which nothing came of it.

What we assume of a driver: one thread serves all its connections, from a loop that looks at each of them
in every turn; it does its work in that thread. QEMU's programs are so. A probe is answered in a turn that
began after it was sent, and two probes in a row are never answered in one, since the next request of a
connection is taken in a turn of its own. So many probes in a row without anything else being heard are as
many turns without an effect, and what takes effect goes from one thing that was ready to the next without
leaving out a turn. How many turns that may take without a word is a property of the driver: in QEMU a
coroutine runs until it waits for a socket or for another one, which is woken in the same turn or the next;
in asyncio each task that wakes another costs a turn. One turn is ours: we may read the answer of a probe
before what was sent earlier on another connection.

The assumption is watched: a search runs a sample of its tapes twice, the second time with more turns, and
counts what comes of a process that was taken to be quiet.
"""

import asyncio

from faults.foreign.holding import HoldingExport
from faults.foreign.upstream import Upstream

__all__ = ["DOUBT", "NotQuiet", "settle"]

DOUBT = 4
"""Times as many turns as should do, to see that they do."""
SECONDS_MAX = 30.0
"""A net for a driver that hangs; no run that goes well comes near it."""


class NotQuiet(Exception):
    """The driver does not answer its probes, or never stops."""


async def settle(export: HoldingExport, upstream: Upstream, *, turns: int) -> None:
    """Return when the driver has been silent for so many turns: it has done all that it can do.

    Raises:
        HungUp: it has closed the connection.
        NotQuiet: it has not come to rest after a long time.
    """
    silent = 0
    try:
        async with asyncio.timeout(SECONDS_MAX):
            while silent < turns:
                before = export.heard + upstream.heard
                await upstream.probe()
                is_whole = export.is_between_messages and upstream.is_between_messages
                is_silent = is_whole and export.heard + upstream.heard == before
                silent = silent + 1 if is_silent else 0
    except TimeoutError:
        raise NotQuiet(f"the driver did not come to rest in {SECONDS_MAX:.0f} seconds") from None
