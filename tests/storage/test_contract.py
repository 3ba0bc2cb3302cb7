"""The contract of `aiovdi.storage.base`, line by line, on every back end and on both event loops.

Nothing here knows which back end it tries: what a test needs beyond the port is in ``conftest``.
"""

import asyncio
import errno
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any, TypeAlias

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aiovdi.storage.base import Storage, read_full, resize, write_full, write_zeroes

Make: TypeAlias = Callable[..., Awaitable[Storage]]
HoldUp: TypeAlias = Callable[[Storage], Callable[[], None]]

STALE = b"\xa5"  # what a storage of ours shows where it does not extend with zeros
PATTERN = bytes(range(1, 252)) * 80  # 20080 bytes: no page, no sector, no zero


async def content_of(storage: Storage) -> bytes:
    buffer = bytearray(storage.size + 1)
    count = await read_full(storage, memoryview(buffer), 0)
    assert count == storage.size
    return bytes(buffer[:count])


async def put(storage: Storage, data: bytes, offset: int, *, fua: bool = False) -> None:
    await write_full(storage, memoryview(data), offset, fua=fua)


@contextmanager
def refusal(number: int) -> Iterator[None]:
    """Within it something fails with that errno."""
    with pytest.raises(OSError) as caught:
        yield
    assert caught.value.errno == number


async def turns(count: int = 10) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


# the shape


async def test_it_has_the_shape_of_the_port(make: Make) -> None:
    storage = await make(PATTERN)
    assert isinstance(storage, Storage)
    assert storage.size == len(PATTERN)
    assert storage.alignment == 1


# 1. order · 2. read your writes · 3. atomicity


async def test_any_number_of_requests_may_be_in_flight(make: Make) -> None:
    storage = await make(bytes(300 * 100))
    pieces = [bytes([index % 251 + 1]) * 100 for index in range(300)]
    await asyncio.gather(*(put(storage, piece, index * 100) for index, piece in enumerate(pieces)))
    assert await content_of(storage) == b"".join(pieces)


@pytest.mark.parametrize("fua", [False, True])
@pytest.mark.parametrize(("offset", "length"), [(0, 512), (1, 1), (511, 2), (5000, 9000), (20000, 200), (0, 300_000)])
async def test_a_read_sees_the_write_that_ended_before(
    make: Make, can_grow: bool, offset: int, length: int, fua: bool
) -> None:
    expected = bytearray(PATTERN.ljust(offset + length, b"\0"))
    storage = await make(PATTERN if can_grow else bytes(expected))
    expected[offset : offset + length] = data = bytes(value % 255 + 1 for value in range(length))
    await put(storage, data, offset, fua=fua)
    assert await content_of(storage) == expected
    assert storage.size == len(expected)


async def test_what_can_be_had_without_waiting_is_what_a_read_returns(make: Make) -> None:
    storage = await make(PATTERN)
    await put(storage, b"news", 1000)
    now, waited = bytearray(100), bytearray(100)
    count = storage.pread_now(now, 990)
    await read_full(storage, memoryview(waited), 990)
    assert now[:count] == waited[:count]
    assert waited[10:14] == b"news"


@pytest.mark.parametrize("offset", [0, 511, 4096])
async def test_a_write_that_is_begun_is_told_of_once_and_later_and_a_read_sees_it(make: Make, offset: int) -> None:
    storage = await make(PATTERN)
    told: list[int | Exception] = []
    ended = asyncio.Event()

    def done(result: int | Exception) -> None:
        told.append(result)
        ended.set()

    if not storage.begin_write(memoryview(b"n" * 5000), offset, done):
        await turns()
        assert not told
        return
    assert not told
    async with asyncio.timeout(30):
        await ended.wait()
    await turns()
    assert told == [5000]
    assert await content_of(storage) == PATTERN[:offset] + b"n" * 5000 + PATTERN[offset + 5000 :]


async def test_nothing_is_begun_past_the_end_or_on_what_is_closed(make: Make) -> None:
    storage = await make(PATTERN)
    assert not storage.begin_write(memoryview(b"xx"), len(PATTERN) - 1, pytest.fail)
    await storage.close()
    assert not storage.begin_write(memoryview(b"xx"), 0, pytest.fail)


async def test_writes_to_parts_of_one_sector_keep_each_other(make: Make) -> None:
    storage = await make(bytes(1024))
    parts = {offset: bytes([index + 1]) * 37 for index, offset in enumerate(range(0, 999, 37))}
    await asyncio.gather(*(put(storage, data, offset) for offset, data in parts.items()))
    expected = b"".join(parts.values()).ljust(1024, b"\0")
    assert await content_of(storage) == expected


