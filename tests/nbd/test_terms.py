"""An export that breaks the protocol's limits cannot be made."""

import pytest

from aiovdi.nbd.terms import BlockSizes, ExportInfo, Negotiated


@pytest.mark.parametrize(
    ("sizes", "is_valid"),
    [
        (BlockSizes(), True),
        (BlockSizes(minimum=512, preferred=512, payload_max=512), True),
        (BlockSizes(minimum=65536, preferred=65536, payload_max=(1 << 32) - 1), True),
        (BlockSizes(minimum=0), False),
        (BlockSizes(minimum=3), False),
        (BlockSizes(minimum=131072, preferred=131072), False),
        (BlockSizes(preferred=256), False),
        (BlockSizes(minimum=4096, preferred=512), False),
        (BlockSizes(preferred=3 << 10), False),
        (BlockSizes(preferred=1 << 20, payload_max=1 << 19), False),
        (BlockSizes(payload_max=1 << 32), False),
    ],
)
def test_block_sizes_are_held_to_what_the_specification_allows(sizes: BlockSizes, is_valid: bool) -> None:
    assert sizes.is_valid() is is_valid
    if not is_valid:
        with pytest.raises(ValueError, match="does not allow"):
            ExportInfo(name="x", size=0, block_sizes=sizes)


@pytest.mark.parametrize("text", ["ä" * 2049, "a\0b"])
def test_a_text_that_the_wire_cannot_carry_is_refused(text: str) -> None:
    for field in ("name", "description"):
        with pytest.raises(ValueError, match="4096"):
            ExportInfo(**{"name": "x", "size": 0, field: text})


def test_a_reply_may_come_in_parts_with_either_kind_of_chunks() -> None:
    export = ExportInfo(name="x", size=0)
    kinds = [(False, False), (True, False), (False, True)]
    terms = [Negotiated(export=export, flags=1, structured=structured, extended=long) for structured, long in kinds]
    assert [each.has_chunks for each in terms] == [False, True, True]
