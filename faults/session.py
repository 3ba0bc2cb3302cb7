"""One session: a disk is opened on a simulated storage, used by a few clients, and comes to an end.

It ends by a close, by ``kill -9``, or by a power loss after so many I/Os. Then somebody else's reader
reads what is left, and the oracle judges every sector of it.

Rule 1: what a request returned or raised is told to the oracle before anything else happens.
Rule 2: the first broken promise is the one that is reported, whatever else happens to the run.
"""

import asyncio
import warnings
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from faults.crash import kill_space, power_loss_space
from faults.device import Device
from faults.loop import Schedule, SimLoop
from faults.oracle import Oracle, Violation
from faults.plan import Plan
from faults.presets import device as preset_device
from faults.storage import PowerLost, SimStorage
from faults.tape import Draw, Tape
from faults.target import Disk, Target
from faults.trace import Trace, acting
from faults.workload import Request, Workload, payload
from faults.writelog import WriteLog

__all__ = ["Outcome", "Session", "World"]


@dataclass
class Outcome:
    """What a run showed."""

    failure: str | None
    """What was broken; None if everything held."""
    kind: str = ""
    """One word for the failure, so that a shrunk run can be told to show the same."""
    draws: list[Draw] = field(default_factory=list)
    trace: Trace = field(default_factory=Trace)
    steps: int = 0
    images: int = 0
    """Crash images that were opened and judged."""
    injected: int = 0


class World:
    """What the sessions of a run share: the target, its device, and those who watch."""

    def __init__(self, target: Target, tape: Tape, preset: str = "strict_512") -> None:
        self.target = target
        self.tape = tape
        self.oracle = Oracle(target.size)
        self.device = preset_device(preset, target.blank())
        self.outcome = Outcome(None, trace=Trace(tape))
        self.trace = self.outcome.trace
        self.log: WriteLog | None = None
        """Of the session that is on; a power loss ends it, since the disk is another one then."""


