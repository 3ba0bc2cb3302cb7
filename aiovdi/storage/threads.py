"""Blocking calls on a few threads of our own, awaited as futures that settle.

asyncio's default executor is small and shared with everybody, so each file has its own, bounded.
``submit`` returns an asyncio future (`Settling`) and not a ``concurrent.futures`` one:
``loop.run_in_executor`` hands such a future through unchanged (``asyncio.wrap_future`` returns what
is one already; so do uvloop and the debug mode), which is what lets ``aiofiles.os.wrap`` await it.

Rule 1: what was submitted runs to its end. A cancelled caller waits for it; see `aiovdi.settling`.
Rule 2: a job holds its arguments until it has run, so a buffer outlives its I/O even when the loop is gone,
    and not its caller's wait.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

from aiovdi.settling import Settling

__all__ = ["SettlingThreads"]


class SettlingThreads(ThreadPoolExecutor):
    """An executor for one event loop at a time; at most ``count`` jobs run at once, the rest queue."""

    def __init__(self, count: int) -> None:
        super().__init__(count, thread_name_prefix="aiovdi")

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
        """Run ``fn`` on a thread. Returns a `Settling` future of the running loop."""
        loop = asyncio.get_running_loop()
        future: Settling[Any] = Settling(loop=loop)
        super().submit(_run, loop, future, [partial(fn, *args, **kwargs)])
        return future


def _run(loop: asyncio.AbstractEventLoop, future: Settling[Any], job: list[Callable[[], Any]]) -> None:
    call = job.pop()
    try:
        result = call()
    except BaseException as error:  # it belongs to whoever awaits
        del call
        _tell(loop, future.set_exception, error)
    else:
        del call  # its buffer is the caller's again
        _tell(loop, future.set_result, result)


def _tell(loop: asyncio.AbstractEventLoop, settle: Callable[[Any], None], outcome: object) -> None:
    try:
        loop.call_soon_threadsafe(settle, outcome)
    except RuntimeError:
        assert loop.is_closed()  # nobody is left to be told
