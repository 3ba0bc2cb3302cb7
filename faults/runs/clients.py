"""The users of a disk: each sends its requests one after the other, and all of them send at once.

Rule 1: what a request returned or raised is told to the oracle before anything else happens.
Rule 2: an error needs a reason. Nothing injected, nothing cancelled, nothing closed: then the error itself
is what was broken (3c of the 2011 report).
"""

import asyncio
from collections.abc import Callable, Coroutine, Generator
from contextlib import suppress
from typing import Any

from faults.judges.oracle import Violation
from faults.runs.workload import Request, payload
from faults.runs.world import World
from faults.simulation.loop import SimLoop
from faults.simulation.plan import Plan
from faults.simulation.storage import PowerLost
from faults.simulation.trace import acting
from faults.target import Disk

__all__ = ["Clients"]

NOT_OF_THE_DISK = (PowerLost, KeyboardInterrupt)
"""They come from without in the midst of a request, whichever it is: the host's end, and that of the search."""


class Waiting(Coroutine[Any, Any, bool]):
    """A coroutine of which somebody is told when it waits for the ``nth`` time, counted from 1."""

    def __init__(self, coroutine: Coroutine[Any, Any, bool], nth: int, tell: Callable[[], object]) -> None:
        self._coroutine = coroutine
        self._left = nth
        self._tell = tell

    def send(self, value: Any) -> Any:
        waits_for = self._coroutine.send(value)
        self._left -= 1
        if not self._left:
            self._tell()
        return waits_for

    def throw(self, *error: Any) -> Any:
        return self._coroutine.throw(*error)

    def close(self) -> None:
        self._coroutine.close()

    def __await__(self) -> Generator[Any, None, bool]:
        return self._coroutine.__await__()


class Clients:
    """Those of one session."""

    def __init__(self, world: World, loop: SimLoop, plan: Plan) -> None:
        self.world = world
        self.has_stopped = False
        """A request was told that the disk takes no more writes."""
        self.has_changed = False
        """A request that changes something was acknowledged."""
        self.failed_at: int | None = None
        """Where on the disk the last change was to be that failed."""
        self.errors = 0
        """Requests that failed, and not because the disk had stopped."""
        self.on_told: Callable[[str], object] = lambda _: None
        """Called with the kind of each request that is told that it is done."""
        self.is_closing = False
        self.is_over = False
        """The process is gone, and with it whoever would have been told anything."""
        self._loop = loop
        self._plan = plan

    async def send(self, disk: Disk, requests: list[Request]) -> None:
        """One client's part. Raises Violation."""
        for request in requests:
            task = self._begin_task(disk, request)
            try:
                is_done = await task
            except asyncio.CancelledError:
                is_done = not request.insists
            if not is_done and request.again:
                with suppress(asyncio.CancelledError):
                    await self._do(disk, request.repeated(self.world.target.size))

    def _begin_task(self, disk: Disk, request: Request) -> "asyncio.Task[bool]":
        """With its cancels, if any: at a moment of the tape's choosing, or when it waits for the n-th time."""
        coroutine: Coroutine[Any, Any, bool] = self._do(disk, request)
        if request.waits:
            coroutine = Waiting(coroutine, request.waits, lambda: self._cancel_waiting(task, request))
        task: asyncio.Task[bool] = self._loop.create_task(coroutine, name=f"request {request.name}")
        if not request.waits:
            self._cancel_soon(task, request, request.cancels)
        return task

    def _cancel_waiting(self, task: "asyncio.Task[bool]", request: Request) -> None:
        """The first of its cancels comes at once, if it is not patient."""
        is_first = not request.patience
        if is_first:
            task.cancel()
        self._cancel_soon(task, request, request.cancels - is_first)

    def _cancel_soon(self, task: "asyncio.Task[bool]", request: Request, times: int) -> None:
        for _ in range(times):
            self._cancel(task, request.patience)

    def _cancel(self, task: "asyncio.Task[Any]", patience: int) -> None:
        """Once, when it is this one's turn among what can happen for the ``patience``-th time and once more."""
        self._loop.happen(lambda: self._cancel(task, patience - 1) if patience and not task.done() else task.cancel())

    async def _do(self, disk: Disk, request: Request) -> bool:
        """Whether it did what it was asked. Raises Violation."""
        world = self.world
        acting.set(request.name)
        world.trace.add("submit", request)
        token = self._begin(request)
        try:
            await self._perform(disk, request, token)
        except Violation as violation:
            world.broken = world.broken or violation
            raise
        except BaseException as error:
            if isinstance(error, NOT_OF_THE_DISK) or self.is_over:
                raise
            world.trace.add("raise", request, type(error).__name__)
            self._settle(request, token)
            if isinstance(error, asyncio.CancelledError):
                if not _was_cancelled():
                    raise world.violation("cancelled", f"{request} was cancelled by nobody") from error
                raise
            self.judge(str(request), error)
            return False
        else:
            world.trace.add("return", request)
            if _was_cancelled():
                # Whoever cancelled it, such as a timeout, waits for a CancelledError.
                raise world.violation("cancelled", f"{request} was cancelled, and returned as if it was not")
            self.on_told(request.kind)
            return True

    def _begin(self, request: Request) -> Any:
        oracle = self.world.oracle
        if request.kind == "read":
            return oracle.begin_read(request.offset, request.length, str(request))
        if request.kind == "flush":
            return oracle.begin_flush()
        is_fua = request.is_fua or (self.world.target.writes_through and request.kind != "discard")
        return oracle.begin_write(request.offset, payload(request), request.name, fua=is_fua)

    async def _perform(self, disk: Disk, request: Request, token: Any) -> None:
        oracle = self.world.oracle
        if request.kind == "read":
            oracle.end_read(token, bytes(await disk.pread(request.length, request.offset)))
        elif request.kind == "flush":
            await disk.flush()
            oracle.end_flush(token, succeeded=True)
        else:
            await _change(disk, request)
            oracle.end_write(token)
            self.has_changed = True

    def _settle(self, request: Request, token: Any) -> None:
        """The request raised: tell the oracle what that leaves open."""
        if request.kind == "read":
            self.world.oracle.end_read(token, None)
        elif request.kind == "flush":
            self.world.oracle.end_flush(token, succeeded=False)
        else:
            self.world.oracle.fail_write(token)
            self.failed_at = request.offset

    def judge(self, where: str, error: BaseException) -> None:
        """Whether ``where`` may raise this now. Raises Violation."""
        target = self.world.target
        if self.is_closing and target.is_closed(error):
            return
        if not target.is_expected(error):
            raise self.world.violation("unexpected", f"{where} raised {error!r}") from error
        if not self._plan.injected:
            raise self.world.violation("spurious", f"{where} failed with {error}, and nothing was injected") from error
        stops = target.stops(error)
        self.has_stopped = self.has_stopped or stops
        self.errors += not stops


async def _change(disk: Disk, request: Request) -> None:
    if request.kind in ("zero", "fua-zero"):
        await disk.write_zeroes(request.length, request.offset, fua=request.is_fua)
    elif request.kind == "discard":
        await disk.discard(request.length, request.offset)
    else:
        await disk.pwrite(payload(request), request.offset, fua=request.is_fua)


def _was_cancelled() -> bool:
    """Whether somebody asked for it: the tape, or a plan."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
