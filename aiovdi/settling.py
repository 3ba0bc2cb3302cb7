"""Cancelled is not stopped: what was handed to the kernel cannot be recalled, only waited for.

An I/O that is still running after its request has raised would land later, over something newer, in
a buffer or a slot that has a new owner. So every wait for an I/O ends when the I/O does, and only
then does ``CancelledError`` come out.

asyncio has a place for this: ``Task.cancel`` first asks the future that the task waits for to cancel
itself. If that future declines, the task remembers the request (and counts it, which keeps
``timeout`` and ``TaskGroup`` right) and raises ``CancelledError`` at its next step, that is when the
future is done. Nothing is shielded, nothing is wrapped, and the path without a cancel costs nothing.
"""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

__all__ = ["Settling", "UnderWay", "join", "own", "settle_all", "to_the_end"]

T = TypeVar("T")


class Settling(asyncio.Future[T]):
    """A future that declines to be cancelled: a task that awaits it is cancelled once it is done."""

    def cancel(self, msg: Any | None = None) -> bool:  # noqa: ARG002  (the signature is asyncio's)
        return False


class _Parts(Settling[None]):
    """Done when all of its tasks are. A cancel goes on to them, and each settles in its own time."""

    def __init__(self, tasks: list[asyncio.Task[Any]]) -> None:
        super().__init__(loop=tasks[0].get_loop())
        self._tasks = tasks
        self._running = len(tasks)
        for task in tasks:
            task.add_done_callback(self._one_done)

    def _one_done(self, _: asyncio.Task[Any]) -> None:
        self._running -= 1
        if not self._running:
            self.set_result(None)

    def cancel(self, msg: Any | None = None) -> bool:
        for task in self._tasks:
            task.cancel(msg)
        return False


class UnderWay:
    """How many of something are under way, and a wait for none."""

    def __init__(self) -> None:
        self.count = 0
        self._idle: Settling[None] | None = None

    def begin(self) -> None:
        """One more."""
        self.count += 1

    def end(self) -> None:
        """One fewer."""
        self.count -= 1
        if not self.count and self._idle is not None:
            self._idle.set_result(None)
            self._idle = None

    async def idle(self) -> None:
        """Wait until there is none. Any number may wait."""
        if self.count:
            self._idle = self._idle or Settling()
            await self._idle


def _is_told(task: asyncio.Task[Any]) -> bool:
    return task.done() and not task.cancelled()


async def settle_all(*parts: Coroutine[Any, Any, T]) -> list[T]:
    """Run ``parts`` at once; return their results, in order, when every one of them has settled.

    A part that fails does not cancel its siblings: a sub-write that completed must stay accounted
    for. The first failure (in the order of ``parts``) is raised, with a note for each further one.

    Raises:
        asyncio.CancelledError: the caller was cancelled; by then so was each part, and all have ended.
    """
    if not parts:
        return []
    loop = asyncio.get_running_loop()
    tasks = [loop.create_task(part) for part in parts]
    try:
        await _Parts(tasks)
    finally:  # also when cancelled: asyncio complains about an exception that nobody looked at
        failures = [error for task in tasks if _is_told(task) and (error := task.exception())]
    if failures:
        first, *others = failures
        for other in others:
            first.add_note(f"another part of the same request failed too: {other}")
        raise first
    return [task.result() for task in tasks]


class _End(Settling[None]):
    """Done when ``task`` is; a cancel does not reach the task."""

    def __init__(self, task: asyncio.Task[Any]) -> None:
        super().__init__(loop=task.get_loop())
        task.add_done_callback(self._done)

    def _done(self, _: asyncio.Task[Any]) -> None:
        self.set_result(None)


def own(work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
    """Start ``work`` as a task of the disk's own, which no request's cancel ends.

    Its failure is told to whoever waits for it, below; when nobody is left to hear, it is not a loose end.
    """
    task = asyncio.create_task(work)
    task.add_done_callback(_look_at)
    return task


def _look_at(task: asyncio.Task[Any]) -> None:
    if not task.cancelled():
        task.exception()


async def to_the_end(task: asyncio.Task[T]) -> T:
    """The result of ``task``, which goes on to its end even if the caller is cancelled.

    For an I/O whose outcome must be known: a failed flush is reported once, and a cancel that took
    the place of the report would lose it. The caller's ``CancelledError`` comes out after the end.
    """
    await _End(task)
    return task.result()


async def join(task: asyncio.Task[T]) -> T:
    """The result of ``task``, which belongs to somebody else: a cancelled caller leaves it at once."""
    waiter: asyncio.Future[None] = task.get_loop().create_future()

    def wake(_: asyncio.Task[T]) -> None:
        if not waiter.done():
            waiter.set_result(None)

    task.add_done_callback(wake)
    try:
        await waiter
    finally:
        task.remove_done_callback(wake)
    return task.result()
