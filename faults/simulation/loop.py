"""A deterministic asyncio event loop: unmodified code, virtual time, and every order drawn from a tape.

What can happen next is a list: the tasks that are ready to step, oldest first, and the *events* of
the simulated world (an I/O that completes), oldest first. One draw picks from it. Plain
``call_soon`` callbacks are not in the list: they run in the order that asyncio documents, before any
choice. Timers fire when nothing else can happen; then the clock jumps to the next of them.

Rule 1: nothing here depends on the machine: no clock, no ``id``, no ``repr``, no set order. Tasks
hash to their creation number, because ``TaskGroup`` aborts by walking a set of tasks.
Rule 2: what is not simulated fails loudly, see ``fences``: threads, sockets, signals, subprocesses,
files and the wall clock raise ``NotSimulated``.
Rule 3: a run that cannot go on is an error that says so (``Deadlock``), as is one that does not end
(``Endless``). Neither can hang the process.
"""

import asyncio
import contextvars
import heapq
from asyncio import events
from collections import deque
from collections.abc import Callable
from typing import Any, Protocol, TypeVar

from faults.simulation.fences import FencedLoop, NotSimulated, walls
from faults.simulation.tape import Pick, Tape

__all__ = ["Deadlock", "Endless", "NotSimulated", "Schedule", "SimLoop"]

T = TypeVar("T")
STEPS_MAX = 1_000_000


class Deadlock(RuntimeError):
    """Nothing can happen any more, and the run has not ended."""


class Endless(RuntimeError):
    """The run took more steps than any reasonable one."""


class Schedule(Protocol):
    """Prefers some orders over others. Asked only while a tape explores."""

    def pick(self, actors: "list[int]") -> Pick:
        """A pick among ``actors``: the numbers of the tasks that are ready, then of the events (negative)."""


class SimTask(asyncio.Task[T]):
    """asyncio's own C task, numbered by creation."""

    number = 0

    def __hash__(self) -> int:
        return self.number

    def __eq__(self, other: object) -> bool:
        return self is other


_Step = tuple[Callable[..., object], tuple[Any, ...], contextvars.Context, SimTask[Any]]


