"""The end of a disk, and what comes after it: who waits for a close may leave, and then nobody is served any more.

Rule 1: a close that is cancelled finishes, and then raises. So nothing is under way when it does.
Rule 2: a disk that is closed refuses every request and does no I/O, for a second close neither.
"""

import asyncio
from collections.abc import Awaitable, Callable

from faults.runs.workload import SECTOR
from faults.runs.world import World
from faults.simulation.loop import SimLoop
from faults.simulation.trace import acting
from faults.target import Disk

__all__ = ["closed_or_left", "refuses_all"]

LEAVES = 0.1
"""The part of the closes that are cancelled."""


async def closed_or_left(world: World, loop: SimLoop, disk: Disk) -> bool:
    """Close it. False: whoever waited was cancelled, at a moment of the tape's choosing, and was told so."""
    if not world.tape.chance("close.cancel", LEAVES):
        await disk.close()
        return True
    has_begun = False

    async def close() -> None:
        nonlocal has_begun
        has_begun = True
        await disk.close()

    def leave() -> None:
        if has_begun:  # who leaves before has closed nothing
            task.cancel()

    task = loop.create_task(close(), name="close")
    loop.happen(leave)
    try:
        await task
    except asyncio.CancelledError:
        return False
    return True


async def refuses_all(world: World, disk: Disk) -> None:
    """Raises Violation: somebody is served by a disk that is closed."""
    acting.set("")
    try:
        await disk.close()
    except Exception as error:
        raise world.violation("late", f"close has returned, and a second one raises {error!r}") from error
    asked: dict[str, Callable[[], Awaitable[object]]] = {
        "read": lambda: disk.pread(SECTOR, 0),
        "write": lambda: disk.pwrite(bytes(SECTOR), 0),
        "write of zeros": lambda: disk.write_zeroes(SECTOR, 0),
        "discard": lambda: disk.discard(SECTOR, 0),
        "flush": disk.flush,
    }
    for what, ask in asked.items():
        try:
            await ask()
        except Exception as error:
            if not world.target.is_closed(error):
                raise world.violation("late", f"close has returned, and a {what} raises {error!r}") from error
        else:
            raise world.violation("late", f"close has returned, and a {what} is done as if it had not")
