"""One run: a tape becomes sessions, each with a process of its own, and what is left is judged after each.

What a driver promises here is what NBD says of a volatile write cache, which is what QEMU's
``cache=writeback`` is: a write that was answered is seen by every later read; what a flush or FUA covers
survives a kill and a power loss; a clean end leaves everything. A write that failed left each sector old or
new. No sector ever holds what was never written to it.
"""

import asyncio
import gc
import tempfile
from collections.abc import Iterator
from pathlib import Path

from faults.foreign.drivers import Driver
from faults.foreign.judging import after, judge, look_again, survive
from faults.foreign.process import Beyond
from faults.foreign.session import Life, Session
from faults.foreign.weather import Weather
from faults.foreign.world import ForeignOutcome, World
from faults.judges.oracle import Violation
from faults.runs.workload import Habits, Profile, Request, Workload
from faults.simulation.tape import Generator, Tape

__all__ = ["PROFILE", "run"]

PROFILE = Profile(clients=4, requests=4, weights=(8, 2, 3, 1, 2, 1, 1))
SESSIONS_MAX = 2
_SESSIONS_SHARES = (3, 1)
_LIVES_SHARES = (1, 1, 3)
ENDS = ("close", "kill", "power", "hang-up")
STEPS_MAX = 40
FLUSHES_MAX = 3
LENGTH_MAX = 16 << 10
"""Of a request, in bytes: what is large is the blocks, and the oracle looks at each sector."""


def run(
    driver: Driver, tape: Tape, profile: Profile = PROFILE, *, doubts: bool = False, image: Path | None = None
) -> ForeignOutcome:
    """Run what ``tape`` says. Never raises for what the driver does; that is the outcome's failure.

    Args:
        driver, tape, profile: what is run.
        doubts: count when something comes of a driver that was taken to be quiet.
        image: where to write what the last session has left, for other programs to look at.

    Raises:
        ValueError: the driver's image cannot be made.
    """
    with tempfile.TemporaryDirectory(prefix="faults-") as folder:
        world = World(driver, tape, Path(folder), profile.preset, doubts=doubts, image=image)
        enabled = gc.isenabled()
        gc.disable()
        try:
            asyncio.run(_live(world, profile))
        except Violation as violation:
            world.outcome.failure = str(violation)
        except Beyond:  # in a session that was to show what is left: nobody knows
            pass
        finally:
            if enabled:
                gc.enable()
    world.outcome.draws = tape.draws
    return world.outcome


async def _live(world: World, profile: Profile) -> None:
    """One session after the other."""
    end = ""
    for workload in _draw_workloads(world, profile):
        before, end = end, ENDS[world.tape.draw("end", len(ENDS))]
        session = Session(world)
        try:
            await session.open()
            if before and not world.driver.rules.has_reader:
                world.oracle.narrow(await session.look(after(before)), stable=before == "power")
            await _use(world, session, workload, end)
        except Beyond:
            end = end if end == "power" else "kill"
        finally:
            session.kill()
        survive(world, end)
        await judge(world, end)
    await look_again(world, end)


async def _use(world: World, session: Session, workload: Workload, end: str) -> None:
    life = Life() if end == "close" else _draw_life(world.tape)
    await session.use(workload, Weather(world.tape, world.driver.rules.regions), life)
    if end == "close":
        if not world.driver.grows:
            await session.look("read back before close")
        await session.close()
    elif end == "hang-up":
        await session.hang_up()


def _draw_life(tape: Tape) -> Life:
    """All of it, so many events, or so many flushes."""
    kind = tape.draw("lives", len(_LIVES_SHARES), _mostly_flushes)
    if kind == 0:
        return Life()
    number = tape.draw("life", STEPS_MAX if kind == 1 else FLUSHES_MAX)
    return Life(steps=number) if kind == 1 else Life(flushes=1 + number)


def _draw_workloads(world: World, profile: Profile) -> Iterator[Workload]:
    """One for each session, drawn when its turn has come. As a rule the same users come back."""
    tape, driver = world.tape, world.driver
    habits = None
    for number in range(1 + tape.draw("sessions", SESSIONS_MAX, _rather_one)):
        if habits is None or tape.draw("other users", 2):
            # Half a block, so that the places where users meet are: within a block, a block, two, all.
            habits = Habits(tape, profile, size=driver.size, block_size=driver.block_size // 2)
        yield [[_cut(request, driver.block_size) for request in client] for client in habits.workload(number)]


def _mostly_flushes(generator: Generator, outcomes: int) -> int:
    return generator.choices(range(outcomes), _LIVES_SHARES)[0]


def _rather_one(generator: Generator, outcomes: int) -> int:
    return generator.choices(range(outcomes), _SESSIONS_SHARES[:outcomes])[0]


def _cut(request: Request, block_size: int) -> Request:
    """The request, short; one that crosses a block's border still does."""
    start, end = request.offset, request.offset + request.length
    border = -(-(start + 1) // block_size) * block_size
    if border < end:
        start, end = max(start, border - LENGTH_MAX // 2), min(end, border + LENGTH_MAX // 2)
    return request._replace(offset=start, length=min(end - start, LENGTH_MAX), cancels=0)
