"""The life of a request of 2011: an *acb* carries its state, a *bottom half* starts it, buffers hang on it.

::

    setup ─▶ bottom half ─▶ states, one I/O at a time ─▶ finish ─▶ release ─▶ (used again)
                     └─────────────── cancel ───────────────────────▲

Here are the defects of the third bug of the report (what a cancel leaves behind) and the second (what a
refused submission returns); those of the first are in the states.
"""

import asyncio
import contextvars
import errno
import os
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any

from aiovdi.errors import StorageError
from aiovdi.units import Segment, segments
from faults.corpus.machine2011.letters import Letters

__all__ = ["Acb", "Requests", "Ret", "failure", "settled"]

Ret = int
"""0, or a negative errno."""


@dataclass(eq=False)
class Acb:
    """One request. Released ones are used again, as they are."""

    is_write: bool = False
    fua: bool = False
    left: deque[Segment] = field(default_factory=deque)
    orig_buf: bytearray | None = None
    buf: bytearray = field(default_factory=bytearray)
    """Where ``orig_buf`` points; nobody resets it when the buffer is freed."""
    block_buffer: bytearray | None = None
    bh: "asyncio.Task[None] | None" = None
    hd: "asyncio.Task[None] | None" = None
    """The I/O that is under way below; one at a time."""
    is_recalled: bool = False
    """Nothing follows when that I/O has ended."""
    blocks: list[int] = field(default_factory=list)
    """Allocated by this request, and not on the storage yet."""
    is_doubtful: bool = False
    """The bmap write was issued."""
    is_padding: bool = False
    """It is writing a whole block, over whatever the slot holds."""
    trusts: bool = False
    """It has used an entry that is not on the storage."""
    context: contextvars.Context = field(default_factory=contextvars.copy_context)
    """Of whoever asked: what is done for the request is done on that one's behalf, whoever wakes it."""
    done: "asyncio.Future[Ret] | None" = None


class Requests:
    """Requests from their setup to their release. What they do is for a subclass to say."""

    def __init__(self, block_size: int, defect: str | None, letters: Letters) -> None:
        self._block_size = block_size
        self._letters = letters
        self._defect = defect
        self._pool: list[Acb] = []
        self.buffers = 0
        """Allocated and not freed."""

    def _step(self, acb: Acb, ret: Ret) -> None:
        """The I/O before has ended, or none has begun."""
        raise NotImplementedError

    def _undo(self, acb: Acb) -> None:
        """The request has failed or was cancelled."""
        raise NotImplementedError

    def _leave(self, acb: Acb) -> None:
        """The request has ended: let those go on that wait for it."""
        raise NotImplementedError

    def _recalled(self, acb: Acb, then: Callable[[Acb, Ret], None], ret: Ret) -> None:
        """The request was cancelled, and its I/O, after which ``then`` would have come, ended so."""
        raise NotImplementedError

    # A request from setup to release

    async def request(self, buffer: bytearray, offset: int, *, is_write: bool, fua: bool = False) -> None:
        """Do it. Raises StorageError."""
        acb = self._setup(buffer, offset, is_write=is_write, fua=fua)
        if not self._schedule_bh(acb):
            self._release(acb)
            raise failure(-errno.EIO)
        done = acb.done
        assert done is not None
        try:
            ret = await done
        except asyncio.CancelledError:
            if acb.done is done:  # else it had ended, and the acb may be somebody else's by now
                await self._cancel(acb)
            raise
        if ret:
            raise failure(ret)

    def _setup(self, buffer: bytearray, offset: int, *, is_write: bool, fua: bool) -> Acb:
        acb = self._pool.pop() if self._pool else Acb()
        acb.is_write, acb.fua, acb.is_doubtful = is_write, fua, False
        acb.is_padding = acb.trusts = False
        acb.context = contextvars.copy_context()
        acb.left = deque(segments(offset=offset, length=len(buffer), block_size=self._block_size))
        acb.blocks = []
        acb.orig_buf, acb.buf, acb.block_buffer = buffer, buffer, None
        acb.done = asyncio.get_running_loop().create_future()
        if self._defect != "3c":
            acb.bh = None
        self.buffers += 1
        return acb

    def _schedule_bh(self, acb: Acb) -> bool:
        if acb.bh is not None:
            self._letters.take("stale")
            return False

        async def bottom_half() -> None:
            acb.bh = None
            self._step(acb, 0)

        acb.bh = _start(bottom_half(), acb.context)
        return True

    def _finish(self, acb: Acb, ret: Ret) -> None:
        if ret:
            self._undo(acb)
        done = acb.done
        self._release(acb)
        if done is not None and not done.done():
            done.set_result(ret)

    def _release(self, acb: Acb) -> None:
        self._free(acb)
        acb.done = None
        self._leave(acb)
        self._pool.append(acb)

    def _free(self, acb: Acb) -> None:
        self.buffers -= (acb.orig_buf is not None) + (acb.block_buffer is not None)
        acb.orig_buf = acb.block_buffer = None

    async def _cancel(self, acb: Acb) -> None:
        """What was submitted cannot be recalled: wait for it, then clean up everything that hangs on the request."""
        if acb.bh is not None and self._defect != "3b":
            acb.bh.cancel()
        elif acb.bh is not None:
            self._letters.take("bottom half left")
        try:
            if acb.hd is not None:
                acb.is_recalled = True
                await settled(acb.hd)
        finally:
            self._clean_up(acb)

    def _clean_up(self, acb: Acb) -> None:
        self._undo(acb)
        if self._defect == "3a":
            self._letters.take("buffers left")
            acb.orig_buf = acb.block_buffer = None
        self._release(acb)

    # I/O

    def _submit(self, acb: Acb, io: Coroutine[Any, Any, Any], then: Callable[[Acb, Ret], None]) -> None:
        async def run() -> None:
            ret = await _ret(io)
            acb.hd = None
            if acb.is_recalled:
                self._recalled(acb, then, ret)
            elif ret == -errno.ENOSPC and self._defect == "2":
                self._letters.take("no error code")
                self._finish(acb, 0)  # 2011: no "ret = -EIO" on the way to "done"
            else:
                then(acb, ret)

        acb.is_recalled = False
        acb.hd = _start(run(), acb.context)

    def _then(self, state: Callable[[Acb], None]) -> Callable[[Acb, Ret], None]:
        """Go on to ``state``, or finish with the error."""

        def go_on(acb: Acb, ret: Ret) -> None:
            if ret:
                self._finish(acb, ret)
            else:
                state(acb)

        return go_on


def failure(ret: Ret) -> StorageError:
    """What a user is told."""
    return StorageError(-ret, os.strerror(-ret), operation="request")


async def _ret(io: Awaitable[Any]) -> Ret:
    try:
        await io
    except StorageError as error:
        return -(error.errno or errno.EIO)
    return 0


def _start(work: Coroutine[Any, Any, None], context: contextvars.Context) -> "asyncio.Task[None]":
    """A callback of the machine. What goes wrong in one concerns everybody, so the loop is told."""
    task = asyncio.create_task(work, context=context)
    task.add_done_callback(_tell)
    return task


def _tell(task: "asyncio.Task[None]") -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        task.get_loop().call_exception_handler({"message": f"the machine has crashed: {error!r}"})


async def settled(task: "asyncio.Task[Any]") -> None:
    """Wait for the end of ``task``, however often the waiter is cancelled, and only then raise that."""
    is_cancelled = False
    while not task.done():
        try:
            await asyncio.wait([task])
        except asyncio.CancelledError:
            is_cancelled = True
    if is_cancelled:
        raise asyncio.CancelledError
