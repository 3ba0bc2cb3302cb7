"""One session: a disk is opened on a simulated storage, used by a few clients, and comes to an end.

It ends by a close (in the middle of the requests, if the tape says so), by ``kill -9``, or by a power
loss after so many I/Os, of the close too. Then somebody else's reader reads what is left, and the oracle
judges every sector of it.

Rule 1: the first broken promise is the one that is reported, whatever else happens to the run.
Rule 2: after a close nothing is under way, and nothing begins any more.
Rule 3: a host that lives keeps its page cache as it is: what it had given up is not written by anybody.
"""

import asyncio
import warnings
from contextlib import suppress

from faults.judges.oracle import Violation
from faults.runs.clients import Clients
from faults.runs.closing import closed_or_left, refuses_all
from faults.runs.glances import Glances, LossyTape, Over
from faults.runs.workload import SECTOR, Request, Workload
from faults.runs.world import World
from faults.simulation.crash import kill_space, power_loss_space
from faults.simulation.device import Device
from faults.simulation.image import Content
from faults.simulation.loop import Schedule, SimLoop
from faults.simulation.plan import Plan
from faults.simulation.storage import PowerLost, SimStorage
from faults.simulation.tape import likely
from faults.target import Disk

__all__ = ["Session"]

CLOSINGS = ("", "", "", "", "closes", "dies")
"""What a disk does before its power goes or its process is killed: mostly it is not closed at all."""
CALMS: tuple[tuple[str, ...], ...] = ((), ("flush",), ("flush", "write", "flush"), ("write", "flush"), (), (), (), ())
"""What is asked of a disk after everything else, when nothing fails any more."""
CACHED = likely(2, 1)
"""How often the storage reads at once what is in memory. There is more to try where it does not."""
SQUEEZES = 4
"""How often the disk may be made to forget what it has cached, where the tape draws the requests."""
HEAD = 4096
"""As much of the image as is compared before and after."""
CLOSE_IOS = 12
"""More than the I/Os of a usual close."""