async def test_writes_that_extend_at_once_do_not_cut_each_other(make_growing: Make) -> None:
    storage = await make_growing(b"x")
    ends = [700, 1500, 5000, 9000, 20_001]
    await asyncio.gather(
        *(put(storage, b"end", end - 3) for end in ends),
        *(storage.write_zeroes(100, end + 50) for end in ends),
    )
    assert storage.size == 20_151
    content = await content_of(storage)
    assert [content[end - 3 : end] for end in ends] == [b"end"] * len(ends)


# the end of the storage


async def test_a_read_at_the_end_is_short_and_past_it_returns_nothing(make: Make) -> None:
    storage = await make(PATTERN)
    buffer = bytearray(b"?" * 100)
    assert await read_full(storage, memoryview(buffer), len(PATTERN) - 30) == 30
    assert buffer == PATTERN[-30:] + b"?" * 70
    for offset in (len(PATTERN), len(PATTERN) + 5, 1 << 40):
        assert await storage.pread_some(memoryview(buffer), offset) == 0
        assert storage.pread_now(buffer, offset) == 0


async def test_a_write_past_the_end_extends_with_zeros_between(make_growing: Make) -> None:
    storage = await make_growing(b"begin")
    await put(storage, b"end", 9999)
    assert storage.size == 10_002
    content = await content_of(storage)
    assert content[:5] == b"begin"
    assert content[9999:] == b"end"
    if storage.extends_with_zeros:
        assert not any(content[5:9999])


@pytest.mark.parametrize("old", [0, 5, 512, 20_000])
@pytest.mark.parametrize("new", [0, 3, 511, 4096, 70_001])
async def test_resize_cuts_and_extends(make_growing: Make, old: int, new: int) -> None:
    storage = await make_growing(b"\xee" * old)
    await resize(storage, new)
    assert storage.size == new
    content = await content_of(storage)
    assert content[:old] == b"\xee" * min(old, new)
    if storage.extends_with_zeros:
        assert not any(content[old:])


async def test_what_was_cut_off_does_not_come_back(make_growing: Make) -> None:
    storage = await make_growing(PATTERN)
    await resize(storage, 1000)
    await resize(storage, len(PATTERN))
    content = await content_of(storage)
    assert content[:1000] == PATTERN[:1000]
    assert content[1000:] != PATTERN[1000:]
    assert not storage.extends_with_zeros or not any(content[1000:])


# a storage that cannot grow


async def test_a_fixed_storage_keeps_its_length(make_fixed: Make) -> None:
    storage = await make_fixed(PATTERN)
    for size in (0, 5, len(PATTERN), 70_001):
        with refusal(errno.ENOTSUP):
            await resize(storage, size)
    assert not storage.can_grow
    assert await content_of(storage) == PATTERN


@pytest.mark.parametrize(("offset", "fitting"), [(20_079, 1), (20_000, 80), (20_080, 0), (90_000, 0)])
async def test_a_fixed_storage_takes_what_fits_and_says_that_it_is_full(
    make_fixed: Make, offset: int, fitting: int
) -> None:
    storage = await make_fixed(PATTERN)
    with refusal(errno.ENOSPC):
        await put(storage, b"x" * 300, offset)
    with refusal(errno.ENOSPC):
        await write_zeroes(storage, length=300, offset=offset)
    assert await content_of(storage) == PATTERN[: len(PATTERN) - fitting] + b"x" * fitting


# write_zeroes and discard


@pytest.mark.parametrize("fua", [False, True])
@pytest.mark.parametrize(
    ("offset", "length"),
    [
        (0, 20_080),
        (4096, 8192),
        (1, 510),
        (511, 2),
        (3000, 9000),
        (20_000, 80),
        (20_000, 81),
        (20_080, 1),
        (50_000, 3000),
    ],
)
async def test_write_zeroes_is_a_write_of_zeros(
    make: Make, can_grow: bool, offset: int, length: int, fua: bool
) -> None:
    size = max(len(PATTERN), offset + length)
    storage = await make(PATTERN if can_grow else PATTERN.ljust(size, b"?"))
    await write_zeroes(storage, length=length, offset=offset, fua=fua)
    content = await content_of(storage)
    assert storage.size == size
    assert content[:offset][: len(PATTERN)] == PATTERN[:offset]
    assert not any(content[offset : offset + length])
    assert content[offset + length :] == PATTERN[offset + length :]


async def test_zeroing_nothing_changes_nothing(make: Make, can_grow: bool) -> None:
    storage = await make(PATTERN)
    await storage.write_zeroes(0, 100_000 if can_grow else 20_000)
    assert await content_of(storage) == PATTERN


