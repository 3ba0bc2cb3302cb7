"""A storage in memory whose every I/O a test can name, hold, fail, count and lose to a power cut.

Rule 1: no real time. An I/O takes effect in one step of the loop: ``ticks`` steps after it was issued,
or when the test lets it go.
Rule 2: an I/O that was issued always settles; a caller that is cancelled waits for it (line 7 of the port).
Rule 3: what no flush has covered is remembered sector by sector, so that ``crash_images`` can lose any of
it: each sector holds its durable version or any later one, the length is any between (device model, 1-3, 6).
"""

import asyncio
import errno as errnos
import os
import random
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import ClassVar, cast

from aiovdi.settling import Settling

SECTOR = 512
_ALONE = 64


@dataclass(eq=False)
class IO:
    """One physical I/O, from issue to completion."""

    op: str
    """``read``, ``write``, ``zero``, ``resize``, ``flush`` or ``drop``."""
    offset: int
    length: int
    number: int
    """Position in the order of issue."""
    fua: bool = False
    data: bytes = b""
    error: BaseException | None = None
    ended: bool = False
    effect: Callable[[int | None], object] = field(default=lambda _: None, repr=False)
    done: "Settling[object]" = field(default_factory=Settling, repr=False)

    @property
    def end(self) -> int:
        return self.offset + self.length


class Rule:
    """What a test wants done with the I/Os of one kind, or of ``any``. The first rule that matches decides."""

    def __init__(
        self, op: str, within: range | None, where: Callable[[IO], bool] | None, skip: int, count: float
    ) -> None:
        self.op, self.within, self.where, self.skip, self.left = op, within, where, skip, count
        self.ios: list[IO] = []
        self._caught = asyncio.Event()

    def takes(self, io: IO) -> bool:
        within = self.within
        if self.op not in {"any", io.op} or (
            within is not None and not (io.offset < within.stop and io.end > within.start)
        ):
            return False
        if (self.where is not None and not self.where(io)) or self.left <= 0:
            return False
        if self.skip:
            self.skip -= 1
            return False
        self.left -= 1
        self.ios.append(io)
        self._caught.set()
        return True

    async def caught(self) -> IO:
        """The first I/O of this rule, once it was issued."""
        await asyncio.wait_for(self._caught.wait(), 10)
        return self.ios[0]

    def lift(self) -> None:
        """Take no further I/O."""
        self.left = 0


class Hold(Rule):
    """I/Os that wait for ``release``."""

    storage: "GatedStorage"

    def release(self) -> None:
        """Let what is held go on, in the order of issue, and hold nothing more."""
        self.lift()
        for io in self.ios:
            if not io.ended:
                self.storage.complete(io)


class Fault(Rule):
    """I/Os that fail. ``keep`` bytes of them take effect first; None: all of them."""

    error: Callable[[], BaseException]
    keep: int | None


