"""Concurrent requests in any order of completion, with failures, cancels and an end at any point.

Hypothesis draws a program: submit a request, complete or fail a physical I/O, cancel a request. The
concurrency is data, so a failing program shrinks. What every sector may hold then is ``oracle.py``'s.
"""

import asyncio
import errno
from dataclasses import dataclass, field
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

import aiovdi
from aiovdi.errors import DiskFailed, StorageError
from tests.driver.gated import IO, SECTOR, GatedStorage, turns
from tests.driver.images import Naive, make_image
from tests.driver.oracle import Oracle, payload

BLOCK = 2 * SECTOR
BLOCKS = 132  # the bmap starts at 512, so blocks 0-127 share one sector of it, and 128-131 the next
DATA = 1536
HOT = [0, 1, 127, 128]
OLD = b"old ".ljust(SECTOR, b"-")

places = st.tuples(st.sampled_from(HOT), st.integers(0, 1), st.integers(1, 4)).map(
    lambda place: ((place[0] * 2 + place[1]) * SECTOR, place[2] * SECTOR)
)
steps = st.one_of(
    st.tuples(st.just("write"), places, st.sampled_from([False, False, True])),
    st.tuples(st.just("write"), places, st.just(False)),
    st.tuples(st.just("zero"), places, st.booleans()),
    st.tuples(st.just("read"), places),
    st.tuples(st.just("flush")),
    st.tuples(st.just("complete"), st.integers(0, 7)),
    st.tuples(st.just("complete"), st.integers(0, 7)),
    st.tuples(st.just("complete all")),
    st.tuples(st.just("complete all")),
    st.tuples(
        st.just("arm"),
        st.sampled_from(["bmap", "bmap", "bmap", "data", "header", "zero", "resize", "read", "flush"]),
        st.sampled_from([errno.EIO, errno.ENOSPC]),
        st.sampled_from([0, SECTOR, None]),
    ),
    st.tuples(st.just("cancel"), st.integers(0, 7)),
    st.tuples(st.just("turns"), st.integers(1, 6)),
    st.tuples(st.just("judge")),
)


@dataclass
class Run:
    """One program on one disk."""

    storage: GatedStorage
    disk: Any
    oracle: Oracle
    writes: int = 0
    running: list[asyncio.Task[None]] = field(default_factory=list)
    failures: list[BaseException] = field(default_factory=list)
    armed: dict[str, tuple[int, int | None]] = field(default_factory=dict)
    """Kinds of I/O of which the next one fails."""

    async def step(self, name: str, *args: Any) -> None:
        getattr(self, name.replace(" ", "_"))(*args)
        await turns(2)

    # Requests

    def write(self, place: tuple[int, int], fua: bool) -> None:
        self.writes += 1
        self._start(self._write(place[0], payload(self.writes, *place), fua))

    def zero(self, place: tuple[int, int], fua: bool) -> None:
        self._start(self._zero(*place, fua))

    def read(self, place: tuple[int, int]) -> None:
        self._start(self._read(*place))

    def flush(self) -> None:
        self._start(self._flush())

    def _start(self, request: Any) -> None:
        self.running = [task for task in self.running if not task.done()]
        self.running.append(asyncio.create_task(self._guarded(request)))

    async def _guarded(self, request: Any) -> None:
        try:
            await request
        except (StorageError, DiskFailed):
            pass
        except Exception as error:
            self.failures.append(error)

    async def _write(self, offset: int, data: bytes, fua: bool) -> None:
        write, acknowledged = self.oracle.issue(offset, data), False
        try:
            await self.disk.pwrite(data, offset, fua=fua)
            acknowledged = True
        finally:
            self.oracle.end(write, acknowledged=acknowledged, fua=fua)

    async def _zero(self, offset: int, length: int, fua: bool) -> None:
        write, acknowledged = self.oracle.issue(offset, bytes(length)), False
        try:
            await self.disk.write_zeroes(length, offset, fua=fua)
            acknowledged = True
        finally:
            self.oracle.end(write, acknowledged=acknowledged, fua=fua)

    async def _read(self, offset: int, length: int) -> None:
        begun = self.oracle.tick()
        self.oracle.saw(offset, await self.disk.pread(length, offset), begun)

    async def _flush(self) -> None:
        begun = self.oracle.tick()
        await self.disk.flush()
        self.oracle.flushed(begun)

    # The device, and who interrupts

    def complete(self, which: int) -> None:
        if self.storage.in_flight:
            self._complete(self.storage.in_flight[which % len(self.storage.in_flight)])

    def complete_all(self) -> None:
        for io in list(self.storage.in_flight):
            self._complete(io)

    def arm(self, kind: str, number: int, keep: int | None) -> None:
        self.armed[kind] = (number, keep)

    def _complete(self, io: IO) -> None:
        number, keep = self.armed.pop(kind_of(io), (0, None))
        error = OSError(number, "as the program says") if number else None
        self.storage.complete(io, error, keep if io.op in {"write", "zero"} or not error else 0)

    def cancel(self, which: int) -> None:
        if self.running:
            self.running[which % len(self.running)].cancel()

    def turns(self, _: int) -> None:
        """The loop runs on."""

    def judge(self) -> None:
        killed = Naive(self.storage.kill())
        assert not killed.complaints()
        self.oracle.judge_killed(killed.disk())
        for image in self.storage.crash_images(seed=self.writes, count=6):
            left = Naive(image)
            assert not left.complaints()
            self.oracle.judge_lost(left.disk())


