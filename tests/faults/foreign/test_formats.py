"""The second reader looks past a wrong count, because a wrong count alone has cost nothing."""

import struct

import pytest

from faults.foreign.formats import FORMATS, VDI, Opaque

BLOCK = 4096


def image(entries: list[int], *, allocated: int) -> bytes:
    blocks = len(entries)
    head = bytearray(1024)
    head[64:68] = b"\x7f\x10\xda\xbe"
    struct.pack_into("<II", head, 0x154, 512, 1024)
    struct.pack_into("<QIIII", head, 0x170, blocks * BLOCK, BLOCK, 0, blocks, allocated)
    struct.pack_into(f"<{blocks}I", head, 512, *entries)
    return bytes(head) + b"".join(bytes([65 + slot]) * BLOCK for slot in range(blocks))


def test_a_sound_image_is_read_without_complaint() -> None:
    seen = VDI().read(image([1, 0xFFFFFFFF, 0], allocated=2))
    assert seen.complaint == ""
    assert seen.content == b"B" * BLOCK + bytes(BLOCK) + b"A" * BLOCK


def test_a_count_below_the_map_is_a_complaint_and_the_disk_is_read_all_the_same() -> None:
    seen = VDI().read(image([1, 0xFFFFFFFF, 0], allocated=1))
    assert "the header counts 1" in seen.complaint
    assert seen.content[:BLOCK] == b"B" * BLOCK


def test_a_slot_of_two_blocks_is_not_read() -> None:
    with pytest.raises(ValueError, match="share slot 0"):
        VDI().read(image([0, 0], allocated=1))


def test_offsets_have_regions() -> None:
    content = image([0], allocated=1)
    assert [VDI().region(content, offset) for offset in (0, 511, 512, 1023, 1024)] == [
        "header",
        "header",
        "bmap",
        "bmap",
        "data",
    ]
    assert Opaque().region(content, 0) == "image"


def test_every_region_that_is_told_is_announced() -> None:
    content = image([0], allocated=1)
    for each in FORMATS.values():
        assert {each.region(content, offset) for offset in range(0, 4096, 512)} <= set(each.regions)