@pytest.mark.parametrize(("offset", "length"), [(0, 20_080), (1, 9000), (20_000, 100_000), (90_000, 10), (7, 0)])
async def test_discard_leaves_old_bytes_or_zeros_and_the_length(make: Make, offset: int, length: int) -> None:
    storage = await make(PATTERN)
    await storage.discard(length, offset)
    content = await content_of(storage)
    assert len(content) == len(PATTERN)
    assert content[:offset] == PATTERN[:offset]
    assert content[offset + length :] == PATTERN[offset + length :]
    inside = zip(content[offset : offset + length], PATTERN[offset : offset + length], strict=True)
    assert all(now in {0, before} for now, before in inside)


# 5. durability, as far as it shows without a power cut


async def test_flush_and_dropped_caches_keep_everything(make: Make) -> None:
    storage = await make(PATTERN)
    await put(storage, b"news", 5000)
    await storage.flush()
    await storage.drop_cache(300, 4900)
    content = await content_of(storage)
    assert content == PATTERN[:5000] + b"news" + PATTERN[5004:]


# 7. cancellation


async def test_a_cancelled_write_never_lands_later(make: Make, hold_up: HoldUp) -> None:
    #  t   the request              the storage
    #  0   writes "old"             the I/O is held up
    #  1   is cancelled
    #  2                            the I/O goes on
    #  3   raises                   nothing is in flight from here on
    #  4   somebody writes "new"    stays
    storage = await make(bytes(4096))
    release = hold_up(storage)
    request = asyncio.create_task(put(storage, b"old", 100))
    await turns()
    request.cancel()
    await turns()
    ended_early = request.done()
    release()
    await asyncio.wait([request])
    assert request.cancelled()
    if ended_early:  # then nothing of it had reached the storage, and nothing will
        for offset in range(1000, 1100):
            await put(storage, b"x", offset)
        assert (await content_of(storage))[100:103] == bytes(3)
    await put(storage, b"new", 100)
    await turns()
    assert (await content_of(storage))[100:103] == b"new"


async def test_repeated_cancels_are_remembered_as_one_error(make: Make, hold_up: HoldUp) -> None:
    storage = await make(bytes(4096))
    release = hold_up(storage)
    request = asyncio.create_task(put(storage, b"x", 0))
    await turns()
    for _ in range(3):
        request.cancel()
        await turns(3)
    release()
    with pytest.raises(asyncio.CancelledError):
        await request
    await put(storage, b"y", 0)
    assert (await content_of(storage))[:1] == b"y"


async def test_a_cancelled_read_leaves_its_buffer_alone_afterwards(make: Make, hold_up: HoldUp) -> None:
    storage = await make(b"\xff" * 4096)
    release = hold_up(storage)
    buffer = bytearray(4096)
    request = asyncio.create_task(read_full(storage, memoryview(buffer), 0))
    await turns()
    request.cancel()
    await turns()
    release()
    await asyncio.wait([request])
    assert request.cancelled()
    buffer[:] = bytes(4096)
    await read_full(storage, memoryview(bytearray(10)), 0)
    assert buffer == bytes(4096)


async def test_a_timeout_ends_as_a_timeout(make: Make, hold_up: HoldUp) -> None:
    storage = await make(bytes(4096))
    release = hold_up(storage)
    task = asyncio.current_task()
    assert task is not None

    async def release_after_the_timeout() -> None:
        await timed_out.wait()
        release()

    timed_out = asyncio.Event()
    releasing = asyncio.create_task(release_after_the_timeout())
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(None) as timeout:
            timeout.reschedule(asyncio.get_running_loop().time() - 1)  # its cancel comes before what follows it
            asyncio.get_running_loop().call_later(0, timed_out.set)
            await put(storage, b"x", 0)
    assert task.cancelling() == 0
    await releasing
    await put(storage, b"y", 0)
    assert (await content_of(storage))[:1] == b"y"


async def test_a_task_group_tells_the_failure_and_not_the_cancel(make: Make, hold_up: HoldUp) -> None:
    storage = await make(bytes(4096))
    release = hold_up(storage)

    async def fail() -> None:
        await turns(3)
        asyncio.get_running_loop().call_soon(release)
        raise LookupError("on purpose")

    with pytest.raises(ExceptionGroup) as caught:
        async with asyncio.TaskGroup() as group:
            group.create_task(put(storage, b"x", 0))
            group.create_task(fail())
    assert [type(error) for error in caught.value.exceptions] == [LookupError]


async def test_the_loop_runs_while_an_io_is_held_up(make: Make, hold_up: HoldUp) -> None:
    storage = await make(PATTERN)
    release = hold_up(storage)
    request = asyncio.create_task(put(storage, b"x", 0))
    await turns(50)
    assert not request.done()
    release()
    await request


