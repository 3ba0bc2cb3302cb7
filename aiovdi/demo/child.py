"""The process that is going to die: ``python -m aiovdi.demo.child``, one workload a line on stdin, records on stdout.

Rule 1: each workload runs in a fork of this process, which has imported everything and has no event
loop yet, so a start costs milliseconds.
Rule 2: a record is written when it is so: "submitted" before the request's first step, "returned"
after its last. Nothing is buffered.
Rule 3: a child never leaves by itself. When its requests are done it closes the disk and waits.
"""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager
from itertools import count, islice
from typing import NoReturn

from aiovdi.demo.ledger import Event, Kind, Record, content, name_in
from aiovdi.demo.workload import Draw, Draws, Workload
from aiovdi.driver.disk import Disk
from aiovdi.driver.opening import Opening, open_disk
from aiovdi.errors import VDIError
from aiovdi.storage import uring
from aiovdi.units import SECTOR

__all__ = ["main"]

Opener = Callable[[Workload], AbstractAsyncContextManager[Disk]]


def tell(record: Record) -> None:
    """One record, whole or not at all."""
    try:
        os.write(sys.stdout.fileno(), record.pack())
    except BrokenPipeError:
        os._exit(1)  # nobody listens any more, and nobody is left to be told why


async def work(workload: Workload, opener: Opener) -> None:
    """Make every request of ``workload``, then close the disk."""
    async with opener(workload) as disk:
        free = [run async for run in _free_runs(disk)]
        draws = Draws(workload, size=disk.size, block_size=disk.block_size, free=free)
        numbers = islice(count(workload.first), workload.requests)
        async with asyncio.TaskGroup() as group:
            for _ in range(workload.depth):
                group.create_task(_requests(disk, draws, numbers))
        tell(Record(Event.CLOSING))
    tell(Record(Event.CLOSED))


async def _free_runs(disk: Disk) -> AsyncIterator[tuple[int, int]]:
    async for extent in disk.extents():
        if not extent.data:
            yield extent.start // disk.block_size, -(-(extent.start + extent.length) // disk.block_size)


async def _requests(disk: Disk, draws: Draws, numbers: Iterator[int]) -> None:
    """One request after the other, for as long as there are numbers."""
    for number in numbers:
        kind, offset, length = draw = draws.next()
        tell(Record(Event.SUBMITTED, kind, number, offset, length))
        try:
            await _perform(disk, draw, number)
        except VDIError as error:
            sys.stderr.write(f"request {number}: {error}\n")
            tell(Record(Event.RAISED, kind, number, offset, length))
        else:
            tell(Record(Event.RETURNED, kind, number, offset, length))


async def _perform(disk: Disk, draw: Draw, number: int) -> None:
    kind, offset, length = draw
    match kind:
        case Kind.WRITE | Kind.WRITE_FUA:
            await disk.pwrite(content(number, offset, length), offset, fua=kind is Kind.WRITE_FUA)
        case Kind.WRITE_ZEROES:
            await disk.write_zeroes(length, offset)
        case Kind.DISCARD:
            await disk.discard(length, offset)
        case Kind.FLUSH:
            await disk.flush()
        case Kind.READ:
            _look(await disk.pread(length, offset), offset)


def _look(data: bytes, offset: int) -> None:
    """A sector that names a place names its own."""
    for at in range(0, len(data), SECTOR):
        name = name_in(data[at : at + SECTOR])
        if name is not None and name[0] != offset + at:
            tell(Record(Event.FOREIGN, number=name[1], offset=offset + at))


def open_image(workload: Workload) -> Opening:
    """The image as anybody opens it: with its lock, cache mode and back end."""
    return open_disk(workload.image, "r+", cache=workload.cache, aio=workload.aio)


def main(opener: Opener = open_image) -> None:
    """Run the workloads that stdin asks for, each in a fork, until stdin ends."""
    uring.works()  # finds out once what every fork would have to
    while line := sys.stdin.readline():
        child = os.fork()
        if not child:
            _live(Workload.load(line), opener)
        # Left unburied until the next line comes: till then nobody else can have its id.
        ended = os.waitid(os.P_PID, child, os.WEXITED | os.WNOWAIT)
        assert ended is not None
        was_killed = ended.si_code == os.CLD_KILLED
        tell(Record(Event.ENDED, number=ended.si_status if was_killed else 0))
        sys.stdin.readline()
        os.waitpid(child, 0)


def _live(workload: Workload, opener: Opener) -> NoReturn:
    tell(Record(Event.BORN, number=os.getpid()))
    asyncio.run(work(workload, opener))
    sys.stdin.readline()  # until it is killed, or nobody is left to kill it
    sys.exit(1)


if __name__ == "__main__":
    main()
