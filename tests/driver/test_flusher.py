"""Numbered flushes: what a stamp says, who shares which flush, and what a failure stops."""

import asyncio
import errno

import pytest

from aiovdi.driver.flusher import Flusher
from aiovdi.driver.lifecycle import Lifecycle
from aiovdi.errors import DiskFailed, StorageError
from tests.driver.gated import GatedStorage, turns


def made() -> tuple[GatedStorage, Lifecycle, Flusher]:
    storage, lifecycle = GatedStorage(bytes(1024)), Lifecycle(writable=True)
    return storage, lifecycle, Flusher(storage, lifecycle)


async def test_a_stamp_is_covered_by_a_flush_that_began_after_it() -> None:
    _, _, flusher = made()
    stamp = flusher.stamp()
    assert not flusher.covers(stamp)
    await flusher.flush()
    assert flusher.covers(stamp)
    assert not flusher.covers(flusher.stamp())


async def test_a_stamp_taken_while_a_flush_runs_is_not_covered_by_it() -> None:
    storage, _, flusher = made()
    hold = storage.hold("flush", count=1)
    running = asyncio.create_task(flusher.flush())
    await hold.caught()
    stamp = flusher.stamp()
    hold.release()
    await running
    assert not flusher.covers(stamp)
    await flusher.flush()
    assert flusher.covers(stamp)


async def test_flushes_asked_for_while_one_runs_share_the_next() -> None:
    storage, _, flusher = made()
    hold = storage.hold("flush", count=1)
    first = asyncio.create_task(flusher.flush())
    await hold.caught()
    rest = [asyncio.create_task(flusher.flush()) for _ in range(9)]
    await turns()
    assert len(storage.trace) == 1
    hold.release()
    await asyncio.gather(first, *rest)
    assert len(storage.trace) == 2


async def test_who_listens_is_told_after_each_flush_that_succeeded_and_no_other() -> None:
    storage, _, flusher = made()
    told = []
    flusher.on_covered.append(lambda: told.append(1))
    await flusher.flush()
    storage.fail("flush")
    with pytest.raises(StorageError):
        await flusher.flush()
    assert told == [1]


async def test_a_failed_flush_is_not_tried_again() -> None:
    storage, lifecycle, flusher = made()
    storage.fail("flush", error=errno.ENOSPC)
    with pytest.raises(StorageError) as caught:
        await flusher.flush()
    assert caught.value.errno == errno.ENOSPC
    for _ in range(3):
        with pytest.raises(DiskFailed):
            await flusher.flush()
    assert len(storage.trace) == 1
    assert isinstance(lifecycle.failure, StorageError)


async def test_an_error_of_any_kind_in_a_flush_stops_the_disk() -> None:
    storage, lifecycle, flusher = made()
    storage.fail("flush", error=lambda: RuntimeError("odd"))
    with pytest.raises((RuntimeError, StorageError)):
        await flusher.flush()
    assert lifecycle.failure is not None


async def test_a_cancelled_flush_ends_and_counts_all_the_same() -> None:
    storage, _, flusher = made()
    stamp = flusher.stamp()
    hold = storage.hold("flush")
    request = asyncio.create_task(flusher.flush())
    await hold.caught()
    request.cancel()
    await turns()
    assert not request.done()
    hold.release()
    await asyncio.wait([request])
    assert request.cancelled()
    assert flusher.covers(stamp)


async def test_a_fua_write_goes_down_as_one_and_its_failure_stops_the_disk() -> None:
    storage, lifecycle, flusher = made()
    await flusher.write_fua(memoryview(b"x"), 0)
    assert [(io.op, io.fua) for io in storage.trace] == [("write", True)]
    storage.fail("write")
    with pytest.raises(StorageError):
        await flusher.write_fua(memoryview(b"y"), 0)
    assert lifecycle.failure is not None


@pytest.mark.parametrize("first", ["flush", "write"])
async def test_a_flush_that_a_failed_fua_write_overlapped_says_nothing(first: str) -> None:
    """flush begins ... FUA write fails, and uses up an older write's error ... flush ends well: not a success."""
    storage, _, flusher = made()
    storage.manual = True
    storage.fail("write")
    stamp = flusher.stamp()
    flushing = asyncio.create_task(flusher.flush())
    writing = asyncio.create_task(flusher.write_fua(memoryview(b"x"), 3))
    await turns()
    for io in sorted(storage.in_flight, key=lambda io: io.op != first):
        assert not flushing.done()
        storage.complete(io)
        await turns()
    with pytest.raises(StorageError):
        await writing
    with pytest.raises(DiskFailed):
        await flushing
    assert not flusher.covers(stamp)


async def test_a_short_fua_write_is_resumed_with_fua() -> None:
    storage, _, flusher = made()
    storage.step_bytes = 512
    await flusher.write_fua(memoryview(b"x" * 1024), 0)
    assert [(io.offset, io.fua) for io in storage.trace] == [(0, True), (512, True)]
    assert storage.durable() == b"x" * 1024
