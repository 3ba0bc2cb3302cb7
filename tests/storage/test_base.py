"""The loops above the port: short I/O is resumed, interruptions are repeated, errors learn their name."""

import errno
import os
from collections.abc import Callable, Iterator

import pytest

from aiovdi.errors import StorageError
from aiovdi.storage import MemoryStorage
from aiovdi.storage.base import flush, read_full, resize, write_full, write_zeroes

DATA = bytes(range(256)) * 4


class Stuttering(MemoryStorage):
    """Does at most ``step`` bytes at a time, after each of ``errors`` that is left."""

    def __init__(self, content: bytes = b"", *, step: int = 1 << 30, errors: Iterator[int] | None = None) -> None:
        super().__init__(content)
        self.step = step
        self.errors = errors or iter(())
        self.calls = 0

    def _stutter(self) -> None:
        self.calls += 1
        if number := next(self.errors, 0):
            raise OSError(number, os.strerror(number))

    async def pread_some(self, buffer: memoryview, offset: int) -> int:
        self._stutter()
        return await super().pread_some(buffer[: self.step], offset)

    async def pwrite_some(self, data: memoryview, offset: int, *, fua: bool = False) -> int:
        self._stutter()
        return await super().pwrite_some(data[: self.step], offset, fua=fua)


@pytest.mark.parametrize("step", [1, 7, 512, 1023, 1024])
async def test_short_io_is_resumed_where_it_stopped(step: int) -> None:
    storage = Stuttering(step=step)
    await write_full(storage, memoryview(DATA), 100)
    assert storage.calls == -(-len(DATA) // step)
    buffer = bytearray(len(DATA))
    assert await read_full(storage, memoryview(buffer), 100) == len(DATA)
    assert buffer == DATA


async def test_a_read_ends_at_the_end_of_the_storage() -> None:
    buffer = bytearray(100)
    assert await read_full(Stuttering(b"abc", step=2), memoryview(buffer), 1) == 2
    assert buffer[:2] == b"bc"


@pytest.mark.parametrize("number", [errno.EINTR, errno.EAGAIN])
async def test_an_interrupted_io_is_repeated(number: int) -> None:
    storage = Stuttering(step=100, errors=iter([0, number, number, 0, number]))
    await write_full(storage, memoryview(DATA), 0)
    assert storage.to_bytes() == DATA
    storage.errors = iter([number, 0, number])
    buffer = bytearray(len(DATA))
    await read_full(storage, memoryview(buffer), 0)
    assert buffer == DATA


@pytest.mark.parametrize("number", [errno.EINTR, errno.EAGAIN])
async def test_interruptions_without_end_end_as_an_error(number: int) -> None:
    def for_ever() -> Iterator[int]:
        while True:
            yield number

    for attempt in (write_full, read_full):
        storage = Stuttering(DATA, errors=for_ever())
        with pytest.raises(StorageError) as caught:
            await attempt(storage, memoryview(bytearray(10)), 0)
        assert caught.value.errno == number
        assert storage.calls < 10_000


@pytest.mark.parametrize(("attempt", "operation"), [(read_full, "read"), (write_full, "write")])
async def test_an_error_names_what_was_still_missing(attempt: Callable[..., object], operation: str) -> None:
    storage = Stuttering(DATA, step=100, errors=iter([0, 0, errno.EIO]))
    with pytest.raises(StorageError) as caught:
        await attempt(storage, memoryview(bytearray(1000)), 24)  # type: ignore[misc]
    error = caught.value
    assert (error.errno, error.operation, error.offset, error.length) == (errno.EIO, operation, 224, 800)
    assert isinstance(error.__cause__, OSError)


async def test_a_storage_that_writes_nothing_is_an_error_and_not_an_endless_loop() -> None:
    with pytest.raises(StorageError) as caught:
        await write_full(Stuttering(step=0), memoryview(DATA), 0)
    assert caught.value.errno == errno.EIO


async def test_the_other_operations_name_themselves_too() -> None:
    storage = MemoryStorage(DATA, can_grow=False)
    with pytest.raises(StorageError, match="resize") as caught:
        await resize(storage, 5)
    assert caught.value.errno == errno.ENOTSUP
    with pytest.raises(StorageError, match="write zeroes of 5 bytes at offset 2000") as caught:
        await write_zeroes(storage, length=5, offset=2000)
    assert caught.value.errno == errno.ENOSPC
    await storage.close()
    with pytest.raises(StorageError, match="flush") as caught:
        await flush(storage)
    assert caught.value.errno == errno.EBADF
