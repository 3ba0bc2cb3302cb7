"""The life of a request of 2011: buffers are counted, requests are used again, errors are negative numbers."""

import asyncio
import errno

import pytest

from aiovdi.errors import StorageError
from aiovdi.storage.memory import MemoryStorage
from faults.corpus.machine2011 import Machine, Machine2011
from faults.corpus.machine2011.request import failure, settled


async def opened(defect: str | None = None) -> Machine:
    target = Machine2011(defect)
    machine = await target.open(MemoryStorage(target.blank()))
    assert isinstance(machine, Machine)
    return machine


async def cancel_at_once(machine: Machine) -> None:
    """Cancel a write before its bottom half has run: asyncio's own loop leaves no room for that between two tasks."""
    acb = machine._setup(bytearray(b"x" * 512), 0, is_write=True, fua=False)
    assert machine._schedule_bh(acb)
    await machine._cancel(acb)
    await asyncio.sleep(0)


async def test_a_request_that_has_ended_is_used_again_and_holds_no_buffer() -> None:
    machine = await opened()
    await machine.pwrite(b"x" * 512, 0)
    await machine.pwrite(b"y" * 512, 4096)
    assert len(machine._pool) == 1
    assert machine.buffers == 0
    assert await machine.pread(512, 4096) == b"y" * 512


async def test_a_cancelled_request_frees_its_buffers() -> None:
    machine = await opened()
    await cancel_at_once(machine)
    assert machine.leaks() == []


async def test_with_3a_a_cancelled_request_keeps_its_buffer() -> None:
    machine = await opened("3a")
    await cancel_at_once(machine)
    assert machine.leaks() == ["buffers: 1"]


async def test_with_3c_the_next_request_after_a_cancel_fails() -> None:
    machine = await opened("3c")
    await cancel_at_once(machine)
    with pytest.raises(StorageError):
        await machine.pread(512, 0)


async def test_a_wait_goes_on_to_the_end_however_often_it_is_cancelled() -> None:
    go = asyncio.Event()
    work = asyncio.create_task(go.wait())
    waiter = asyncio.create_task(settled(work))
    for _ in range(3):
        await asyncio.sleep(0)
        waiter.cancel()
    await asyncio.sleep(0)
    assert not waiter.done()
    go.set()
    with pytest.raises(asyncio.CancelledError):
        await waiter
    assert work.done()


def test_a_return_code_becomes_the_error_that_a_user_sees() -> None:
    assert failure(-errno.ENOSPC).errno == errno.ENOSPC
