"""Each command does to the disk what the specification says, and tells it in the layout that was agreed on."""

import struct
from typing import Any

from aiovdi.units import KiB, MiB

ENOTSUP = 95
UNIT = 64 * KiB


async def test_a_read_tells_holes_as_holes(serving: Any, export: Any) -> None:
    export.fill(b"x" * UNIT, UNIT)
    async with serving(export) as it:
        client = await it.client(structured=True)
        client.ask(client.READ, 0, 4 * UNIT, cookie=9)
        hole, data, rest = [await client.reply() for _ in range(3)]
        assert (hole.kind, hole.flags, hole.data) == (2, 0, struct.pack(">QI", 0, UNIT))
        assert (data.kind, data.flags, data.data) == (1, 0, struct.pack(">Q", UNIT) + b"x" * UNIT)
        assert (rest.kind, rest.flags, rest.data) == (2, 1, struct.pack(">QI", 2 * UNIT, 2 * UNIT))


async def test_a_read_that_must_not_be_fragmented_is_one_chunk(serving: Any, export: Any) -> None:
    export.fill(b"x" * UNIT, UNIT)
    async with serving(export) as it:
        client = await it.client(structured=True)
        client.ask(client.READ, 0, 2 * UNIT, flags=client.DF)
        reply = await client.reply()
        assert (reply.kind, reply.flags) == (1, 1)
        assert reply.data == struct.pack(">Q", 0) + bytes(UNIT) + b"x" * UNIT


async def test_fua_goes_with_writes_and_zeroes_and_makes_a_trim_flush(serving: Any, export: Any) -> None:
    async with serving(export) as it:
        client = await it.client()
        await client.whole(client.WRITE, 0, data=b"x", flags=client.FUA)
        await client.whole(client.ZEROES, 0, 512, flags=client.FUA)
        await client.whole(client.TRIM, 0, 512, flags=client.FUA)
        await client.whole(client.TRIM, 0, 512)
        assert export.calls == ["write fua", "write zeroes fua", "discard", "flush", "discard"]


async def test_zeroes_without_a_hole_are_written_and_never_fast(serving: Any, export: Any) -> None:
    export.fill(b"x" * (3 * MiB))
    async with serving(export, fast_zero=True) as it:
        client = await it.client()
        assert (await client.whole(client.ZEROES, 512, 2 * MiB, flags=client.NO_HOLE)).error == 0
        assert export.calls == ["write"] * 2
        assert export.content[: 3 * MiB] == b"x" * 512 + bytes(2 * MiB) + b"x" * (MiB - 512)
        fast = client.NO_HOLE | client.FAST_ZERO
        assert (await client.whole(client.ZEROES, 0, 512, flags=fast)).error == ENOTSUP
        assert (await client.whole(client.ZEROES, 0, 512, flags=client.FAST_ZERO)).error == 0
        assert export.calls == ["write"] * 2 + ["write zeroes"]


async def test_the_last_of_zeroes_that_were_written_with_fua_is_a_flush(serving: Any, export: Any) -> None:
    async with serving(export) as it:
        client = await it.client()
        await client.whole(client.ZEROES, 0, 512, flags=client.NO_HOLE | client.FUA)
        assert export.calls == ["write", "flush"]


async def test_a_trim_reads_as_zeros_and_a_cache_changes_nothing(serving: Any, export: Any) -> None:
    export.fill(b"x" * MiB)
    async with serving(export) as it:
        client = await it.client()
        assert (await client.whole(client.CACHE, 0, MiB)).error == 0
        assert export.content[:MiB] == b"x" * MiB
        assert (await client.whole(client.TRIM, 0, UNIT)).error == 0
        assert (await client.whole(client.READ, 0, 512)).data == bytes(512)


async def test_the_status_of_a_range_is_told_with_neighbours_merged(serving: Any, export: Any) -> None:
    export.fill(b"x" * (2 * UNIT), UNIT)
    async with serving(export) as it:
        client = await it.client(contexts=True)
        client.ask(client.STATUS, 512, 4 * UNIT)
        reply = await client.reply()
        assert (reply.kind, reply.flags) == (5, 1)
        states = list(struct.iter_unpack(">II", reply.data[4:]))
        assert states == [(UNIT - 512, 3), (2 * UNIT, 0), (UNIT + 512, 3)]


async def test_one_extent_is_told_if_one_was_asked_for(serving: Any, export: Any) -> None:
    export.fill(b"x" * UNIT, 2 * UNIT)
    async with serving(export) as it:
        client = await it.client(contexts=True)
        client.ask(client.STATUS, 0, 8 * UNIT, flags=client.REQ_ONE)
        reply = await client.reply()
        assert list(struct.iter_unpack(">II", reply.data[4:])) == [(2 * UNIT, 3)]


async def test_an_error_in_a_chunk_says_what_went_wrong(serving: Any, export: Any) -> None:
    async with serving(export) as it:
        client = await it.client(structured=True)
        export.fail()
        client.ask(client.FLUSH)
        reply = await client.reply()
        assert reply.error == 5
        assert b"as the test wants it" in reply.data
