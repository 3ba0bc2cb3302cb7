"""Memory: sparse, exact, and slow or bounded where a test wants it so."""

import asyncio
import errno

import pytest

from aiovdi.storage import MemoryStorage
from aiovdi.units import MiB, TiB


async def test_a_disk_of_500_tib_costs_what_is_in_it() -> None:
    storage = MemoryStorage(size=500 * TiB)
    await storage.pwrite_some(memoryview(b"far"), 499 * TiB)
    await storage.write_zeroes(400 * TiB, 1)
    await storage.discard(500 * TiB, 0)
    await storage.pwrite_some(memoryview(b"far"), 499 * TiB)
    assert len(storage._pages) == 1
    buffer = bytearray(5)
    assert storage.pread_now(buffer, 499 * TiB - 1) == 5
    assert buffer == b"\0far\0"


async def test_content_is_copied_and_can_be_copied_out() -> None:
    content = bytearray(b"abc")
    storage = MemoryStorage(content, size=5)
    content[0] = 0
    assert storage.to_bytes() == b"abc\0\0"


async def test_cold_memory_serves_nothing_at_once() -> None:
    storage = MemoryStorage(b"abc", cold=True)
    buffer = bytearray(3)
    assert storage.pread_now(buffer, 0) == 0
    assert await storage.pread_some(memoryview(buffer), 0) == 3


async def test_a_fixed_length_ends_in_enospc_like_a_block_device() -> None:
    storage = MemoryStorage(b"abcdef", can_grow=False)
    assert await storage.pwrite_some(memoryview(b"XYZ"), 4) == 2
    assert storage.to_bytes() == b"abcdXY"
    with pytest.raises(OSError) as caught:
        await storage.pwrite_some(memoryview(b"Z"), 6)
    assert caught.value.errno == errno.ENOSPC
    with pytest.raises(OSError) as caught:
        await storage.write_zeroes(3, 4)
    assert caught.value.errno == errno.ENOSPC
    assert storage.to_bytes() == b"abcdXY"


async def test_without_zeros_at_the_end_new_bytes_are_stale() -> None:
    storage = MemoryStorage(b"abc", extends_with_zeros=False)
    await storage.resize(5)
    await storage.pwrite_some(memoryview(b"x"), 7)
    assert storage.to_bytes() == b"abc\xa5\xa5\xa5\xa5x"
    await storage.write_zeroes(3, 3)
    assert storage.to_bytes() == b"abc\0\0\0\xa5x"


async def test_zeroes_across_pages_leave_both_sides() -> None:
    storage = MemoryStorage(b"\xff" * MiB)
    await storage.write_zeroes(MiB - 2, 1)
    assert storage.to_bytes() == b"\xff" + bytes(MiB - 2) + b"\xff"


async def test_latency_comes_before_the_effect() -> None:
    gate = asyncio.Event()
    storage = MemoryStorage(b"old", latency=gate.wait)
    write = asyncio.create_task(storage.pwrite_some(memoryview(b"new"), 0))
    await asyncio.sleep(0)
    assert storage.to_bytes() == b"old"
    gate.set()
    assert await write == 3
    assert storage.to_bytes() == b"new"