class Session:
    """From one open to the end that the tape has drawn."""

    Loop = SimLoop
    Storage = SimStorage
    Users = Clients

    def __init__(
        self,
        world: World,
        workload: Workload,
        plan: Plan,
        *,
        end: str,
        lives: int | None = None,
        schedule: Schedule | None = None,
        closes_early: float = 0.0,
    ) -> None:
        self.world = world
        self.workload = workload
        self.plan = plan
        self.end = end
        self.loop = self.Loop(world.tape, schedule)
        self.storage = self.Storage(
            world.device,
            self.loop,
            world.tape,
            plan,
            world.trace,
            region=world.target.region,
            lives=lives,
            cached=bool(world.tape.draw("cached", 2, CACHED)),
            begins=world.tape.draw("begins", 4) == 1,
            can_grow=world.target.grows,
            extends_with_zeros=world.target.extends_with_zeros,
            log=world.log,
            on_lost=world.oracle.fail_flush,
            on_told=world.oracle.tell_of_flush,
        )
        self.clients = self.Users(world, self.loop, plan)
        self._glances = Glances(world, self._audit_changes)
        if closes_early:
            self.clients.on_told = lambda kind: self._glances.acknowledged(kind, failed=plan.injected > 0)
        self._before = world.device.read(0, HEAD)
        self._issued = 0
        """How many I/Os there had been when close returned."""
        self._was_closed = False
        """Close has returned without an error."""
        closing = "" if end == "close" else CLOSINGS[world.tape.draw("closes", len(CLOSINGS))]
        self._is_watched = closes_early > 0
        self._closes = end == "close" or closing != ""
        self._dies_closing = closing == "dies"
        self._closes_early = self._closes and world.target.drains and world.tape.chance("close.early", closes_early)
        self._squeezes = world.tape.draw("squeezes", SQUEEZES) if closes_early else 0
        self._reads_back = not world.tape.draw("close.blindly", 2) if closes_early else self._closes
        """Everything is read before the end. Meanwhile what goes on in the background would come to its own."""
        self._calm = CALMS[world.tape.draw("calm", len(CALMS))] if closes_early else ()

    def run(self) -> None:
        """To the end, and what is left is judged. Raises Violation."""
        world = self.world
        is_cut = False
        try:
            if self.loop.run_until_complete(self._use()):
                self._nothing_is_left()
        except (PowerLost, Over):
            is_cut = True
        except Violation as violation:
            world.broken = world.broken or violation
        except Exception as error:
            world.violation("crashed", f"the run ended with {error!r}")
        finally:
            world.outcome.steps += self.loop.steps
            world.outcome.injected += self.plan.injected
            told = len(self.loop.failures)
            self._abandon()
        # Where a run was cut, somebody was still to look at the error that a task has ended with.
        failures = self.loop.failures[:told] if is_cut else self.loop.failures
        if not world.broken and failures:
            world.violation("loose end", f"asyncio was told: {failures[0].get('message')}")
        if world.broken:
            raise world.broken
        self._look_at_what_is_left()

    # The users

    async def _use(self) -> bool:
        """True: the disk was closed."""
        world = self.world
        world.trace.add("open", world.target.name)
        try:
            disk = await world.target.open(self.storage)
        except Exception as error:
            self.clients.judge("open", error)
            return False
        clients = [self.loop.create_task(self.clients.send(disk, requests)) for requests in self.workload]
        for _ in range(self._squeezes):
            self.loop.happen(lambda: self._squeeze(disk))
        if self._closes_early:
            return await self._close_amid(disk, clients)
        for client in clients:
            await client
        self._look_for_leaks(disk)
        if self._calm:
            await self._recover(disk)
        if self._reads_back:
            await self._read_back(disk)
        return self._closes and await self._close(disk)

    def _squeeze(self, disk: Disk) -> None:
        if not self.clients.is_closing:
            self.world.target.squeeze(disk)

    async def _recover(self, disk: Disk) -> None:
        """Nothing fails any more: a disk that has not stopped must do what it is asked, if not at once then again.

        At once it may still tell of what failed before. Most of all it must do what it did not.
        """
        world, failed_at = self.world, self.clients.failed_at
        self.storage.calm()
        drawn = world.tape.draw("calm.offset", world.target.size // SECTOR) * SECTOR
        where = drawn if failed_at is None else failed_at // SECTOR * SECTOR
        for kind in self._calm:
            for attempt in range(2):
                errors = self.clients.errors
                await self.clients.send(disk, [Request(f"Z{world.outcome.images}{attempt}", kind, where, SECTOR)])
                if self.clients.errors == errors:
                    break
            else:
                raise world.violation("spurious", f"nothing fails any more, and every {kind} still does")
        await self._read_flushed(disk)

    async def _read_back(self, disk: Disk) -> None:
        """Everything, while the disk is open: what it shows now must be what it promised."""
        content = await self._observed(disk)
        if content is not None and not self.clients.has_stopped and not self.plan.injected:
            self.world.oracle.narrow(content, stable=False)

    async def _read_flushed(self, disk: Disk) -> None:
        """Nothing has happened since a flush: what is there now will be there after a power loss.

        A request that failed has been done by then or has not; it is not done later.
        """
        content = await self._observed(disk)
        if content is not None and not self.clients.has_stopped and not self.world.oracle.gave_up:
            self.world.oracle.narrow(content, stable=True)

    async def _observed(self, disk: Disk) -> bytes | None:
        """The whole disk; None: it cannot be read, and may say so."""
        try:
            content = bytes(await disk.pread(self.world.target.size, 0))
        except Exception as error:
            self.clients.judge("reading back", error)
            return None
        self.world.oracle.observe(content, "read back before the end")
        return content

    # The close

    async def _close_amid(self, disk: Disk, clients: "list[asyncio.Task[None]]") -> bool:
        """Close at a moment of the tape's choosing: what is under way finishes, what comes later is refused."""
        moment = self.loop.create_future()
        self.loop.happen(lambda: moment.set_result(None))
        await moment
        closed = await self._close(disk)
        for client in clients:
            await client
        self._look_for_leaks(disk)
        return closed

    async def _close(self, disk: Disk) -> bool:
        self.clients.is_closing = True
        self.world.trace.add("closing", self.world.target.name)
        if self._dies_closing:
            self.storage.lives = self.world.tape.draw("life.closing", CLOSE_IOS)
        if self._is_watched:
            self._glances.amid(self.loop)
        try:
            is_told = await self._end(disk)
        except Exception as error:
            self.clients.judge("close", error)
            if self._calm and not self._closes_early and not self.world.target.stops(error):
                raise self.world.violation("spurious", f"nothing fails any more, and close raised {error!r}") from error
            return False
        self._issued = self.storage.issued
        if self.storage.under_way:
            late = next(iter(self.storage.under_way.values()))
            raise self.world.violation("late", f"close has returned, and {late} is still under way")
        if is_told:
            await self._is_closed(disk)
        return True

    async def _end(self, disk: Disk) -> bool:
        """Whether it was closed without an error; else nobody was told."""
        if self._is_watched and self.world.target.drains:
            return await closed_or_left(self.world, self.loop, disk)
        await disk.close()
        return True

    async def _is_closed(self, disk: Disk) -> None:
        oracle = self.world.oracle
        # What an earlier session left to the page cache is not this one's to flush, unless it changes something.
        oracle.end_flush(oracle.begin_flush(), succeeded=self.clients.has_changed)
        self.world.trace.add("close", self.world.target.name)
        self._was_closed = True
        if self.world.target.drains:
            await refuses_all(self.world, disk)

    def _nothing_is_left(self) -> None:
        """The loop goes on until nothing can happen: the disk must have no part in that."""
        self.loop.run_until_idle()
        if self.storage.issued > self._issued:
            raise self.world.violation(
                "late", f"{self.storage.issued - self._issued} I/Os were issued after close had returned"
            )
        if tasks := asyncio.all_tasks(self.loop):
            raise self.world.violation("leak", f"the disk is closed, and {len(tasks)} tasks wait for ever")

    def _look_for_leaks(self, disk: Disk) -> None:
        if found := self.world.target.leaks(disk):
            raise self.world.violation("leak", f"all requests have ended, and the disk still holds {'; '.join(found)}")

    # What is left

    def _look_at_what_is_left(self) -> None:
        """Let the host lose what it may; somebody else reads the rest."""
        world = self.world
        power = self.end == "power" or (self.end == "close" and bool(world.tape.draw("power after close", 2)))
        world.trace.add("power" if power else "kill", f"session ended by {self.end}")
        world.outcome.images += 1
        if power:
            survivor = power_loss_space(world.device).draw(LossyTape(world.tape))
            world.oracle.lose_power()
        else:
            survivor = kill_space(world.device).draw(LossyTape(world.tape))
            world.oracle.kill()
        self._read(survivor, power=power)
        if power:
            world.device = survivor
        else:
            world.device.live_on(survivor.durable, survivor.length)

    def _read(self, survivor: Device, *, power: bool) -> None:
        world, left = self.world, survivor.stable()
        try:
            content = world.target.read_image(left)
        except ValueError as error:
            raise world.violation("structure", f"after the session's end ({self.end}): {error}") from error
        self._audit(left)
        world.oracle.observe(content, f"after the session's end ({'power loss' if power else self.end})")
        world.oracle.narrow(content, stable=power)

    def _audit(self, left: Content) -> None:
        try:
            self._audit_changes(left)
        except ValueError as error:
            raise self.world.violation("structure", f"after the session's end ({self.end}): {error}") from error

    def _audit_changes(self, left: Content) -> None:
        """What an acknowledged change and a close promise besides. Raises ValueError."""
        if self.clients.has_changed:
            self.world.target.audit_changed(self._before, left)
            if self._was_closed:
                self.world.target.audit_closed(left)

    def _abandon(self) -> None:
        """The process is gone: none of its tasks takes another step."""
        self.clients.is_over = True
        with warnings.catch_warnings():
            # A clean-up that still wants to start a task cannot, and Python would tell of its coroutine.
            warnings.simplefilter("ignore", RuntimeWarning)
            for task in asyncio.all_tasks(self.loop):
                task._log_destroy_pending = False  # type: ignore[attr-defined]
                with suppress(BaseException):
                    task.get_coro().close()
        self.loop.close()
