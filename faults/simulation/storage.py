"""A storage for a driver under test: its I/Os end when the tape says so, and as the plan says.

It has the shape of any asyncio storage with positional I/O. Nothing happens when a call is made; the
I/O becomes an event of the loop and takes effect when that is picked. So completions come in any
order, and between any two steps of the driver.

A call that is cancelled waits for its I/O, as the storage contract demands. With ``recalls=False`` it
does not: it raises at once and the I/O lands later, which is what a thread pool does to those who forget.
"""

import asyncio
import errno
import os
from collections.abc import Callable
from functools import partial
from typing import Any

from faults.simulation.corruption import OF_READS, OF_WRITES, end_corrupted, read_corrupted
from faults.simulation.device import Device, Operation
from faults.simulation.hold import Hold
from faults.simulation.loop import SimLoop
from faults.simulation.plan import IO, Fate, NoFaults, Plan, parse_rule
from faults.simulation.tape import Tape
from faults.simulation.trace import Trace
from faults.simulation.writelog import WriteLog

__all__ = ["PowerLost", "SimStorage"]


SECTOR = 512
OLD_BYTE = b"\xee"
"""What is found where a storage that has no zeros to extend with has grown."""


class PowerLost(BaseException):
    """The machine stops here. Not an Exception, so that no driver can handle it."""


class _Settling(asyncio.Future[int]):
    def cancel(self, msg: Any | None = None) -> bool:  # noqa: ARG002
        return False


def _settle(future: asyncio.Future[int], result: int | Exception) -> None:
    if future.done():  # nobody waits any more
        return
    if isinstance(result, Exception):
        future.set_exception(result)
    else:
        future.set_result(result)