class SimLoop(FencedLoop):
    """An event loop for one run.

    Args:
        tape: where every order comes from.
        schedule: how an exploring tape chooses; the default is uniform.
    """

    def __init__(self, tape: Tape, schedule: Schedule | None = None) -> None:
        self._tape = tape
        self._schedule = schedule
        self._callbacks: deque[asyncio.Handle] = deque()
        self._ready: list[_Step] = []
        self._events: list[tuple[int, Callable[[], object]]] = []
        self._timers: list[tuple[float, int, asyncio.TimerHandle]] = []
        self._now = 0.0
        self._numbers = 0
        self._closed = False
        self.steps = 0
        self.failures: list[dict[str, Any]] = []
        """What asyncio reported to the loop's exception handler: never ignored."""

    # The world's part: things that happen on their own, in any order

    def happen(self, event: Callable[[], object]) -> int:
        """Let ``event`` happen once, at a moment of the tape's choosing. Returns its number."""
        self._numbers += 1
        self._events.append((self._numbers, event))
        return self._numbers

    # Running

    def run_until_complete(self, future: Any) -> Any:
        """Run to the end of a coroutine or future. Raises Deadlock or Endless if there is none."""
        main = asyncio.ensure_future(future, loop=self)
        self._run_until(main.done)
        return main.result()

    def run_until_idle(self) -> None:
        """Run until nothing is left that could happen, timers and all. Raises Endless."""
        self._run_until(self._is_idle)

    def _is_idle(self) -> bool:
        return not (self._callbacks or self._ready or self._events or self._timers)

    def _run_until(self, is_over: Callable[[], bool]) -> None:
        previous = events._get_running_loop()
        events._set_running_loop(self)
        try:
            with walls():
                while not is_over():
                    self._turn()
        finally:
            events._set_running_loop(previous)

    def _turn(self) -> None:
        """One thing happens."""
        self.steps += 1
        if self.steps > STEPS_MAX:
            raise Endless(f"no end after {STEPS_MAX} steps")
        if self._callbacks:
            handle = self._callbacks.popleft()
            if not handle._cancelled:
                handle._run()
            return
        ready = len(self._ready)
        count = ready + len(self._events)
        if count == 1:
            at = 0
        elif count:
            at = self._tape.draw("next", count, self._schedule.pick(self._actors()) if self._schedule else None)
        else:
            self._jump()
            return
        if at < ready:
            callback, arguments, context, _ = self._ready.pop(at)
            context.run(callback, *arguments)
        else:
            self._events.pop(at - ready)[1]()

    def _actors(self) -> list[int]:
        return [step[3].number for step in self._ready] + [-number for number, _ in self._events]

    def _jump(self) -> None:
        """Nothing else can happen: the clock goes to the next timer, ties drawn."""
        while self._timers and self._timers[0][2]._cancelled:
            heapq.heappop(self._timers)
            if not self._timers:
                return
        if not self._timers:
            raise Deadlock("nothing is ready, nothing is under way, and no timer is set")
        self._now = self._timers[0][0]
        due = []
        while self._timers and self._timers[0][0] <= self._now:
            handle = heapq.heappop(self._timers)[2]
            if not handle._cancelled:
                due.append(handle)
        while due:
            self._callbacks.append(due.pop(self._tape.draw("timer", len(due))))

    # What asyncio asks of a loop

    def call_soon(  # type: ignore[override]
        self, callback: Callable[..., object], *args: Any, context: contextvars.Context | None = None
    ) -> asyncio.Handle:
        task = getattr(callback, "__self__", None)
        if type(task) is SimTask:
            # A step of a task: asyncio's C code, which does not look at the handle.
            own = contextvars.copy_context() if context is None else context  # an empty one is false, and counts
            self._ready.append((callback, args, own, task))
            return _NO_HANDLE
        handle = asyncio.Handle(callback, args, self, context)
        self._callbacks.append(handle)
        return handle

    def call_at(  # type: ignore[override]
        self, when: float, callback: Callable[..., object], *args: Any, context: contextvars.Context | None = None
    ) -> asyncio.TimerHandle:
        handle = asyncio.TimerHandle(when, callback, args, self, context)
        self._numbers += 1
        heapq.heappush(self._timers, (when, self._numbers, handle))
        return handle

    def call_later(  # type: ignore[override]
        self, delay: float, callback: Callable[..., object], *args: Any, context: contextvars.Context | None = None
    ) -> asyncio.TimerHandle:
        return self.call_at(self._now + delay, callback, *args, context=context)

    def create_task(self, coro: Any, *, name: str | None = None, context: Any = None) -> Any:
        number = self._numbers = self._numbers + 1
        task: SimTask[Any] = SimTask.__new__(SimTask)
        task.number = number  # first, because asyncio puts the task into a set at once
        SimTask.__init__(task, coro, loop=self, name=name or f"task-{number}", context=context)
        return task

    def create_future(self) -> asyncio.Future[Any]:
        return asyncio.Future(loop=self)

    def time(self) -> float:
        return self._now

    def get_debug(self) -> bool:
        return False

    def set_debug(self, enabled: bool) -> None:
        """There is no debug mode: everything is checked anyway."""

    def is_running(self) -> bool:
        return events._get_running_loop() is self

    def is_closed(self) -> bool:
        return self._closed

    def close(self) -> None:
        self._closed = True

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        self.failures.append(context)

    def default_exception_handler(self, context: dict[str, Any]) -> None:
        self.failures.append(context)

    def _timer_handle_cancelled(self, handle: asyncio.TimerHandle) -> None:
        """asyncio tells; a cancelled timer is passed over when its time comes."""

    async def shutdown_asyncgens(self) -> None:
        """Generators end with the run."""

    async def shutdown_default_executor(self, timeout: float | None = None) -> None:
        """There is none."""


class _NoHandle(asyncio.Handle):
    """For callers that never look."""

    def __init__(self) -> None:
        pass


_NO_HANDLE = _NoHandle()