def kind_of(io: IO) -> str:
    if io.op != "write":
        return io.op
    return "header" if io.offset < SECTOR else "bmap" if io.offset < DATA else "data"


def old_image() -> bytes:
    """Block 1 lives in slot 2; slots 0 and 1, and what lies past slot 2, hold bytes of some earlier life."""
    stale = b"\xee" * BLOCK
    content = {0: stale, 1: stale, 2: OLD * 2, 3: stale, 4: stale}
    size = DATA + 5 * BLOCK
    return make_image(blocks=BLOCKS, block_size=BLOCK, entries={1: 2}, slots=content, file_size=size)


async def run_program(program: list[tuple[Any, ...]], window: int, room: int | None, *, begun: bool) -> None:
    image = old_image()
    storage = GatedStorage(image, manual=True, cold=True)
    storage.size_max = None if room is None else len(image) + room * BLOCK
    disk = await completed(storage, aiovdi.open(storage, "r+")._open())
    if begun:
        await completed(storage, disk._prologue())
    disk._slots._window = window
    run = Run(storage, disk, Oracle(Naive(image).disk()))
    try:
        for step in program:
            await run.step(*step)
        run.judge()
    finally:
        storage.open_gates()
        await finish(run)
    await judge_the_end(run)


async def completed(storage: GatedStorage, work: Any) -> Any:
    """The result of ``work``, with every I/O done as soon as it is issued."""
    task = asyncio.create_task(work)
    while not task.done():
        await turns(1)
        for io in list(storage.in_flight):
            storage.complete(io)
    return task.result()


async def finish(run: Run) -> None:
    if run.running:
        await asyncio.wait(run.running)


async def judge_the_end(run: Run) -> None:
    disk, storage = run.disk, run.storage
    assert not run.failures, run.failures
    for task in run.running:
        assert task.cancelled() or task.exception() is None
    assert not disk._pins
    assert not len(disk._locks)
    stopped = disk._lifecycle.failure is not None
    run.oracle.saw(0, await disk.pread(disk.size, 0), run.oracle.tick())
    try:
        await disk.close()
    except DiskFailed:
        assert stopped
        return
    except StorageError as error:
        assert error.errno == errno.ENOSPC
        return
    assert not storage.in_flight
    final = Naive(storage.durable())
    assert not final.complaints()
    run.oracle.judge_killed(final.disk())
    highest = max(final.mapped.values())
    if disk._session.begun:  # else nothing was changed but, perhaps, the count by a prologue that failed
        assert storage.durable() == storage.kill()
        assert final.count == highest + 1
        assert len(final.image) == final.data_offset + (highest + 1) * final.stride


@settings(max_examples=60)
@given(
    st.lists(steps, min_size=24, max_size=80),
    st.sampled_from([1, 2, 64]),
    st.sampled_from([None, None, 0, 1, 3]),
    st.booleans(),
)
def test_every_sector_holds_what_the_answers_promised(
    program: list[tuple[Any, ...]], window: int, room: int | None, begun: bool
) -> None:
    asyncio.run(run_program(program, window, room, begun=begun))
