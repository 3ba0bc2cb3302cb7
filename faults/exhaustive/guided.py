"""A session in which a search is told, at every step, who may act next and what the one that did has touched.

The world is that of every other run, and so is a replay; only the choices that are offered differ:

``ends``      An I/O ends, or a request comes, when every task waits; a cancel comes at any moment.
``moments``   All of them come at any moment between two steps. Tasks that are ready run in the order in
              which they became so, as asyncio runs them: this is all that asyncio itself can do.
``any``       Tasks overtake each other too; the search counts that as a deviation.

Rule 1: what belongs to the users and not to the disk is nobody's choice. A client's own steps run at
once; while a prelude runs, or the disk is read back with nothing else under way, the oldest is next.
Rule 2: every request comes at a moment of the search's choosing, as the requests of strangers do.
"""

import asyncio
import contextvars
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from itertools import count
from typing import Any, cast

from faults.exhaustive.commute import Footprint
from faults.exhaustive.everycrash import EveryCrash
from faults.exhaustive.footprints import MarkedStorage, MarkedTrace
from faults.exhaustive.path import Offer, PathTape
from faults.runs.clients import Clients
from faults.runs.session import Session
from faults.runs.workload import Request
from faults.runs.world import World
from faults.simulation.loop import Schedule, SimLoop, SimTask
from faults.simulation.plan import IO, Plan
from faults.simulation.tape import Tape
from faults.target import Disk

__all__ = ["ORDERS", "GuidedLoop", "GuidedSession"]

ORDERS = {
    "ends": "every order in which I/Os end and requests come while all tasks wait",
    "moments": "every moment between two steps at which an I/O ends or a request comes",
    "any": "every moment at which an I/O ends or a request comes, and tasks that overtake each other",
}
"""What there is, and what is claimed where it was exhausted."""


COMING = "a request"


class GuidedLoop(SimLoop):
    """The deterministic loop, with a search above its tape. On any other tape it is a loop like all."""

    def __init__(self, tape: Tape, schedule: Schedule | None = None) -> None:
        super().__init__(tape, schedule)
        self.orders = "moments"
        self.trace = MarkedTrace(tape)
        self.length: Callable[[], int] = lambda: 0
        """Of the file: what changes it orders everything."""
        self._subjects: dict[int, IO | SimTask[Any] | str] = {}
        """Of each event: the I/O that ends, the task that is cancelled, or a word."""
        self._at_once: set[SimTask[Any]] = set()
        self._is_quiet = False
        self._before: tuple[int, int] | None = None
        """Of the step that is under way: how many tasks were ready, and how long the file was."""

    def run_at_once(self) -> None:
        """From here on the steps of the current task are no choice: they run as callbacks do."""
        self._at_once.add(cast("SimTask[Any]", asyncio.current_task(self)))

    @contextmanager
    def quietly(self) -> Iterator[None]:
        """In the block the oldest is always next."""
        self._is_quiet = True
        try:
            yield
        finally:
            self._is_quiet = False

    @property
    def is_idle(self) -> bool:
        """Whether nothing but the current task can act."""
        return not self._ready and not self._events

    def happen(self, event: Callable[[], object]) -> int:
        owner = getattr(event, "__self__", None)
        issued = self.trace.footprint.issued
        number = super().happen(event)
        is_io = issued and issued[-1] not in self._subjects.values()  # it becomes an event as soon as it is issued
        self._subjects[-number] = owner if isinstance(owner, SimTask) else issued[-1] if is_io else "something"
        return number

    def come(self, event: Callable[[], object]) -> None:
        """Let a request come: an event that touches nobody but who sends it."""
        self._subjects[-self.happen(event)] = COMING

    def call_soon(  # type: ignore[override]
        self, callback: Callable[..., object], *args: Any, context: contextvars.Context | None = None
    ) -> asyncio.Handle:
        task = getattr(callback, "__self__", None)
        if isinstance(task, SimTask) and task in self._at_once:
            handle = asyncio.Handle(callback, args, self, context)
            self._callbacks.append(handle)
            return handle
        return super().call_soon(callback, *args, context=context)

    def _turn(self) -> None:
        if self._callbacks or not isinstance(self._tape, PathTape):
            super()._turn()
            return
        path = self._tape.path
        if path.is_new and self._before is not None:
            path.settle(self._footprint(path.actor, *self._before))
        self.trace.footprint = Footprint()
        self._before = len(self._ready), self.length()
        if path.is_new:
            if actors := self._actors():
                path.offer(Offer(actors, self._allowed(actors), range(1, len(self._ready))))
            else:
                path.wake_all()
                self._before = None
        super()._turn()

    def _footprint(self, actor: int, ready: int, length: int) -> Footprint:
        """Of what has happened since the last offer."""
        footprint = self.trace.footprint
        footprint.wakes = len(self._ready) > (ready - 1 if actor > 0 else ready)
        if actor < 0:
            subject = self._subjects[actor]
            footprint.kind = "end" if isinstance(subject, IO) else "come" if subject == COMING else "cancel"
            footprint.io = subject if isinstance(subject, IO) else None
        io = footprint.io
        if io is not None:
            footprint.orders = io.fua or io.kind in ("flush", "resize") or self.length() != length
        return footprint

    def _allowed(self, actors: list[int]) -> list[int]:
        ready = len(self._ready)
        if self._is_quiet:
            return [0]
        events = [at for at in range(ready, len(actors)) if not self._is_vain(actors[at])]
        if not ready:
            return events or [0]
        if self.orders == "any":
            return [*range(ready), *events]
        return [0, *(at for at in events if self.orders == "moments" or self._is_cancel(actors[at]))]

    def _is_cancel(self, actor: int) -> bool:
        return isinstance(self._subjects[actor], SimTask)

    def _is_vain(self, actor: int) -> bool:
        """A cancel of what has ended."""
        subject = self._subjects[actor]
        return isinstance(subject, SimTask) and subject.done()