class SimStorage:
    """Positional I/O on a ``Device``. All offsets and lengths are in bytes.

    Args:
        region: names the part of the storage that an offset lies in; for plans and reports.
        lives: how many I/Os end before the power is lost; None: it stays.
        cached: ``pread_now`` serves everything; the default is that nothing is cached.
        begins: ``begin_write`` takes what does not extend; the default is that it takes nothing.
        recalls: see above.
        log: is told of what takes effect.
        on_lost: called when a flush has failed and the kernel has given up on what it could not write.
        on_told: called when the driver is told of it.
    """

    alignment = 1

    def __init__(
        self,
        device: Device,
        loop: SimLoop,
        tape: Tape,
        plan: Plan,
        trace: Trace,
        *,
        region: Callable[[int], str] = lambda _: "data",
        lives: int | None = None,
        cached: bool = False,
        begins: bool = False,
        recalls: bool = True,
        can_grow: bool = True,
        extends_with_zeros: bool = True,
        log: WriteLog | None = None,
        on_lost: Callable[[], object] = lambda: None,
        on_told: Callable[[], object] = lambda: None,
    ) -> None:
        self.device = device
        self.can_grow = can_grow
        # Where it cannot grow it is a device, with old bytes everywhere.
        self.extends_with_zeros = can_grow and extends_with_zeros
        self._loop = loop
        self._tape = tape
        self._plan = plan
        self._trace = trace
        self._region = region
        self.lives = lives
        """How many I/Os still end before the power is lost."""
        self._cached = cached
        self._begins = begins
        self._recalls = recalls
        self._log = log
        self._on_lost = on_lost
        self._on_told = on_told
        self.issued = 0
        """How many I/Os there have been."""
        self._holds: list[Hold] = []
        self.under_way: dict[int, IO] = {}

    @property
    def size(self) -> int:
        return self.device.length

    def pread_now(self, buffer: bytearray | memoryview, offset: int) -> int:
        if not self._cached or not self.device.is_readable(offset, len(buffer)):
            return 0
        content = self.device.read(offset, len(buffer))
        memoryview(buffer)[: len(content)] = content
        return len(content)

    async def pread_some(self, buffer: memoryview, offset: int) -> int:
        io = self._io("read", offset, len(buffer))

        def take_effect(fate: Fate) -> int:
            length = self._part(fate, offset, len(buffer))
            if fate.effect in OF_READS:
                content = read_corrupted(self.device, offset, length, fate.effect, self._tape)
            else:
                content = self.device.read(offset, length)
            buffer[: len(content)] = content
            return len(content)

        return await self._run(io, take_effect)

    async def pwrite_some(self, data: memoryview, offset: int, *, fua: bool = False) -> int:
        io = self._io("write", offset, len(data), fua=fua)
        return await self._write(io, bytes(data), fua=fua)

    def begin_write(self, data: memoryview, offset: int, done: Callable[[int | Exception], object]) -> bool:
        if not self._begins or offset + len(data) > self.size:
            return False
        io = self._io("write", offset, len(data))

        def tell(result: int | Exception) -> None:
            if isinstance(result, Exception) and io.tells_of_older:
                self._on_told()
            done(result)

        self._start(io, *self._effects_of_write(io, bytes(data)), tell)
        return True

    async def write_zeroes(self, length: int, offset: int, *, fua: bool = False) -> None:
        io = self._io("write", offset, length, fua=fua)
        await self._write(io, bytes(length), fua=fua, whole=True)

    async def discard(self, length: int, offset: int) -> None:
        """The range keeps its old bytes, or some of its units become zeros as by a write."""
        io = self._io("discard", offset, length)
        zeroed = max(0, min(length, self.size - offset)) if self._tape.draw("discard.zeroes", 2) else 0
        operation = self.device.issue_write(offset, bytes(zeroed))
        await self._run(io, lambda _: self._end(operation), lambda fate: self._end_failed(operation, fate))

    async def resize(self, size: int) -> None:
        if not self.can_grow:
            raise OSError(errno.ENOTSUP, os.strerror(errno.ENOTSUP))
        operation = self.device.issue_resize(size)
        io = self._io("resize", size, 0)

        def take_effect(_: Fate) -> int:
            old = self.size
            self._end(operation)
            if not self.extends_with_zeros and size > old:
                self.device.end(self.device.issue_write(old, OLD_BYTE * (size - old)))
            return 0

        await self._run(io, take_effect, lambda fate: self._end_failed(operation, fate))

    async def flush(self) -> None:
        begun = self.device.tick()
        logged = len(self._log.entries) if self._log is not None else 0
        io = self._io("flush", 0, 0)

        def take_effect(_: Fate) -> int:
            self.device.end_flush(begun)
            if self._log is not None:
                self._log.flush(logged)
            return 0

        await self._run(io, take_effect, lambda fate: self._give_up(begun, fate))

    def _give_up(self, begun: int, fate: Fate) -> None:
        """What the kernel does with older pages when a flush, or an FUA write, failed: see the device model, rule 7."""
        if fate.pages != "retry_ok":
            self.device.lose(begun, keep=self._some("lost"), visible=fate.pages == "clean_new")
            self._on_lost()

    async def drop_cache(self, length: int, offset: int) -> None:
        self.device.drop_cache(offset, length)

    async def close(self) -> None:
        """Nothing to release."""

    def calm(self) -> None:
        """Nothing fails from now on."""
        self._plan = NoFaults()

    def hold(self, rule: str) -> Hold:
        """Hold the I/O that ``rule`` names, in the language of plans, until it is released."""
        self._holds.append(Hold(self._loop, parse_rule(rule)))
        return self._holds[-1]

    # One I/O

    async def _write(self, io: IO, data: bytes, *, fua: bool, whole: bool = False) -> int:
        return await self._run(io, *self._effects_of_write(io, data, fua=fua, whole=whole))

    def _effects_of_write(
        self, io: IO, data: bytes, *, fua: bool = False, whole: bool = False
    ) -> tuple[Callable[[Fate], int], Callable[[Fate], None]]:
        """What happens when the write, which begins now, succeeds, and when it fails."""
        operation = self.device.issue_write(io.offset, data)

        def take_effect(fate: Fate) -> int:
            count = len(data) if whole else self._part(fate, io.offset, len(data))
            operation.data = data[:count]
            if fate.effect in OF_WRITES:
                end_corrupted(self.device, operation, fate.effect, self._tape)
            else:
                self.device.end(operation)
            if fua:
                self.device.persist_write(operation)
            self._tell_log(operation, fua=fua)
            return count

        def fail(fate: Fate) -> None:
            self._end_failed(operation, fate)
            self._give_up(operation.issued, fate)

        return take_effect, fail

    def _io(self, kind: str, offset: int, length: int, *, fua: bool = False) -> IO:
        self.issued += 1
        region = "" if kind in ("flush", "resize") else self._region(offset)
        io = IO(self.issued, kind, offset, length, region, fua)
        self._trace.add("issue", io)
        return io

    async def _run(
        self, io: IO, take_effect: Callable[[Fate], int], fail: Callable[[Fate], None] = lambda _: None
    ) -> int:
        future: asyncio.Future[int] = (_Settling if self._recalls else asyncio.Future)(loop=self._loop)
        self._start(io, take_effect, fail, partial(_settle, future))
        try:
            return await future
        except OSError:
            if io.tells_of_older:
                self._on_told()
            raise

    def _start(
        self,
        io: IO,
        take_effect: Callable[[Fate], int],
        fail: Callable[[Fate], None],
        tell: Callable[[int | Exception], object],
    ) -> None:
        """Let ``io`` end when the tape says so, or when it is released; ``tell`` how."""
        self.under_way[io.number] = io

        def end() -> None:
            self._spend_life()
            del self.under_way[io.number]
            fate = self._plan.fate(io)
            if io.kind == "read" and not self.device.is_readable(io.offset, io.length):
                fate = Fate(errno.EIO, "none")
            self._trace.add("end", io, fate)
            if not fate.errno:
                tell(take_effect(fate))
                return
            fail(fate)
            tell(OSError(fate.errno, os.strerror(fate.errno)))

        if not any(hold.takes(io, end) for hold in self._holds):
            self._loop.happen(end)

    def _spend_life(self) -> None:
        if self.lives is not None:
            if self.lives <= 0:
                raise PowerLost
            self.lives -= 1

    def _end(self, operation: Operation) -> int:
        self.device.end(operation)
        self._tell_log(operation, fua=False)
        return 0

    def _tell_log(self, operation: Operation, *, fua: bool) -> None:
        if self._log is not None and operation.data:
            first, end = operation.offset // SECTOR, -(-(operation.offset + len(operation.data)) // SECTOR)
            self._log.write(first, self.device.read(first * SECTOR, (end - first) * SECTOR), fua=fua)

    def _end_failed(self, operation: Operation, fate: Fate) -> None:
        if fate.effect == "all":
            self.device.end(operation)
        elif fate.effect == "some":
            self.device.end(operation, only=self._some("torn"))
        else:
            self.device.end(operation, only=lambda _: False)

    def _some(self, label: str) -> Callable[[int], bool]:
        return lambda _: not self._tape.draw(label, 2)

    def _part(self, fate: Fate, offset: int, length: int) -> int:
        """How much of ``length`` is done: all, or for a short I/O up to a sector border within it."""
        borders = (offset + length - 1) // SECTOR - offset // SECTOR
        if not fate.short or not borders:
            return length
        return (offset // SECTOR + borders - self._tape.draw("short.by", borders)) * SECTOR - offset
