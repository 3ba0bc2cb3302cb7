"""What the tests of foreign drivers share: the programs, a place for sockets, two sides with no driver between."""

import asyncio
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from faults.foreign.drivers import Driver, find_driver
from faults.foreign.holding import Arrived, HoldingExport
from faults.foreign.judging import judge, survive
from faults.foreign.session import Life, Session
from faults.foreign.upstream import Upstream
from faults.foreign.weather import Weather
from faults.foreign.world import World
from faults.judges.oracle import Violation
from faults.runs.workload import Workload
from faults.simulation.tape import Draw, ReplayTape

ALL = Life()


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder with a name that is short enough for a socket."""
    with tempfile.TemporaryDirectory(prefix="faults-") as folder:
        yield Path(folder)


@pytest.fixture
def qemu(peer: Callable[[str], str]) -> Callable[[str], Driver]:
    """``qemu("vdi")``: that driver of QEMU, where it is installed."""

    def find(name: str) -> Driver:
        peer("qemu-nbd")
        peer("qemu-img")
        return find_driver(f"qemu-{name}")

    return find


@pytest.fixture
def relay() -> Callable[[str], Driver]:
    """``relay("deaf")``: the driver of ``relay.py`` in that mode."""
    script = Path(__file__).with_name("relay.py")

    def make(mode: str) -> Driver:
        command = f"{sys.executable} -S -E {script} {mode} {{uri}} {{socket}}"
        return Driver("relay", command, size=64 << 10, block_size=16 << 10)

    return make


@pytest.fixture
def losses(place: Path) -> Callable[..., str]:
    """``losses(driver, end, workload, *draws, life=...)``: the kind of what was lost in one session, and the words."""

    def live(driver: Driver, end: str, workload: Workload, *draws: Draw, life: Life = ALL) -> str:
        world = World(driver, ReplayTape(draws), place)
        try:
            asyncio.run(_live(world, end, workload, life))
        except Violation as violation:
            return f"{world.outcome.kind}: {violation}"
        return ""

    return live


async def _live(world: World, end: str, workload: Workload, life: Life) -> None:
    session = Session(world)
    try:
        await session.open()
        await session.use(workload, Weather(world.tape, world.driver.rules.regions), life)
        if end == "close":
            await session.close()
    finally:
        session.kill()
    survive(world, end)
    await judge(world, end)


class Ends(NamedTuple):
    """The export that holds, and clients that are connected to it with nothing between."""

    export: HoldingExport
    upstream: Upstream
    arrived: list[Arrived]
    socket: Path


@pytest.fixture
async def ends(place: Path) -> AsyncIterator[Ends]:
    arrived: list[Arrived] = []
    export, upstream = HoldingExport(1 << 20, arrived.append), Upstream()
    await export.listen(place / "socket")
    await asyncio.get_running_loop().create_unix_connection(lambda: upstream, str(place / "socket"))
    await upstream.negotiated()
    yield Ends(export, upstream, arrived, place / "socket")
    upstream.close(politely=False)
    export.close()
    await asyncio.sleep(0)
