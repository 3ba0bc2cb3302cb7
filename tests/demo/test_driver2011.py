"""The driver of 2011 as it is re-created: good while nothing fails, and what it has set stays when something does."""

import errno
import os

import pytest

import aiovdi
from aiovdi.demo.driver2011 import Driver2011
from aiovdi.demo.report import BadSector, blank
from aiovdi.format.layout import new_header
from aiovdi.storage.memory import MemoryStorage
from aiovdi.units import BlockIndex, MiB

HEADER = new_header(4 * MiB)


async def test_what_it_writes_while_nothing_fails_is_there_for_any_reader() -> None:
    storage = BadSector(HEADER, blank(HEADER))
    disk = await Driver2011.open(storage)
    await disk.pwrite(b"straddles two blocks" * 100, MiB - 1000)
    await disk.pwrite(b"in place", 0)
    await disk.close()
    async with aiovdi.open(MemoryStorage(storage.to_bytes())) as again:
        assert await again.pread(2000, MiB - 1000) == b"straddles two blocks" * 100
        assert await again.pread(8, 0) == b"in place"


async def test_the_entry_that_it_set_before_a_failure_stays_in_memory() -> None:
    storage = BadSector(HEADER, blank(HEADER))
    disk = await Driver2011.open(storage)
    seen: list[bool] = []
    storage.at_failure = lambda: seen.append(disk.is_mapped(BlockIndex(0)))
    with pytest.raises(aiovdi.StorageError) as caught:
        await disk.pwrite(b"lost", 0)
    assert caught.value.errno == errno.EIO, os.strerror(caught.value.errno or 0)
    assert seen == [True]
    assert disk.is_mapped(BlockIndex(0))
    assert storage.asked == ["data"]