class Session:
    """From one open to the end that the tape has drawn."""

    def __init__(
        self,
        world: World,
        workload: Workload,
        plan: Plan,
        *,
        end: str,
        lives: int | None = None,
        schedule: Schedule | None = None,
    ) -> None:
        self.world = world
        self.workload = workload
        self.plan = plan
        self.end = end
        self.loop = SimLoop(world.tape, schedule)
        self.storage = SimStorage(
            world.device,
            self.loop,
            world.tape,
            plan,
            world.trace,
            region=world.target.region,
            lives=lives,
            cached=bool(world.tape.draw("cached", 2)),
            log=world.log,
            on_lost=world.oracle.fail_flush,
        )
        self.has_stopped = False
        self.has_changed = False
        self.is_over = False
        self.broken: Violation | None = None
        """The first promise that was broken. Its task may not be waited for any more when the power goes."""
        self.tasks: list[asyncio.Task[None]] = []

    def run(self) -> None:
        """To the end, and what is left is judged. Raises Violation."""
        world = self.world
        closed = False
        try:
            closed = self.loop.run_until_complete(self._use())
        except PowerLost:
            pass
        except Violation as violation:
            self.broken = self.broken or violation
        except Exception as error:
            self.broken = self.broken or self._violation("crashed", f"the run ended with {error!r}")
        finally:
            world.outcome.steps += self.loop.steps
            world.outcome.injected += self.plan.injected
            self._abandon()
        if self.broken:
            raise self.broken
        if self.loop.failures:
            raise self._violation("loose end", f"asyncio was told: {self.loop.failures[0].get('message')}")
        self._crash(closed=closed)

    # The users

    async def _use(self) -> bool:
        world = self.world
        world.trace.add("open", world.target.name)
        try:
            disk = await world.target.open(self.storage)
        except Exception as error:
            self._judge_error("open", error)
            return False
        clients = [self.loop.create_task(self._client(disk, requests)) for requests in self.workload]
        for client in clients:
            await client
        self._look_for_leaks(disk)
        if self.end != "close":
            return False
        await self._read_back(disk)
        return await self._close(disk)

    async def _client(self, disk: Disk, requests: list[Request]) -> None:
        for request in requests:
            task = self.loop.create_task(self._do(disk, request), name=f"request {request.name}")
            self.tasks.append(task)
            for _ in range(request.cancels):
                self.loop.happen(task.cancel)
            with suppress(asyncio.CancelledError):
                await task
            self.tasks.remove(task)

    async def _do(self, disk: Disk, request: Request) -> None:
        trace, oracle = self.world.trace, self.world.oracle
        acting.set(request.name)
        trace.add("submit", request)
        token: Any = None
        try:
            if request.kind == "read":
                token = oracle.begin_read(request.offset, request.length, str(request))
                data = await disk.pread(request.length, request.offset)
                oracle.end_read(token, bytes(data))
            elif request.kind == "flush":
                token = oracle.begin_flush()
                await disk.flush()
                oracle.end_flush(token, succeeded=True)
            else:
                token = oracle.begin_write(request.offset, payload(request), request.name, fua=request.kind == "fua")
                await self._change(disk, request)
                oracle.end_write(token)
                self.has_changed = True
        except Violation as violation:
            self.broken = self.broken or violation
            raise
        except BaseException as error:
            if isinstance(error, PowerLost) or self.is_over:
                raise  # the process is gone, and with it whoever would have been told
            trace.add("raise", request, type(error).__name__)
            self._settle(request, token)
            if isinstance(error, asyncio.CancelledError):
                if not _was_cancelled():
                    raise self._violation("cancelled", f"{request} was cancelled by nobody") from error
                raise
            self._judge_error(str(request), error)
        else:
            trace.add("return", request)

    async def _change(self, disk: Disk, request: Request) -> None:
        if request.kind == "zero":
            await disk.write_zeroes(request.length, request.offset)
        elif request.kind == "discard":
            await disk.discard(request.length, request.offset)
        else:
            await disk.pwrite(payload(request), request.offset, fua=request.kind == "fua")

    def _settle(self, request: Request, token: Any) -> None:
        """The request raised: tell the oracle what that leaves open."""
        if request.kind == "read":
            self.world.oracle.end_read(token, None)
        elif request.kind == "flush":
            self.world.oracle.end_flush(token, succeeded=False)
        else:
            self.world.oracle.fail_write(token)

    def _judge_error(self, where: str, error: BaseException) -> None:
        """An error without a fault is a failure itself (3c of the 2011 report)."""
        if not self.world.target.is_expected(error):
            raise self._violation("unexpected", f"{where} raised {error!r}") from error
        if not self.plan.injected:
            raise self._violation("spurious", f"{where} failed with {error}, and nothing was injected") from error
        self.has_stopped = self.has_stopped or self.world.target.stops(error)

    # The end

    async def _read_back(self, disk: Disk) -> None:
        """Everything, while the disk is open: what it shows now must be what it promised."""
        try:
            content = await disk.pread(self.world.target.size, 0)
        except Exception as error:
            self._judge_error("reading back", error)
            return
        self.world.oracle.observe(bytes(content), "read back before close")
        if not self.has_stopped and not self.plan.injected:
            self.world.oracle.narrow(bytes(content), stable=False)

    async def _close(self, disk: Disk) -> bool:
        flush = self.world.oracle.begin_flush()
        try:
            await disk.close()
        except Exception as error:
            self.world.oracle.end_flush(flush, succeeded=False)
            self._judge_error("close", error)
            return False
        # What an earlier session left to the page cache is not this one's to flush, unless it changes something.
        self.world.oracle.end_flush(flush, succeeded=self.has_changed)
        self.world.trace.add("close", self.world.target.name)
        return True

    def _crash(self, *, closed: bool) -> None:
        """Let the host lose what it may, and look at what is left."""
        world = self.world
        if closed and self.end == "close" and not world.tape.draw("power after close", 2):
            survivor, power = kill_space(world.device).image({}), False
        elif self.end == "kill":
            survivor, power = kill_space(world.device).draw(world.tape), False
        else:
            survivor, power = power_loss_space(world.device).draw(world.tape), True
        world.trace.add("power" if power else "kill", f"session ended by {self.end}")
        world.outcome.images += 1
        if power:
            world.oracle.lose_power()
        else:
            world.oracle.kill()
        try:
            content = world.target.read_image(survivor.stable())
        except ValueError as error:
            raise self._violation("structure", f"after the session's end ({self.end}): {error}") from error
        world.oracle.observe(content, f"after the session's end ({'power loss' if power else self.end})")
        world.oracle.narrow(content, stable=power)
        world.device = self._survivor(survivor, power=power)

    def _survivor(self, survivor: Device, *, power: bool) -> Device:
        """A host that lives keeps its page cache, and what was not durable in it still is not."""
        if power:
            return survivor
        world = self.world
        device = world.device.holds(world.device.durable, world.device.durable_length)
        for unit, content in survivor.durable.items():
            if content != device.volatile.get(unit, bytes(device.unit)):
                device._put(unit, content, device.tick())
        if survivor.length != device.length:
            device._set_length(survivor.length, device.tick())
        return device

    def _look_for_leaks(self, disk: Disk) -> None:
        if found := self.world.target.leaks(disk):
            raise self._violation("leak", f"all requests have ended, and the disk still holds {'; '.join(found)}")

    def _violation(self, kind: str, text: str) -> Violation:
        violation = Violation(text)
        if self.broken is None:
            self.broken = violation
            self.world.outcome.kind = kind
        return violation

    def _abandon(self) -> None:
        """The process is gone: none of its tasks takes another step."""
        self.is_over = True
        with warnings.catch_warnings():
            # A clean-up that still wants to start a task cannot, and Python would tell of its coroutine.
            warnings.simplefilter("ignore", RuntimeWarning)
            for task in asyncio.all_tasks(self.loop):
                task._log_destroy_pending = False  # type: ignore[attr-defined]
                with suppress(BaseException):
                    task.get_coro().close()
        self.loop.close()


def _was_cancelled() -> bool:
    """Whether somebody asked for it: the tape, or a plan."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
