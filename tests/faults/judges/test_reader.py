"""The second reader finds what the first one wrote, and every contradiction that it is there for."""

import struct

import pytest

from faults.judges.reader import audit, audit_and_read, audit_changed, audit_closed
from faults.vdi import VDI

BLOCK, BMAP, DATA = 4096, 512, 1024
FREE, ZERO = 0xFFFFFFFF, 0xFFFFFFFE


def image(*slots: int, allocated: int | None = None, data_blocks: int | None = None) -> bytes:
    """An image of four blocks in these slots; the block in slot n is full of the letter n."""
    content = bytearray(VDI(blocks=4, block_size=BLOCK).blank())
    mapped = [slot for slot in slots if slot < ZERO]
    count = len(mapped) if allocated is None else allocated
    struct.pack_into(f"<{len(slots)}I", content, BMAP, *slots)
    struct.pack_into("<I", content, 0x184, count)
    for slot in range(max([slot + 1 for slot in mapped], default=0) if data_blocks is None else data_blocks):
        content += bytes([65 + slot]) * BLOCK
    return bytes(content)


def test_an_empty_image_is_zeros() -> None:
    assert audit_and_read(image(FREE, FREE, FREE, FREE)) == bytes(4 * BLOCK)


def test_blocks_are_found_where_the_map_says() -> None:
    found = audit_and_read(image(1, FREE, 0, ZERO))
    assert found[::BLOCK] == b"B\0A\0"
    assert len(found) == 4 * BLOCK


def test_the_layout_is_the_one_of_the_blank_image() -> None:
    blank = VDI(blocks=4, block_size=BLOCK).blank()
    assert struct.unpack_from("<II", blank, 0x154) == (BMAP, DATA)


def test_where_blocks_are_is_told_without_reading_them() -> None:
    assert audit(image(1, FREE, 0, ZERO)) == (4 * BLOCK, BLOCK, [DATA + BLOCK, None, DATA, None])


@pytest.mark.parametrize(
    ("broken", "complaint"),
    [
        (image(1, 1, FREE, FREE, allocated=2), "share slot 1"),
        (image(7, FREE, FREE, FREE, allocated=8), "there are only 4"),
        (image(2, FREE, FREE, FREE, allocated=1), "header counts 1"),
        (image(0, 1, FREE, FREE, data_blocks=1), "block 1 in slot 1 ends at"),
        (b"", "no header"),
        (bytes(4096), "no header"),
    ],
)
def test_a_contradiction_is_named(broken: bytes, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        audit_and_read(broken)


def test_a_count_above_the_map_is_only_lost_space() -> None:
    assert audit_and_read(image(0, FREE, FREE, FREE, allocated=3))[:1] == b"A"


def test_a_closed_image_counts_and_keeps_what_is_owned_and_nothing_else() -> None:
    audit_closed(image(1, FREE, 0, ZERO), grows=True)
    audit_closed(image(FREE, FREE, FREE, FREE), grows=True)
    audit_closed(image(1, FREE, 0, ZERO, data_blocks=4), grows=False)
    with pytest.raises(ValueError, match="counts 3 slots where the map ends at 2"):
        audit_closed(image(1, FREE, 0, ZERO, allocated=3), grows=False)
    with pytest.raises(ValueError, match=f"the file has {DATA + 3 * BLOCK} bytes where {DATA + 2 * BLOCK} are owned"):
        audit_closed(image(1, FREE, 0, ZERO, data_blocks=3), grows=True)


def test_an_image_that_was_changed_has_another_modification_uuid() -> None:
    old = image(0, FREE, FREE, FREE)
    audit_changed(old, old[:0x198] + b"another modified" + old[0x1A8:])
    with pytest.raises(ValueError, match="its modification UUID has not"):
        audit_changed(old, old)
