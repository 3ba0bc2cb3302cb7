"""The copy's plan and its workers: what is read, what is written, in which order, and how it ends."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aiovdi.driver.extents import Extent
from aiovdi.jobs.copying import Copying
from aiovdi.jobs.raw import RawDisk
from aiovdi.settling import settle_all
from aiovdi.storage import MemoryStorage
from aiovdi.units import KiB, MiB, ReadableBuffer


class Source(RawDisk):
    """A raw disk of which only ``mapped`` ranges are data; remembers what was read."""

    def __init__(self, content: bytes, mapped: list[tuple[int, int]] | None = None) -> None:
        super().__init__(MemoryStorage(content), writable=False)
        self._mapped = [(0, len(content))] if mapped is None else mapped
        self.reads: list[tuple[int, int]] = []

    async def extents(self, length: int | None = None, offset: int = 0) -> AsyncIterator[Extent]:
        stop = self.size if length is None else offset + length
        at = offset
        for start, end in [*self._mapped, (stop, stop)]:
            for begin, finish, data in [(at, min(start, stop), False), (max(at, start), min(end, stop), True)]:
                if begin < finish:
                    yield Extent(begin, finish - begin, 0, present=True, zero=not data, data=data, offset=begin)
                    at = finish

    async def preadinto(self, buffer: ReadableBuffer, offset: int) -> int:
        self.reads.append((offset, memoryview(buffer).nbytes))
        return await super().preadinto(buffer, offset)


class Target:
    """Remembers each write as it begins."""

    def __init__(self, before: bytes) -> None:
        self.content = bytearray(before)
        self.writes: list[tuple[int, int]] = []
        self.zeroed: list[tuple[int, int]] = []

    async def pwrite(self, data: ReadableBuffer, offset: int) -> None:
        view = memoryview(data)
        self.writes.append((offset, view.nbytes))
        await asyncio.sleep(0)
        self.content[offset : offset + view.nbytes] = view

    async def write_zeroes(self, length: int, offset: int) -> None:
        self.zeroed.append((offset, length))
        self.content[offset : offset + length] = bytes(length)


def copying(source: Source, **options: object) -> Copying:
    defaults: dict[str, object] = {
        "offset": 0,
        "length": source.size,
        "sparse": 4 * KiB,
        "in_order": True,
        "progress": None,
    }
    return Copying(source, **(defaults | options))  # type: ignore[arg-type]


async def test_what_is_not_mapped_is_not_read() -> None:
    source = Source(b"x" * 4 * MiB, [(MiB, 2 * MiB)])
    target = Target(bytes(4 * MiB))
    await copying(source).into(target, parallel=2)
    assert source.reads == [(MiB, MiB)]
    assert target.content == bytes(MiB) + b"x" * MiB + bytes(2 * MiB)


async def test_zeros_inside_mapped_ranges_are_not_written() -> None:
    whole = bytes(8 * KiB) + b"x" * 4 * KiB + bytes(4 * KiB) + b"y" + bytes(MiB - 16 * KiB - 1)
    target = Target(bytes(len(whole)))
    await copying(Source(whole)).into(target, parallel=1)
    assert target.writes == [(8 * KiB, 4 * KiB), (16 * KiB, 4 * KiB)]
    assert target.content == whole


async def test_a_sparse_size_of_zero_writes_all_of_it() -> None:
    target = Target(b"?" * 3 * MiB)
    await copying(Source(bytes(3 * MiB), [(MiB, 2 * MiB)]), sparse=0).into(target, parallel=2)
    assert target.content == bytes(3 * MiB)
    assert sum(length for _, length in target.writes) == 3 * MiB


async def test_writes_begin_in_the_order_of_the_disk() -> None:
    target = Target(bytes(32 * MiB))
    await copying(Source(b"x" * 32 * MiB)).into(target, parallel=8)
    assert target.writes == [(at * MiB, MiB) for at in range(32)]


async def test_out_of_order_all_of_it_is_copied_too() -> None:
    target = Target(bytes(32 * MiB))
    await copying(Source(b"x" * 32 * MiB), in_order=False).into(target, parallel=8)
    assert sorted(target.writes) == [(at * MiB, MiB) for at in range(32)]


async def test_extents_that_share_a_step_are_read_at_once() -> None:
    teeth = [(at * 8 * KiB, at * 8 * KiB + 4 * KiB) for at in range(256)]
    source = Source(b"x" * 2 * MiB, teeth)
    await copying(source).into(Target(bytes(2 * MiB)), parallel=1)
    assert source.reads == [(0, MiB - 4 * KiB), (MiB, MiB - 4 * KiB)]


async def test_over_something_the_rest_is_zeroed() -> None:
    whole = bytes(2 * MiB) + b"x" * 4 * KiB + bytes(2 * MiB - 4 * KiB)
    target = Target(b"?" * 4 * MiB)
    await copying(Source(whole, [(2 * MiB, 3 * MiB)])).over(target, parallel=4)
    assert target.content == whole


async def test_a_part_of_the_source_lands_at_the_start_of_the_target() -> None:
    whole = bytes(range(256)) * 4 * 4 * KiB
    target = Target(bytes(MiB))
    await copying(Source(whole), offset=MiB + 512, length=MiB).into(target, parallel=2)
    assert target.content == whole[MiB + 512 : 2 * MiB + 512]


async def test_progress_grows_and_ends_at_the_whole() -> None:
    told: list[tuple[int, int]] = []
    source = Source(b"x" * 200 * MiB, [(5 * MiB, 6 * MiB), (150 * MiB, 151 * MiB)])
    await copying(source, progress=lambda *step: told.append(step)).into(Target(bytes(200 * MiB)), parallel=3)
    assert told == sorted(told)
    assert told[-1] == (200 * MiB, 200 * MiB)


async def test_an_error_ends_the_copy_and_is_the_one_that_is_raised() -> None:
    class Full(Target):
        async def pwrite(self, data: ReadableBuffer, offset: int) -> None:
            await super().pwrite(data, offset)
            if offset == 3 * MiB:
                raise OSError(28, "No space left on device")

    source = Source(b"x" * 64 * MiB)
    target = Full(bytes(64 * MiB))
    with pytest.raises(OSError, match="No space"):
        await copying(source).into(target, parallel=4)
    assert len(target.writes) <= 3 + 1 + 4, "no worker goes on after it knows"


async def test_a_cancelled_copy_has_nothing_under_way() -> None:
    class Stuck(Target):
        def __init__(self, before: bytes) -> None:
            super().__init__(before)
            self.under_way = 0
            self.all_busy = asyncio.Event()

        async def pwrite(self, data: ReadableBuffer, offset: int) -> None:
            self.under_way += 1
            if self.under_way == 4:
                self.all_busy.set()
            try:
                await asyncio.Event().wait()
            finally:
                self.under_way -= 1

    target = Stuck(bytes(64 * MiB))
    task = asyncio.create_task(copying(Source(b"x" * 64 * MiB)).into(target, parallel=4))
    await target.all_busy.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert target.under_way == 0


STEP = 4 * KiB
runs = st.lists(st.tuples(st.integers(0, 60), st.integers(1, 30), st.booleans()), max_size=6)


@settings(max_examples=40)
@given(runs, st.integers(1, 5), st.booleans(), st.integers(0, 30), st.sampled_from([0, 512, 4096, 65536]))
async def test_any_copy_over_anything_is_the_source(
    pieces: list[tuple[int, int, bool]], parallel: int, in_order: bool, skip: int, sparse: int
) -> None:
    content = bytearray(300 * STEP)
    mapped: list[tuple[int, int]] = []
    at = 0
    for gap, length, data in pieces:
        start, end = min(at + gap, 300) * STEP, min(at + gap + length, 300) * STEP
        if start > (mapped[-1][1] if mapped else -1) and start < end:
            mapped.append((start, end))
            content[start:end] = (b"\1" if data else b"\0") * (end - start)
        at += gap + length
    offset, length = skip * STEP, (300 - skip) * STEP
    targets = Target(b"?" * length), Target(bytes(length))
    source = Source(bytes(content), mapped)
    options = {"offset": offset, "length": length, "sparse": sparse, "in_order": in_order}
    await settle_all(
        copying(source, **options).over(targets[0], parallel=parallel),
        copying(source, **options).into(targets[1], parallel=parallel),
    )
    assert targets[0].content == targets[1].content == content[offset:]
