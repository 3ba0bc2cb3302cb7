"""Byte-granular requests on a storage of whole units: neighbours survive, and the length is exact."""

import asyncio
import errno
from typing import Any

import pytest

from aiovdi.storage import AlignedStorage, MemoryStorage
from aiovdi.storage.base import read_full, write_full
from aiovdi.units import MiB


class Units(MemoryStorage):
    """Memory in units of 512, with a gate before each write, that records what it is asked."""

    alignment = 512

    def __init__(self, content: bytes = b"", **options: Any) -> None:
        super().__init__(content, **options)
        self.asked: list[tuple[str, int, int]] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.step = 1 << 30
        self.error = 0

    async def pread_some(self, buffer: memoryview, offset: int) -> int:
        assert (offset % 512, len(buffer) % 512) == (0, 0)
        self.asked.append(("read", len(buffer), offset))
        return await super().pread_some(buffer[: self.step], offset)

    async def pwrite_some(self, data: memoryview, offset: int, *, fua: bool = False) -> int:
        assert (offset % 512, len(data) % 512) == (0, 0)
        self.asked.append(("fua" if fua else "write", len(data), offset))
        await self.gate.wait()
        if self.error:
            raise OSError(self.error, "on purpose")
        return await super().pwrite_some(data[: self.step], offset)


async def turns() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


async def test_a_write_of_part_of_a_unit_waits_for_a_write_of_all_of_it() -> None:
    #  t   A writes unit 1 whole        B writes 2 bytes inside unit 1
    #  0   its write is in flight
    #  1                                would read the old unit: must wait
    #  2   ends
    #  3                                reads A's unit, changes 2 bytes, writes it back
    #  Without the wait B writes back what A has replaced.
    inner = Units(bytes(2048))
    storage = AlignedStorage(inner)
    inner.gate.clear()
    whole = asyncio.create_task(write_full(storage, memoryview(b"A" * 512), 512))
    await turns()
    part = asyncio.create_task(write_full(storage, memoryview(b"BB"), 600))
    await turns()
    assert inner.asked == [("write", 512, 512)]
    inner.gate.set()
    await asyncio.gather(whole, part)
    assert inner.to_bytes()[512:1024] == b"A" * 88 + b"BB" + b"A" * 422


async def test_writes_to_other_units_do_not_wait() -> None:
    inner = Units(bytes(4096))
    storage = AlignedStorage(inner)
    inner.gate.clear()
    writes = [asyncio.create_task(write_full(storage, memoryview(b"x"), offset)) for offset in (0, 600, 3000)]
    await turns()
    assert [entry for entry in inner.asked if entry[0] == "write"] == [
        ("write", 512, offset) for offset in (0, 512, 2560)
    ]
    inner.gate.set()
    await asyncio.gather(*writes)


async def test_a_waiting_write_that_is_cancelled_has_done_nothing_and_blocks_nobody() -> None:
    inner = Units(bytes(1024))
    storage = AlignedStorage(inner)
    inner.gate.clear()
    first, second, third = (
        asyncio.create_task(write_full(storage, memoryview(data), 0)) for data in (b"1", b"2", b"3")
    )
    await turns()
    second.cancel()
    await turns()
    assert second.cancelled()
    inner.gate.set()
    await asyncio.gather(first, third)
    assert inner.to_bytes()[:2] == b"3\0"


async def test_whole_units_are_not_read_before_they_are_written() -> None:
    inner = Units(bytes(4096))
    await write_full(AlignedStorage(inner), memoryview(b"x" * 1024), 512, fua=True)
    assert inner.asked == [("fua", 1024, 512)]


async def test_both_edges_of_a_write_keep_their_neighbours() -> None:
    inner = Units(b"\xff" * 4096)
    await write_full(AlignedStorage(inner), memoryview(b"x" * 1000), 500)
    assert inner.asked == [("read", 512, 0), ("read", 512, 1024), ("write", 1536, 0)]
    assert inner.to_bytes() == b"\xff" * 500 + b"x" * 1000 + b"\xff" * 2596


