"""Two disks, compared: every kind of difference in every place, against their bytes."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import aiovdi
from aiovdi.errors import VDIError
from aiovdi.jobs.compare import compare
from aiovdi.storage import MemoryStorage
from aiovdi.units import SECTOR, KiB, MiB


async def vdi(content: bytes, *, mapped: bool = False, size: int | None = None) -> MemoryStorage:
    """An image that shows ``content``; ``mapped`` maps its zeros too. Blocks of 4 KiB, so that there are many."""
    storage = MemoryStorage()
    with pytest.warns(aiovdi.CompatibilityWarning):
        await aiovdi.create(storage, size or len(content), block_size=4 * KiB)
    async with aiovdi.open(storage, "r+") as disk:
        for at in range(0, len(content), 4 * KiB):
            if mapped or any(content[at : at + 4 * KiB]):
                await disk.pwrite(content[at : at + 4 * KiB], at)
    return storage


def content(*pieces: tuple[int, bytes], size: int = 3 * MiB) -> bytes:
    whole = bytearray(size)
    for at, piece in pieces:
        whole[at : at + len(piece)] = piece
    return bytes(whole[:size])


async def test_the_same_content_is_identical_however_it_is_stored() -> None:
    whole = content((5000, b"x" * 9000), (2 * MiB, b"y"))
    images = [await vdi(whole), await vdi(whole, mapped=True), MemoryStorage(whole)]
    for a in images:
        for b in images:
            result = await compare(a, b)
            assert result.identical
            assert (result.content_offset, result.same_size) == (None, True)


@pytest.mark.parametrize("at", [0, 1, 511, 512, MiB - 1, MiB, 2 * MiB + 4097, 3 * MiB - 1])
async def test_one_byte_is_found_and_its_sector_named(at: int) -> None:
    a, b = await vdi(content((at, b"\1"))), await vdi(content((at, b"\2")))
    for pair in [(a, b), (b, a), (a, await vdi(content())), (await vdi(content()), a)]:
        result = await compare(*pair)
        assert not result.identical
        assert result.content_offset == at - at % SECTOR


async def test_zeros_after_the_end_of_the_smaller_are_no_difference() -> None:
    small, large = await vdi(b"x" * MiB), await vdi(b"x" * MiB, size=3 * MiB)
    for pair in [(small, large), (large, small)]:
        result = await compare(*pair)
        assert result.identical
        assert not result.same_size


async def test_data_after_the_end_of_the_smaller_is_a_difference() -> None:
    small, large = await vdi(content(size=MiB)), await vdi(content((2 * MiB + 700, b"x")))
    for pair in [(small, large), (large, small)]:
        assert (await compare(*pair)).content_offset == 2 * MiB + 512


async def test_strict_mode_wants_the_same_size() -> None:
    result = await compare(await vdi(bytes(MiB)), await vdi(bytes(2 * MiB)), strict=True)
    assert not result.identical
    assert (result.content_offset, result.status_offset) == (None, None)


async def test_strict_mode_wants_the_same_blocks_mapped() -> None:
    whole = content((0, b"x" * 4096), (8192, b"y" * 4096))
    result = await compare(await vdi(whole), await vdi(whole, mapped=True), strict=True)
    assert not result.identical
    assert (result.content_offset, result.status_offset) == (None, 4096)
    assert (await compare(await vdi(whole), await vdi(whole), strict=True)).identical


async def test_strict_mode_tells_the_difference_that_comes_first() -> None:
    a, b = await vdi(content((0, b"x"), (8192, b"z"))), await vdi(content((0, b"y")))
    assert (await compare(a, b, strict=True)).content_offset == 0


async def test_progress_ends_at_the_size_of_the_larger() -> None:
    told: list[tuple[int, int]] = []
    small, large = MemoryStorage(b"x" * MiB), await vdi(b"x" * MiB, size=3 * MiB)
    await compare(small, large, progress=lambda *step: told.append(step))
    assert told == sorted(told)
    assert told[-1] == (3 * MiB, 3 * MiB)


async def test_empty_images_are_identical() -> None:
    assert (await compare(MemoryStorage(), MemoryStorage())).identical


async def test_a_format_that_was_named_is_not_looked_for(tmp_path: Path) -> None:
    image = await vdi(content((0, b"x")))
    assert not (await compare(image, image, formats=("vdi", "raw"))).identical
    with pytest.raises(VDIError):
        await compare(MemoryStorage(bytes(MiB)), image, formats=("vdi", None))


piece = st.tuples(st.integers(0, 63), st.integers(1, 8), st.sampled_from([b"\0", b"\1", b"\2"]))


@settings(max_examples=30)
@given(st.lists(piece, max_size=5), st.lists(piece, max_size=5), st.booleans(), st.booleans())
async def test_a_comparison_agrees_with_the_bytes(
    left: list[tuple[int, int, bytes]], right: list[tuple[int, int, bytes]], a_mapped: bool, b_mapped: bool
) -> None:
    a, b = [
        content(*((at * 1000, byte * length * 500) for at, length, byte in pieces), size=64 * KiB)
        for pieces in (left, right)
    ]
    first = next((at - at % SECTOR for at, (x, y) in enumerate(zip(a, b, strict=True)) if x != y), None)
    result = await compare(await vdi(a, mapped=a_mapped), await vdi(b, mapped=b_mapped))
    assert result.content_offset == first