class GuidedClients(Clients):
    """Clients whose requests come when the search says so, after a prelude by the first of them."""

    _loop: GuidedLoop

    def __init__(self, world: World, loop: SimLoop, plan: Plan) -> None:
        super().__init__(world, loop, plan)
        self._prelude: asyncio.Future[None] | None = None

    async def send(self, disk: Disk, requests: list[Request]) -> None:
        loop = self._loop
        loop.run_at_once()
        if self._prelude is None:
            self._prelude = loop.create_future()
            with loop.quietly():
                await super().send(disk, requests)
            self._prelude.set_result(None)
            return
        await asyncio.shield(self._prelude)
        for request in requests:
            coming = loop.create_future()
            loop.come(partial(coming.set_result, None))
            await coming
            await super().send(disk, [request])

    def _cancel(self, task: "asyncio.Task[None]", patience: int) -> None:  # noqa: ARG002
        self._loop.happen(task.cancel)  # of which the loop can tell whom it strikes


class GuidedSession(Session):
    """A session for a search. The first client of its workload is the prelude."""

    Loop = GuidedLoop
    Storage = MarkedStorage
    Users = GuidedClients
    loop: GuidedLoop
    storage: MarkedStorage

    def __init__(
        self, world: World, *args: Any, orders: str = "moments", crashes: EveryCrash | None = None, **options: Any
    ) -> None:
        trace = world.trace = world.outcome.trace = MarkedTrace(world.tape)
        super().__init__(world, *args, **options)
        self.loop.orders = orders
        self.loop.trace = trace
        self.loop.length = lambda: world.device.length
        self._crashes = crashes
        if crashes is not None:
            self.storage.look = self._look

    def _look(self, ended: int | None = None) -> None:
        """At every crash that could come now, if no run before has been here."""
        tape = self.world.tape
        if self._crashes is not None and isinstance(tape, PathTape) and tape.path.is_new:
            self._crashes.look(self.world, ended, self._audit if self.clients.has_changed else None)

    def run(self) -> None:
        with _counted_uuids():
            super().run()

    async def _read_back(self, disk: Disk) -> None:
        if not self.loop.is_idle:
            await super()._read_back(disk)
            return
        with self.loop.quietly():
            await super()._read_back(disk)

    def _look_at_what_is_left(self) -> None:
        self._look()
        super()._look_at_what_is_left()


@contextmanager
def _counted_uuids() -> Iterator[None]:
    """A driver that gives its image a new UUID leaves the same bytes in every run, so that equal crashes are seen."""
    numbers = count(1)
    real = uuid.uuid4
    uuid.uuid4 = lambda: uuid.UUID(int=next(numbers))
    try:
        yield
    finally:
        uuid.uuid4 = real
