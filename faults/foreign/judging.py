"""After a session: what the host lost, and what is left of the disk.

An image of a format that we can read is read at once by the second reader, and audited. Of another one a
new process of its driver shows the content, and the format's own checker has a word.

Rule: a contradiction in an image is a failure only where it costs data. So a *complaint* of the audit is
followed up: a new process writes one sector into every block and flushes; nothing else happens to it.
Who then misses data has lost it by that contradiction.
"""

from faults.foreign.session import Session
from faults.foreign.survivors import draw_survivor
from faults.foreign.world import World
from faults.judges.oracle import Violation
from faults.runs.workload import Request
from faults.simulation.crash import kill_space, power_loss_space

__all__ = ["after", "judge", "look_again", "survive"]

SECTOR = 512
_PROBER = "Z"


def survive(world: World, end: str) -> None:
    """The session is over: let the host lose what it may."""
    below, device = world.below, world.below.device
    world.trace.add("power" if end == "power" else "kill", f"session ended by {end}")
    world.outcome.images += 1
    if end == "power":
        below.device = draw_survivor(power_loss_space(device), world.tape, below.region)
    else:
        survivor = draw_survivor(kill_space(device), world.tape, below.region)
        device.live_on(survivor.durable, survivor.length)
    below.abandon()
    world.keep_image()
    if end in ("close", "hang-up"):
        world.oracle.kill()
        if end == "hang-up":
            world.met(end)
    else:
        world.met("power loss" if end == "power" else "kill")
        world.oracle.lose_power()  # a volatile cache is in the memory of the process, and dies with it
        world.repair()


async def judge(world: World, end: str) -> None:
    """Read the image where we can. Raises Violation."""
    if world.driver.rules.has_reader:
        complaint = _read(world, f"after the session's end ({end})", stable=end == "power")
        if complaint:
            await _follow_up(world, complaint)


def _read(world: World, where: str, *, stable: bool) -> str:
    try:
        seen = world.driver.rules.read(world.content())
    except ValueError as error:
        raise world.violation("structure", f"{where}: {error}") from error
    try:
        world.oracle.observe(seen.content, where)
    except Violation as violation:
        raise world.seen("lost", violation) from violation
    world.oracle.narrow(seen.content, stable=stable)
    return seen.complaint


async def _follow_up(world: World, complaint: str) -> None:
    """What the contradiction costs. Raises Violation, if it does."""
    world.trace.add("audit:", complaint)
    with world.untold():
        await _write_everywhere(world)
        survive(world, "close")
    try:
        _read(world, "after one more session that writes a sector to each block", stable=False)
    except Violation as violation:
        what = "count" if "the header counts" in complaint else "structure"
        raise world.violation(what, f"{complaint}. Then {violation}") from violation


async def _write_everywhere(world: World, *, backwards: bool = False) -> None:
    """One session: a sector into each block, at its end, and a flush.

    ``backwards``: free blocks first, as those that a contradiction is about are mostly at the beginning.
    """
    block_size = world.driver.block_size
    ends = range(block_size, world.driver.size + 1, block_size)[:: -1 if backwards else 1]
    session = Session(world)
    try:
        await session.open()
        for number, end in enumerate(ends):
            await session.do(Request(f"{_PROBER}{number}", "write", end - SECTOR, SECTOR))
        await session.do(Request(f"{_PROBER}{len(ends)}", "flush"))
        await session.close()
    finally:
        session.kill()


async def look_again(world: World, end: str) -> None:
    """A new process shows the disk for the last time; before it, the format's checker looks. Raises Violation."""
    if world.driver.rules.has_reader:
        return
    if complaint := world.driver.complaint(world.content()):
        text = f"after the session's end ({end}), the checker says: {complaint}"
        if cost := await _cost(world):
            raise world.violation("doomed", f"{text}. Then {cost}")
        raise world.violation("structure", text)
    await _look(world, after(end))


async def _cost(world: World) -> str:
    """The data that is missing after one more session, which writes a sector to each block; "" if none is."""
    try:
        with world.untold():
            await _write_everywhere(world, backwards=True)
            survive(world, "close")
            await _look(world, "after one more session that writes a sector to each block")
    except Violation as violation:
        return str(violation) if world.outcome.kind.startswith(("lost", "misplaced")) else ""
    return ""


async def _look(world: World, where: str) -> None:
    session = Session(world)
    try:
        await session.open()
        await session.look(where)
        await session.close()
    finally:
        session.kill()


def after(end: str) -> str:
    """Where a look is taken."""
    return f"a new process, after the session's end ({end})"
