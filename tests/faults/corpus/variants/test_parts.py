"""A variant takes the place of the one part it overrides, and of nothing else."""

import asyncio
from typing import Any

import pytest

from aiovdi.driver.disk import Disk
from aiovdi.storage.memory import MemoryStorage
from faults.corpus.variants import flushes, parts, windows
from faults.vdi import VDI


def opened(disk: type[Disk]) -> Any:
    """A disk of that class over a new image."""
    target = VDI(disk)
    return asyncio.run(target.open(MemoryStorage(target.blank())))


def test_only_the_overridden_part_is_another() -> None:
    disk = opened(windows.StaleTail)
    assert type(disk._slots) is windows.StaleTail.slots
    assert type(disk._metadata) is type(opened(Disk)._metadata)


def test_all_that_use_a_part_use_the_same_one() -> None:
    disk = opened(flushes.FlushRetried)
    assert type(disk._flusher) is flushes.FlushRetried.flusher
    assert disk._session.flusher is disk._flusher is disk._slots._flusher


def test_a_part_becomes_only_what_it_is_a_kind_of() -> None:
    with pytest.raises(AssertionError):
        parts._become(opened(Disk)._slots, flushes.FlushRetried.flusher)


async def test_a_flusher_that_does_not_flush_passes_on_everything_else() -> None:
    class Flusher:
        flushed = False

        async def flush(self) -> None:
            self.flushed = True

        def stamp(self) -> int:
            return 7

    original = Flusher()
    deaf = parts.NoFlush(original)
    await deaf.flush()
    assert not original.flushed
    assert deaf.stamp() == 7


def test_who_stands_in_is_gone_afterwards_whatever_happened() -> None:
    disk = opened(Disk)
    real = disk._session.flusher
    with pytest.raises(KeyError), parts.standing_in(disk._session, "flusher", parts.NoFlush):
        assert type(disk._session.flusher) is parts.NoFlush
        raise KeyError
    assert disk._session.flusher is real