async def test_a_write_in_the_last_partial_unit_leaves_no_padding() -> None:
    inner = Units(b"abc")
    storage = AlignedStorage(inner)
    await write_full(storage, memoryview(b"X"), 1)
    assert inner.to_bytes() == b"aXc"
    await write_full(storage, memoryview(b"end"), 600)
    assert inner.to_bytes() == b"aXc" + bytes(597) + b"end"
    assert storage.size == inner.size == 603


async def test_padding_of_one_write_is_not_cut_off_by_another() -> None:
    #  t   A writes past the end         B writes in the first unit
    #  0   padded write is in flight
    #  1                                 ends first: the length is none of its business
    #  2   ends, cuts its own padding
    inner = Units(bytes(1024))
    storage = AlignedStorage(inner)
    inner.gate.clear()
    growing = asyncio.create_task(write_full(storage, memoryview(b"A" * 100), 2000))
    await turns()
    inside = asyncio.create_task(write_full(storage, memoryview(b"B"), 0))
    await turns()
    inner.gate.set()
    await asyncio.gather(growing, inside)
    assert inner.size == storage.size == 2100
    assert inner.to_bytes()[2000:] == b"A" * 100


async def test_a_failed_write_past_the_end_leaves_the_length() -> None:
    inner = Units(b"abc")
    storage = AlignedStorage(inner)
    inner.error = errno.ENOSPC
    with pytest.raises(OSError) as caught:
        await storage.pwrite_some(memoryview(b"x"), 5000)
    assert caught.value.errno == errno.ENOSPC
    assert inner.size == storage.size == 3


async def test_a_fixed_length_ends_in_enospc() -> None:
    inner = Units(bytes(1024), can_grow=False)
    storage = AlignedStorage(inner)
    assert await storage.pwrite_some(memoryview(b"abc"), 1022) == 2
    for request in (storage.pwrite_some(memoryview(b"x"), 1024), storage.write_zeroes(10, 1020)):
        with pytest.raises(OSError) as caught:
            await request
        assert caught.value.errno == errno.ENOSPC
    assert inner.to_bytes() == bytes(1022) + b"ab"


async def test_short_steps_below_are_resumed_at_units() -> None:
    inner = Units(bytes(4096))
    inner.step = 700  # one unit and a torn one, which is written again
    storage = AlignedStorage(inner)
    await write_full(storage, memoryview(b"x" * 2048), 0)
    inner.step = 1024
    buffer = bytearray(3000)
    await read_full(storage, memoryview(buffer), 10)
    assert buffer == b"x" * 2038 + bytes(962)


async def test_a_step_of_less_than_a_unit_is_an_error_and_not_an_endless_loop() -> None:
    inner = Units(bytes(4096))
    inner.step = 100
    with pytest.raises(OSError) as caught:
        await AlignedStorage(inner).pwrite_some(memoryview(b"x" * 512), 0)
    assert caught.value.errno == errno.EIO


async def test_a_large_request_goes_in_bounded_pieces() -> None:
    inner = Units()
    storage = AlignedStorage(inner)
    data = bytes(range(1, 256)) * 20_000  # 5.1 MB
    await write_full(storage, memoryview(data), 3)
    buffer = bytearray(len(data))
    await read_full(storage, memoryview(buffer), 3)
    assert buffer == data
    assert max(length for _, length, _ in inner.asked) <= MiB


async def test_only_whole_units_are_discarded() -> None:
    inner = Units(b"\xff" * 2048)
    storage = AlignedStorage(inner)
    await storage.discard(1500, 100)
    assert inner.to_bytes() == b"\xff" * 512 + bytes(1024) + b"\xff" * 512


async def test_nothing_is_served_at_once() -> None:
    assert AlignedStorage(Units(bytes(512))).pread_now(bytearray(512), 0) == 0