# close


async def test_close_lets_what_is_in_flight_settle(make: Make, hold_up: HoldUp) -> None:
    storage = await make(bytes(8192))
    release = hold_up(storage)
    requests = [asyncio.create_task(put(storage, b"x", offset)) for offset in (0, 700, 5000)]
    await turns()
    closing = asyncio.create_task(storage.close())
    await turns()
    release()
    await closing
    await turns()
    assert all(request.done() for request in requests)


async def test_close_can_be_repeated_at_once_and_later(make: Make) -> None:
    storage = await make(PATTERN)
    await asyncio.gather(storage.close(), storage.close())
    await storage.close()


async def test_a_cancelled_close_has_closed(make: Make) -> None:
    storage = await make(PATTERN)
    await put(storage, b"x", 0)
    closing = asyncio.create_task(storage.close())
    await asyncio.sleep(0)
    closing.cancel()
    await asyncio.wait([closing])
    with pytest.raises(OSError, match="file descriptor"):
        await storage.pread_some(memoryview(bytearray(1)), 0)


@pytest.mark.parametrize(
    "request_of",
    [
        lambda storage: storage.pread_some(memoryview(bytearray(10)), 0),
        lambda storage: storage.pwrite_some(memoryview(b"x"), 0),
        lambda storage: storage.pwrite_some(memoryview(b"x"), 0, fua=True),
        lambda storage: storage.write_zeroes(10, 0),
        lambda storage: storage.resize(5),
    ],
)
async def test_after_close_every_request_fails_with_ebadf(make: Make, request_of: Callable[[Storage], Any]) -> None:
    storage = await make(PATTERN)
    await storage.close()
    with pytest.raises(OSError) as caught:
        await request_of(storage)
    assert caught.value.errno == errno.EBADF
    assert storage.pread_now(bytearray(10), 0) == 0


# all of it at once

OFFSETS = st.integers(0, 3000) | st.sampled_from([0, 511, 512, 4095, 4096, 8192])
LENGTHS = st.integers(0, 3000) | st.sampled_from([1, 512, 4096, 70_000])
OPERATIONS = st.lists(
    st.one_of(
        st.tuples(st.just("write"), OFFSETS, LENGTHS, st.integers(1, 255)),
        st.tuples(st.just("fua"), OFFSETS, LENGTHS, st.integers(1, 255)),
        st.tuples(st.just("zeroes"), OFFSETS, LENGTHS),
        st.tuples(st.just("resize"), LENGTHS),
        st.tuples(st.just("read"), OFFSETS, LENGTHS),
        st.tuples(st.just("flush")),
    ),
    max_size=12,
)


async def compare_with_a_bytearray(storage: Storage, operations: list[Any]) -> None:
    model = bytearray(storage.size)
    filler = b"\0" if storage.extends_with_zeros else STALE

    def take(data: bytes, offset: int) -> None:
        if storage.can_grow and data:
            model.extend(filler * (offset + len(data) - len(model)))
        fitting = max(0, min(len(data), len(model) - offset))
        model[offset : offset + fitting] = data[:fitting]

    def full(end: int) -> AbstractContextManager[Any]:
        return refusal(errno.ENOSPC) if end > len(model) and not storage.can_grow else nullcontext()

    for name, *arguments in operations:
        match name, arguments:
            case (("write" | "fua"), [offset, length, value]):
                with full(offset + length if length else 0):
                    await write_full(storage, memoryview(bytes([value]) * length), offset, fua=name == "fua")
                take(bytes([value]) * length, offset)
            case "zeroes", [offset, length]:
                with (refused := full(offset + length)):
                    await storage.write_zeroes(length, offset)
                take(bytes(length) if isinstance(refused, nullcontext) else b"", offset)
            case "resize", [size]:
                with nullcontext() if storage.can_grow else refusal(errno.ENOTSUP):
                    await storage.resize(size)
                    model.extend(filler * (size - len(model)))
                    del model[size:]
            case "read", [offset, length]:
                buffer = bytearray(length)
                count = await read_full(storage, memoryview(buffer), offset)
                assert buffer[:count] == model[offset : offset + length]
            case _:
                await storage.flush()
        assert storage.size == len(model)
    assert await content_of(storage) == model


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], max_examples=40)
@given(operations=OPERATIONS)
def test_any_sequence_of_operations_equals_a_bytearray(
    backend: str, can_grow: bool, make_now: Callable[..., Awaitable[Storage]], operations: list[Any]
) -> None:
    async def run() -> None:
        storage = await make_now(backend, b"" if can_grow else bytes(50_000))
        try:
            await compare_with_a_bytearray(storage, operations)
        finally:
            await storage.close()

    asyncio.run(run())
