"""A hostile image is a clear error or a clean open, and costs no more than the file justifies.

``--hypothesis-profile large`` runs these with 10⁵ cases each.
"""

import asyncio
import struct
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import aiovdi
from aiovdi.format.header import pack
from aiovdi.format.layout import new_header
from aiovdi.storage.memory import MemoryStorage

MEMORY_BUDGET = 1 << 20
BLOCK = 4096
BLOCKS = 32
SLOTS = 8
SECRET = b"\xa5" * 512


class Watched(MemoryStorage):
    """Remembers which ranges were read."""

    def __init__(self, content: bytes) -> None:
        super().__init__(content)
        self.ranges: list[tuple[int, int]] = []

    def pread_now(self, buffer: bytearray | memoryview, offset: int) -> int:
        self.ranges.append((offset, offset + len(buffer)))
        return super().pread_now(buffer, offset)

    async def pread_some(self, buffer: memoryview, offset: int) -> int:
        self.ranges.append((offset, offset + len(buffer)))
        return await super().pread_some(buffer, offset)


async def use(storage: MemoryStorage, mode: str) -> None:
    """Open, look, read, and where that is allowed write: every failure must be one of ours."""
    try:
        async with aiovdi.open(storage, mode) as disk:  # type: ignore[arg-type]
            _ = disk.info
            for offset in (0, disk.size // 2, disk.size - 512):
                length = min(3 * BLOCK, disk.size - offset)
                try:
                    assert len(await disk.pread(length, offset)) == length
                    if mode == "r+":
                        await disk.pwrite(b"w" * length, offset)
                        assert await disk.pread(length, offset) == b"w" * length
                except aiovdi.CorruptImage as error:
                    assert "found" in str(error)
    except aiovdi.FormatError as error:
        assert error.field
        assert error.expected is not None
        assert str(error.offset) in str(error)
    except aiovdi.StorageError as error:
        assert mode == "r+"
        assert error.errno


def run_bounded(image: bytes, mode: str) -> "Watched":
    """Use an image within the budget. A second try, since a table of the interpreter may grow in any one run."""
    for is_last in (False, True):
        storage = Watched(image)
        tracemalloc.start()
        try:
            asyncio.run(use(storage, mode))
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        if peak < MEMORY_BUDGET:
            break
        assert not is_last, f"{peak} bytes for an image of {len(image)}"
    return storage


def small_image(entries: list[int]) -> bytes:
    header = new_header(BLOCK * BLOCKS, block_size=BLOCK, alignment=512)
    image = bytearray(pack(header))
    image += struct.pack(f"<{BLOCKS}I", *entries)
    image += bytes(header.data_offset - len(image))
    image += b"\x5a" * (SLOTS * BLOCK)
    return bytes(image)


VALID = small_image([3, 0xFFFFFFFF, 1, 0xFFFFFFFE] + [0xFFFFFFFF] * 28)
INTERESTING = st.sampled_from([0, 1, 2, 7, 8, 31, 32, 33, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFD, 0xFFFFFFFE, 0xFFFFFFFF])


@given(
    changes=st.lists(st.tuples(st.integers(0, 118), INTERESTING | st.integers(0, 0xFFFFFFFF)), max_size=6),
    length=st.none() | st.integers(0, len(VALID)),
    mode=st.sampled_from(["r", "r+"]),
)
def test_a_mutated_header_is_a_clean_open_or_a_clear_error(
    changes: list[tuple[int, int]], length: int | None, mode: str
) -> None:
    image = bytearray(VALID)
    for word, value in changes:
        struct.pack_into("<I", image, word * 4, value)
    run_bounded(bytes(image[:length]), mode)


@given(st.binary(max_size=2048), st.sampled_from(["r", "r+"]))
def test_arbitrary_bytes_are_refused_or_opened_cleanly(content: bytes, mode: str) -> None:
    run_bounded(b"\0" * 64 + b"\x7f\x10\xda\xbe" + content, mode)


@given(
    st.lists(INTERESTING | st.integers(0, 40) | st.integers(0, 0xFFFFFFFF), min_size=BLOCKS, max_size=BLOCKS),
    st.sampled_from(["r", "r+"]),
)
def test_a_fuzzed_map_never_leads_outside_the_data_area(entries: list[int], mode: str) -> None:
    header = new_header(BLOCK * BLOCKS, block_size=BLOCK, alignment=512)
    storage = run_bounded(small_image(entries), mode)
    for start, stop in storage.ranges:
        assert stop <= header.bmap_end or start >= header.data_offset, "a read of neither metadata nor data"


@given(st.lists(INTERESTING | st.integers(0, 40), min_size=BLOCKS, max_size=BLOCKS))
def test_what_one_block_writes_never_shows_in_another(entries: list[int]) -> None:
    async def check() -> None:
        async with aiovdi.open(MemoryStorage(small_image(entries)), "r+") as disk:
            before = {}
            for block in range(1, BLOCKS):
                try:
                    before[block] = await disk.pread(BLOCK, block * BLOCK)
                except aiovdi.CorruptImage:
                    continue
            try:
                await disk.pwrite(SECRET, 0)
            except (aiovdi.CorruptImage, aiovdi.StorageError):
                return
            for block, content in before.items():
                assert await disk.pread(BLOCK, block * BLOCK) == content

    asyncio.run(check())


async def test_a_header_that_claims_500_tib_in_one_kib_allocates_nothing_of_the_kind(image: Path) -> None:
    header = new_header(500 << 40, alignment=512)
    image.write_bytes(pack(header) + b"\xff" * 512)
    tracemalloc.start()
    with pytest.raises(aiovdi.FormatError, match="cBlocks"):
        await aiovdi.open(image)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < MEMORY_BUDGET