class GatedStorage:
    """Bytes with the shape of ``aiovdi.Storage``."""

    alignment = 1
    instances: ClassVar[list["GatedStorage"]] = []

    def __init__(
        self,
        content: bytes = b"",
        *,
        can_grow: bool = True,
        extends_with_zeros: bool = True,
        cold: bool = False,
        ticks: int = 1,
        manual: bool = False,
        begins: bool = False,
    ) -> None:
        GatedStorage.instances.append(self)
        self.can_grow, self.extends_with_zeros = can_grow, extends_with_zeros
        self.cold = cold  # pread_now has nothing
        self.ticks = ticks
        self.manual = manual  # nothing completes but by ``complete``
        self.begins = begins  # begin_write takes everything
        self.content = bytearray(content)
        self.trace: list[IO] = []
        self.in_flight: list[IO] = []
        self.rules: list[Rule] = []
        self.step_bytes: int | None = None  # more than this is done short
        self.size_max: int | None = None  # a filesystem that is full there
        self.after_effect: list[Callable[[], None]] = []
        self.on_drop: Callable[[GatedStorage], None] | None = None
        self.complaints: list[AssertionError] = []
        self.closed = False
        self._durable = {at // SECTOR: bytes(content[at : at + SECTOR]) for at in range(0, len(content), SECTOR)}
        self._durable_length = len(content)
        self._versions: dict[int, list[tuple[int, bytes]]] = {}
        self._lengths: list[tuple[int, int]] = []
        self._clock = 0

    # What a test says

    def hold(
        self,
        op: str,
        within: range | None = None,
        *,
        where: Callable[[IO], bool] | None = None,
        skip: int = 0,
        count: float = float("inf"),
    ) -> Hold:
        """Hold the I/Os of one kind, after ``skip`` of them."""
        rule = Hold(op, within, where, skip, count)
        rule.storage = self
        self.rules.append(rule)
        return rule

    def fail(
        self,
        op: str,
        within: range | None = None,
        *,
        error: int | Callable[[], BaseException] = errnos.EIO,
        keep: int | None = 0,
        where: Callable[[IO], bool] | None = None,
        skip: int = 0,
        count: float = 1,
    ) -> Fault:
        """Let the I/Os of one kind fail, after ``skip`` of them."""
        rule = Fault(op, within, where, skip, count)
        rule.error = error if callable(error) else (lambda: OSError(error, os.strerror(error)))
        rule.keep = keep
        self.rules.append(rule)
        return rule

    def ended(self, op: str, within: range | None = None) -> list[IO]:
        """The I/Os of one kind that have ended."""
        probe = Rule(op, within, None, 0, float("inf"))
        return [io for io in self.trace if io.ended and probe.takes(io)]

    def open_gates(self) -> None:
        """Let everything go: a test that failed half-way must not leave tasks that can never end."""
        self.rules.clear()
        self.manual = False
        for io in list(self.in_flight):
            self._tick(io, 1)

    # The port

    @property
    def size(self) -> int:
        return len(self.content)

    def pread_now(self, buffer: bytearray | memoryview, offset: int) -> int:
        return 0 if self.cold or self.closed else self._get(memoryview(buffer), offset)

    async def pread_some(self, buffer: memoryview, offset: int) -> int:
        part = buffer[: self.step_bytes]
        return await self._issue("read", offset, len(part), lambda _: self._get(part, offset))

    async def pwrite_some(self, data: memoryview, offset: int, *, fua: bool = False) -> int:
        part = bytes(data[: self.step_bytes])

        def effect(keep: int | None) -> int:
            count = self._fit(len(part[:keep]), offset)
            self._put(part[:count], offset, fua=fua)
            return count

        return await self._issue("write", offset, len(part), effect, fua=fua, data=part)

    def begin_write(self, data: memoryview, offset: int, done: Callable[[int | Exception], object]) -> bool:
        if not self.begins:
            return False

        def tell(task: asyncio.Task[int]) -> None:
            error = task.exception()
            done(task.result() if error is None else cast(Exception, error))

        task = asyncio.get_running_loop().create_task(self.pwrite_some(data, offset))
        task.add_done_callback(tell)
        return True

    async def write_zeroes(self, length: int, offset: int, *, fua: bool = False) -> None:
        assert length >= 0, "a negative length reached the storage"

        def effect(keep: int | None) -> None:
            count = length if keep is None else min(keep, length)
            if self._fit(count, offset) < count:
                raise OSError(errnos.ENOSPC, os.strerror(errnos.ENOSPC))
            self._put(bytes(count), offset, fua=fua)

        await self._issue("zero", offset, length, effect, fua=fua)

    async def discard(self, length: int, offset: int) -> None:
        await self._issue("discard", offset, length, lambda _: None)

    async def resize(self, size: int) -> None:
        if not self.can_grow:
            raise OSError(errnos.ENOTSUP, os.strerror(errnos.ENOTSUP))

        def effect(keep: int | None) -> None:
            if keep is not None:
                return
            if self.size_max is not None and size > self.size_max:
                raise OSError(errnos.ENOSPC, os.strerror(errnos.ENOSPC))
            self._set_length(size)

        await self._issue("resize", size, 0, effect)

    async def flush(self) -> None:
        self._clock += 1
        begun = self._clock

        def effect(keep: int | None) -> None:
            if keep is None:
                self._cover(begun)

        await self._issue("flush", 0, 0, effect)

    async def drop_cache(self, length: int, offset: int) -> None:
        def effect(_: int | None) -> None:
            if self.on_drop is not None:
                self.on_drop(self)

        await self._issue("drop", offset, length, effect)

    async def close(self) -> None:
        assert not self.in_flight, f"closed with I/O in flight: {self.in_flight}"
        self.closed = True

    # Issue and completion

    async def _issue(
        self,
        op: str,
        offset: int,
        length: int,
        effect: Callable[[int | None], object],
        *,
        fua: bool = False,
        data: bytes = b"",
    ) -> object:
        if self.closed:
            raise OSError(errnos.EBADF, os.strerror(errnos.EBADF))
        io = IO(op, offset, length, len(self.trace), fua, data, effect=effect)
        self.trace.append(io)
        self.in_flight.append(io)
        rule = next((rule for rule in self.rules if rule.takes(io)), None)
        if isinstance(rule, Fault):
            io.error = rule.error()
            keep = rule.keep
            io.effect = lambda _: effect(keep)
        if not isinstance(rule, Hold) and not self.manual:
            self._tick(io, self.ticks)
        return await io.done

    def _tick(self, io: IO, left: int) -> None:
        if io.ended:
            return
        if left:
            asyncio.get_running_loop().call_soon(self._tick, io, left - 1)
        else:
            self.complete(io)

    def complete(self, io: IO, error: BaseException | None = None, keep: int | None = None) -> None:
        """Let ``io`` take effect and end; with ``error`` fail, after ``keep`` bytes of it (None: all)."""
        io.error = error or io.error
        self.in_flight.remove(io)
        io.ended = True
        try:
            result = io.effect(keep)
        except Exception as failure:
            io.error = io.error or failure
        self._tell()
        if io.error is not None:
            io.done.set_exception(io.error)
        else:
            io.done.set_result(result)

    def _tell(self) -> None:
        """Judges run between the I/Os; what one of them finds wrong is raised when the test is over."""
        try:
            for tell in self.after_effect:
                tell()
        except AssertionError as complaint:
            self.complaints.append(complaint)
            self.after_effect.clear()

    # The medium

    def _fit(self, length: int, offset: int) -> int:
        limit = len(self.content) if not self.can_grow else self.size_max
        if limit is None or offset + length <= max(limit, len(self.content)):
            return length
        if (fitting := max(limit, len(self.content)) - offset) <= 0:
            raise OSError(errnos.ENOSPC, os.strerror(errnos.ENOSPC))
        return fitting

    def _get(self, buffer: memoryview, offset: int) -> int:
        part = self.content[offset : offset + len(buffer)]
        buffer[: len(part)] = part
        return len(part)

    def _put(self, data: bytes, offset: int, *, fua: bool = False) -> None:
        if not data:
            return
        end = offset + len(data)
        if end > len(self.content):
            self._set_length(end)
        self.content[offset:end] = data
        self._note(offset, end)
        if fua:
            self._settle_versions(range(offset // SECTOR, -(-end // SECTOR)), self._clock + 1)
            self._durable_length = max(self._durable_length, end)

    def _set_length(self, size: int) -> None:
        old = len(self.content)
        if size < old:
            del self.content[size:]
            self._note(size, old)
        else:
            self.content += (b"\0" if self.extends_with_zeros else b"\xa5") * (size - old)
            self._note(old, size)
        self._clock += 1
        self._lengths.append((self._clock, size))

    def _note(self, start: int, end: int) -> None:
        """The sectors of a range have a new version."""
        self._clock += 1
        for sector in range(start // SECTOR, -(-end // SECTOR)):
            content = bytes(self.content[sector * SECTOR : (sector + 1) * SECTOR]).ljust(SECTOR, b"\0")
            self._versions.setdefault(sector, []).append((self._clock, content))

    def _cover(self, begun: int) -> None:
        """A flush that began at ``begun`` has succeeded."""
        for at, size in self._lengths:
            if at < begun:
                self._durable_length = size
        self._lengths = [entry for entry in self._lengths if entry[0] >= begun]
        self._settle_versions(list(self._versions), begun)

    def _settle_versions(self, sectors: Iterable[int], before: int) -> None:
        """The last version before ``before`` is the durable one now; older ones are gone."""
        for sector in sectors:
            versions = self._versions.pop(sector, [])
            for at, content in versions:
                if at < before:
                    self._durable[sector] = content
            if rest := [entry for entry in versions if entry[0] >= before]:
                self._versions[sector] = rest

    # Ends

    def kill(self) -> bytes:
        """What the next process finds after ``kill -9``."""
        return bytes(self.content)

    def durable(self) -> bytes:
        """What a power cut surely leaves."""
        return self._image({}, self._durable_length)

    def crash_images(self, seed: int = 0, count: int = 24) -> Iterator[bytes]:
        """What a power cut now may leave: nothing unflushed, all of it, each sector alone, random subsets.

        Writes in flight may have reached the medium too, in part. Of very many sectors a sample goes alone.
        """
        dice = random.Random(seed)
        versions = self._possible()
        lengths = [self._durable_length, *(size for _, size in self._lengths)]
        longest = max([*lengths, *(io.end for io in self.in_flight if io.op == "write")])
        last = {sector: contents[-1] for sector, contents in versions.items()}
        yield self.durable()
        yield self._image(last, lengths[-1])
        yield self._image(last, longest)
        for sector in dice.sample(sorted(versions), min(len(versions), _ALONE)):
            for content in versions[sector]:
                yield self._image({sector: content}, longest)
            yield self._image({other: content for other, content in last.items() if other != sector}, lengths[-1])
        for _ in range(count if versions else 0):
            chosen = {s: dice.choice(contents) for s, contents in versions.items() if dice.random() < 0.5}
            yield self._image(chosen, dice.choice([*lengths, longest]))

    def _possible(self) -> dict[int, list[bytes]]:
        versions = {sector: [content for _, content in known] for sector, known in self._versions.items()}
        for io in self.in_flight:
            if io.op in {"write", "zero"}:
                data = io.data or bytes(io.length)
                merged = self.content[: io.offset].ljust(io.offset, b"\0") + data + self.content[io.end :]
                for sector in range(io.offset // SECTOR, -(-io.end // SECTOR)):
                    content = bytes(merged[sector * SECTOR : (sector + 1) * SECTOR]).ljust(SECTOR, b"\0")
                    versions.setdefault(sector, []).append(content)
        return versions

    def _image(self, chosen: dict[int, bytes], length: int) -> bytes:
        image = bytearray(length)
        for sector, content in (self._durable | chosen).items():
            start = sector * SECTOR
            part = content[: max(0, length - start)]
            image[start : start + len(part)] = part
        return bytes(image)


async def turns(count: int = 60) -> None:
    """Let the loop run until nothing moves that the test does not hold."""
    for _ in range(count):
        await asyncio.sleep(0)
