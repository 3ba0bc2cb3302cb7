"""A folder for code under test: its calls end when the tape says so, and as the plan says.

It has the shape of ``aiovdi.driver.folder.Folder``: names, and the calls by which a new file comes to one. Each
call becomes an event of the loop and takes effect when that is picked; to a plan it is an I/O of the region
``directory``, of the kind ``create``, ``link``, ``rename``, ``unlink`` or ``flush``. Files are ``SimStorage``.

Rule: a call that is cancelled waits for its end, as an I/O of the storage does.
"""

import asyncio
import os
from collections.abc import Callable
from typing import Any

from faults.simulation.directory import Directory
from faults.simulation.loop import SimLoop
from faults.simulation.plan import IO, Plan
from faults.simulation.storage import SimStorage
from faults.simulation.tape import Tape
from faults.simulation.trace import Trace

__all__ = ["SimFolder"]


class _Settling(asyncio.Future[None]):
    def cancel(self, msg: Any | None = None) -> bool:  # noqa: ARG002
        return False


class SimFolder:
    """Names in a ``Directory``."""

    Storage = SimStorage

    def __init__(self, directory: Directory, loop: SimLoop, tape: Tape, plan: Plan, trace: Trace) -> None:
        self.directory = directory
        self._loop = loop
        self._tape = tape
        self._plan = plan
        self._trace = trace
        self._calls = 0

    async def has(self, name: str) -> bool:
        return name in self.directory.names

    async def require_unused(self, name: str) -> None:
        """Nobody else is here."""

    async def create(self, name: str) -> SimStorage:
        await self._change("create", name)
        device = self.directory.names[name].device
        return self.Storage(device, self._loop, self._tape, self._plan, self._trace)

    async def link(self, name: str, other: str) -> None:
        await self._change("link", name, other)

    async def replace(self, name: str, other: str) -> None:
        await self._change("rename", name, other)

    async def unlink(self, name: str) -> None:
        await self._change("unlink", name)

    def unlink_now(self, name: str) -> None:
        self.directory.end(self.directory.issue("unlink", name))

    async def flush(self) -> None:
        begun = self.directory.tick()
        await self._run("flush", lambda: self.directory.end_flush(begun), lambda: None)

    async def _change(self, kind: str, name: str, other: str = "") -> None:
        change = self.directory.issue(kind, name, other)
        await self._run(kind, lambda: self.directory.end(change), lambda: self.directory.fail(change))

    async def _run(self, kind: str, take_effect: Callable[[], None], fail: Callable[[], None]) -> None:
        self._calls += 1
        io = IO(self._calls, kind, 0, 0, "directory")
        future = _Settling(loop=self._loop)
        self._trace.add("issue", io)

        def end() -> None:
            fate = self._plan.fate(io)
            self._trace.add("end", io, fate)
            try:
                take_effect() if not fate.errno or fate.effect == "all" else fail()
            except OSError as error:
                future.set_exception(error)
                return
            if fate.errno:
                future.set_exception(OSError(fate.errno, os.strerror(fate.errno)))
            else:
                future.set_result(None)

        self._loop.happen(end)
        await future
