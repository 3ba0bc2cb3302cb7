"""Writes on threads: right results, few wake-ups, and nobody who waits for a write that blocks."""

import asyncio
import errno
import os
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from aiovdi.storage import writers as module
from aiovdi.storage.writers import Writers


@pytest.fixture
async def writers() -> AsyncIterator[Writers]:
    writers = Writers(4)
    yield writers
    await writers.close()


@pytest.fixture
def fd(tmp_path: Path) -> int:
    return os.open(tmp_path / "x", os.O_RDWR | os.O_CREAT)


async def test_every_write_lands_and_says_how_long_it_was(writers: Writers, fd: int) -> None:
    counts = await asyncio.gather(*(writers.pwrite(fd, memoryview(b"%4d" % i), 4 * i) for i in range(500)))
    assert counts == [4] * 500
    assert os.pread(fd, 2001, 0) == b"".join(b"%4d" % i for i in range(500))


async def test_who_begins_a_write_is_told_in_a_later_step_of_the_loop(writers: Writers, fd: int) -> None:
    told: list[int | Exception] = []
    for index in range(50):
        writers.begin(fd, memoryview(b"%4d" % index), 4 * index, told.append)
    assert not told
    assert writers.is_busy
    await writers.close()
    assert told == [4] * 50


async def test_who_is_told_may_begin_the_next(writers: Writers, fd: int) -> None:
    ended = asyncio.Event()
    counts: list[int | Exception] = []

    def told(count: int | Exception) -> None:
        counts.append(count)
        if len(counts) < 20:
            writers.begin(fd, memoryview(b"x"), len(counts), told)
        else:
            ended.set()

    writers.begin(fd, memoryview(b"x"), 0, told)
    async with asyncio.timeout(30):
        await ended.wait()
    assert counts == [1] * 20
    assert os.pread(fd, 21, 0) == b"x" * 20


async def test_an_error_comes_back_with_its_errno_and_the_next_write_is_done(writers: Writers, fd: int) -> None:
    read_only = os.open(f"/proc/self/fd/{fd}", os.O_RDONLY)
    with pytest.raises(OSError) as caught:
        await writers.pwrite(read_only, memoryview(b"x"), 0)
    assert caught.value.errno == errno.EBADF
    assert await writers.pwrite(fd, memoryview(b"x"), 0) == 1


async def test_writes_of_one_turn_cost_few_wake_ups(writers: Writers, fd: int, monkeypatch: pytest.MonkeyPatch) -> None:
    await writers.pwrite(fd, memoryview(b"x"), 0)
    rung = []
    answer = writers._answer
    asyncio.get_running_loop().remove_reader(writers._bell[0])
    asyncio.get_running_loop().add_reader(writers._bell[0], lambda: (rung.append(True), answer()))
    for _ in range(10):
        await asyncio.gather(*(writers.pwrite(fd, memoryview(b"x"), i) for i in range(100)))
    assert len(rung) < 500


async def test_a_write_that_blocks_holds_up_no_other(
    writers: Writers, fd: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    #  t   thread 1                     thread 2
    #  0   takes the write to 0
    #  1   is blocked in the kernel     is sent by the loop, does the other nine
    #  2   goes on
    gate = threading.Event()

    def pwrite(descriptor: int, data: memoryview, offset: int) -> int:
        if offset == 0:
            gate.wait()
        return real(descriptor, data, offset)

    real = os.pwrite
    monkeypatch.setattr(module.os, "pwrite", pwrite)
    blocked, *others = [writers.pwrite(fd, memoryview(b"x"), i) for i in range(10)]
    assert await asyncio.gather(*others) == [1] * 9
    assert not blocked.done()
    gate.set()
    assert await blocked == 1


async def test_no_more_threads_are_sent_than_were_allowed(
    writers: Writers, fd: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate, began = threading.Semaphore(0), threading.Semaphore(0)
    most: list[int] = []
    running: list[int] = []

    def pwrite(_: int, data: memoryview, offset: int) -> int:
        running.append(offset)
        most.append(len(running))
        began.release()
        gate.acquire()
        running.remove(offset)
        return len(data)

    monkeypatch.setattr(module.os, "pwrite", pwrite)
    futures = [writers.pwrite(fd, memoryview(b"x"), i) for i in range(20)]
    for _ in range(4):
        await asyncio.to_thread(began.acquire)
    gate.release(20)
    assert await asyncio.gather(*futures) == [1] * 20
    assert max(most) == 4


async def test_a_cancelled_caller_waits_for_the_write(
    writers: Writers, fd: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = threading.Event()
    monkeypatch.setattr(module.os, "pwrite", lambda *_: gate.wait() and 1)

    async def write() -> int:
        return await writers.pwrite(fd, memoryview(b"x"), 0)

    task = asyncio.create_task(write())
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.sleep(0.01)
    assert not task.done()
    gate.set()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_close_lets_what_is_queued_end_and_leaves_nothing_open(fd: int) -> None:
    writers = Writers(2)
    futures = [writers.pwrite(fd, memoryview(b"x"), i) for i in range(100)]
    bell = writers._bell
    await writers.close()
    assert all(future.done() for future in futures)
    assert not writers._threads
    for end in bell:
        with pytest.raises(OSError, match="descriptor"):
            os.fstat(end)


async def test_what_never_wrote_closes_too() -> None:
    await Writers(2).close()


async def test_a_caller_has_its_buffer_back_when_the_write_has_ended(writers: Writers, fd: int) -> None:
    data = bytearray(b"x" * 100)
    await writers.pwrite(fd, memoryview(data), 0)
    data.extend(b"y")


async def test_the_next_descriptor_of_the_same_number_is_heard_after_a_storage_was_dropped(fd: int) -> None:
    writers = Writers(1)
    await writers.pwrite(fd, memoryview(b"x"), 0)
    bell = writers._bell
    assert bell is not None
    await asyncio.to_thread(writers.shutdown)  # as the garbage collector does, on any thread
    await asyncio.sleep(0.01)
    for end in bell:
        with pytest.raises(OSError, match="descriptor"):
            os.fstat(end)
    heard = asyncio.Event()
    reading, writing = os.pipe()
    assert {reading, writing} == set(bell)
    asyncio.get_running_loop().add_reader(reading, heard.set)
    os.write(writing, b"!")
    async with asyncio.timeout(10):
        await heard.wait()
    asyncio.get_running_loop().remove_reader(reading)
    os.close(reading)
    os.close(writing)


async def test_where_no_thread_can_be_had_that_is_the_error_and_the_next_write_tries_again(
    writers: Writers, fd: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", refuse)
        with pytest.raises(BlockingIOError, match="can't start new thread"):
            await writers.pwrite(fd, memoryview(b"x"), 0)
    assert not writers.is_busy
    assert await writers.pwrite(fd, memoryview(b"x"), 0) == 1


async def test_who_raises_when_told_keeps_the_others_from_nothing(writers: Writers, fd: int) -> None:
    complaints: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(context["exception"]))
    error = ValueError("as the test wants it")

    def fail(_: int | Exception) -> None:
        raise error

    writers.begin(fd, memoryview(b"x"), 0, fail)
    assert await writers.pwrite(fd, memoryview(b"x"), 0) == 1
    assert complaints == [error]
