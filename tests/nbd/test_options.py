"""What options carry: what is packed is what is parsed, and data that contradicts itself is refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiovdi.nbd import options
from aiovdi.nbd.options import Malformed
from aiovdi.nbd.terms import BlockSizes
from aiovdi.nbd.wire import Info
from tests.nbd import spec

NAMES = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=40)


@given(NAMES, st.lists(st.integers(0, 0xFFFF), max_size=9))
def test_a_question_for_an_export_arrives_as_it_was_asked(name: str, infos: list[int]) -> None:
    packed = options.pack_export_query(name, infos)
    assert packed == spec.go(name, *infos)[16:]
    assert options.parse_export_query(packed) == (name, infos)


@given(NAMES, st.lists(NAMES, max_size=9))
def test_a_question_for_contexts_arrives_as_it_was_asked(name: str, leaves: list[str]) -> None:
    queries = [f"base:{leaf}" for leaf in leaves]
    packed = options.pack_context_query(name, queries)
    assert packed == spec.meta(name, *queries)[16:]
    assert options.parse_context_query(packed) == (name, queries)


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "end before"),
        (spec.be(5, 4) + b"four", "end before"),
        (spec.be(0xFFFFFFFF, 4) + b"four", "end before"),
        (spec.text("x"), "end before"),
        (spec.text("x") + spec.be(2, 2) + spec.be(0, 2), "end before"),
        (spec.text("x") + spec.be(0, 2) + b"?", "follow the last"),
        (spec.text("a\0b") + spec.be(0, 2), "NUL"),
        (spec.be(2, 4) + b"\xff\xfe" + spec.be(0, 2), "UTF-8"),
        (spec.text("n" * 4097) + spec.be(0, 2), "4097 bytes, expected at most 4096"),
    ],
)
def test_a_question_for_an_export_that_contradicts_itself_is_refused(data: bytes, why: str) -> None:
    with pytest.raises(Malformed, match=why):
        options.parse_export_query(data)


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (spec.text("x"), "end before"),
        (spec.text("x") + spec.be(0xFFFFFFFF, 4), "end before"),
        (spec.meta("x", "base:allocation")[16:-1], "end before"),
        (spec.meta("x", "base:allocation")[16:] + b"?", "follow the last"),
        (spec.meta("x", "allocation")[16:], "no namespace"),
    ],
)
def test_a_question_for_contexts_that_contradicts_itself_is_refused(data: bytes, why: str) -> None:
    with pytest.raises(Malformed, match=why):
        options.parse_context_query(data)


def test_each_information_is_read_back() -> None:
    sizes = BlockSizes(minimum=512, preferred=4096, payload_max=1 << 20)
    assert options.parse_info(options.pack_info_export(1 << 40, 5)) == (Info.EXPORT, (1 << 40, 5))
    assert options.parse_info(options.pack_info_block_size(sizes)) == (Info.BLOCK_SIZE, sizes)
    assert options.parse_info(options.pack_info_text(Info.NAME, "däta")) == (Info.NAME, "däta")
    assert options.parse_info(b"\x12\x34anything") == (0x1234, None)
    assert options.parse_context(options.pack_context(7, "base:allocation")) == (7, "base:allocation")


@pytest.mark.parametrize(
    "data", [b"", b"\0", b"\0\0short", b"\0\x03" + bytes(11), b"\0\x03" + bytes(13), b"\0\x01\xff"]
)
def test_an_information_of_the_wrong_length_is_refused(data: bytes) -> None:
    with pytest.raises(Malformed):
        options.parse_info(data)


@given(st.binary(max_size=200))
def test_arbitrary_data_is_read_or_refused(data: bytes) -> None:
    parsers = [options.parse_export_query, options.parse_context_query, options.parse_info, options.parse_context]
    for parse in parsers:
        try:
            assert parse(data) is not None
        except Malformed as error:
            assert str(error)
