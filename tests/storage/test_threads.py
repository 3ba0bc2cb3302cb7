"""Jobs on threads: their futures settle, and their arguments live as long as they do."""

import asyncio
import gc
import threading
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from aiofiles.os import wrap

from aiovdi.settling import Settling
from aiovdi.storage.threads import SettlingThreads


@pytest.fixture
def threads() -> Iterator[SettlingThreads]:
    with SettlingThreads(2) as pool:
        yield pool


def runners() -> list[Callable[..., Any]]:
    uvloop = pytest.importorskip("uvloop")
    return [asyncio.run, lambda main: asyncio.run(main, debug=True), uvloop.run]


def test_aiofiles_awaits_our_future_on_every_loop(threads: SettlingThreads) -> None:
    #  t   the task            the thread
    #  0   awaits the job      waits at the gate
    #  1   is cancelled
    #  2   still waits         passes the gate
    #  3   CancelledError      has ended
    async def main() -> None:
        gate, ended = threading.Event(), []

        def job() -> None:
            gate.wait()
            ended.append(True)

        task = asyncio.ensure_future(wrap(job)(executor=threads))
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.sleep(0)
        assert not task.done()
        gate.set()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert ended

    for run in runners():
        run(main())


async def test_results_and_errors_come_back(threads: SettlingThreads) -> None:
    future = threads.submit(divmod, 7, 2)
    assert isinstance(future, Settling)
    assert await future == (3, 1)
    with pytest.raises(ZeroDivisionError):
        await threads.submit(divmod, 7, 0)


async def test_no_more_jobs_run_at_once_than_were_allowed(threads: SettlingThreads) -> None:
    meeting = threading.Barrier(2)
    running, most = [], []

    def job() -> None:
        running.append(True)
        meeting.wait()  # so that two are running, in each round
        most.append(len(running))
        meeting.wait()
        running.pop()
        meeting.wait()

    await asyncio.gather(*(threads.submit(job) for _ in range(10)))
    assert most == [2] * 10


def test_an_argument_outlives_the_loop_until_its_job_has_ended(threads: SettlingThreads) -> None:
    class Buffer(bytearray):
        pass

    gate, seen = threading.Event(), threading.Event()
    buffer = Buffer(b"x")
    alive = weakref.ref(buffer)

    def job(kept: Buffer) -> None:
        gate.wait()
        kept[0] = 0  # the late write of an I/O
        seen.set()

    loop = asyncio.new_event_loop()

    async def start(argument: Buffer) -> None:
        threads.submit(job, argument)

    loop.run_until_complete(start(buffer))
    loop.close()
    del buffer
    gc.collect()
    assert alive() is not None
    gate.set()
    assert seen.wait(60)


async def test_a_caller_has_its_buffer_back_when_the_job_has_ended(threads: SettlingThreads) -> None:
    for _ in range(50):
        data = bytearray(100)
        await wrap(len)(memoryview(data), executor=threads)
        data.extend(b"y")
