"""Invariant: whatever bytes a file begins with, they are a header that can be relied on, or a FormatError."""

import dataclasses
import uuid
from collections.abc import Callable

from hypothesis import given
from hypothesis import strategies as st

from aiovdi.errors import FormatError
from aiovdi.format.fields import HEADER_BYTES, V1
from aiovdi.format.header import NIL, Geometry, Header, ImageType, Version, pack, parse, patch

Build = Callable[..., bytes]
PREFIX = bytes(64) + bytes.fromhex("7f10dabe")
VERSIONS = st.sampled_from([bytes.fromhex("01000100"), bytes.fromhex("00000100"), bytes.fromhex("02000000")])
U32 = st.integers(0, 0xFFFFFFFF)


def parse_or_refuse(raw: bytes, file_size: int | None = None) -> Header | None:
    """The header; None if it was refused in the one way that is allowed, with the place named."""
    try:
        header = parse(raw, file_size=file_size)
    except FormatError as error:
        assert 0 <= error.offset < HEADER_BYTES
        assert str(error)
        return None
    check_promises(header, file_size)
    return header


def check_promises(header: Header, file_size: int | None) -> None:
    """What the rest of the driver may rely on in any header that was accepted."""
    assert header.size > 0
    assert header.size % 512 == 0
    assert header.block_size >= 512
    assert header.block_size & (header.block_size - 1) == 0
    assert header.data_offset >= header.bmap_end
    assert header.size < (header.block_count + 1) * header.block_size + 512
    assert file_size is None or header.bmap_end <= file_size
    for obstacle in (header.readable_obstacle(), header.writable_obstacle()):
        assert obstacle is None or isinstance(obstacle, FormatError)


@given(st.binary(max_size=1024), st.integers(0, 1 << 40))
def test_arbitrary_bytes_are_refused_or_read(raw: bytes, file_size: int) -> None:
    parse_or_refuse(raw, file_size)


@given(VERSIONS, st.binary(min_size=300, max_size=600))
def test_arbitrary_bytes_after_the_signature_are_refused_or_read(version: bytes, rest: bytes) -> None:
    parse_or_refuse(PREFIX + version + rest)


@given(st.data())
def test_a_valid_header_with_some_bytes_changed_is_refused_or_read(v1: Build, v0: Build, data: st.DataObject) -> None:
    raw = bytearray(data.draw(st.sampled_from([v1(), v1(header_size=384), v1(block_extra=512), v0()])))
    changes = st.tuples(st.integers(0, len(raw) - 1), st.integers(0, 255))
    for at, value in data.draw(st.lists(changes, max_size=8)):
        raw[at] = value
    length = data.draw(st.integers(0, len(raw)) | st.just(len(raw)))
    parse_or_refuse(bytes(raw[:length]), data.draw(st.none() | st.integers(0, 1 << 33)))


@given(st.data())
def test_a_valid_header_with_any_numbers_in_its_fields_is_refused_or_read(v1: Build, data: st.DataObject) -> None:
    edges = st.sampled_from([0, 1, 2, 455, 456, 511, 512, 513, 1 << 20, 1 << 31, (1 << 32) - 1]) | U32
    names = ["header_size", "flags", "bmap_offset", "data_offset", "block_size", "block_extra", "block_count"]
    fields = data.draw(st.dictionaries(st.sampled_from([*names, "blocks_allocated", "disk_size"]), edges))
    header = parse_or_refuse(v1(**fields), 1 << 21)
    if header is not None:
        assert {name: getattr(header, name) for name in fields} == fields


TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))


def texts(bytes_max: int) -> st.SearchStrategy[str]:
    return TEXT.filter(lambda text: len(text.encode()) <= bytes_max)


@st.composite
def writable_headers(draw: st.DrawFn) -> Header:
    """Any header that ``pack`` may be asked to write."""
    block_size = 1 << draw(st.integers(9, 31))
    block_count = draw(st.integers(1, 1 << 20))
    bmap_offset = draw(st.integers(512, 1 << 30))
    return Header(
        text=draw(texts(64)),
        version=Version(1, 1),
        header_size=400,
        image_type=draw(st.sampled_from(ImageType)),
        flags=draw(st.sampled_from([0, 1])),
        comment=draw(texts(255)),
        bmap_offset=bmap_offset,
        data_offset=bmap_offset + 4 * block_count + draw(st.integers(0, 1 << 20)),
        legacy_geometry=Geometry(*draw(st.tuples(U32, U32, U32, U32))),
        disk_size=draw(st.integers((block_count - 1) * block_size + 1, block_count * block_size)),
        block_size=block_size,
        block_extra=draw(st.sampled_from([0, 1, 512, 1 << 20])),
        block_count=block_count,
        blocks_allocated=draw(st.integers(0, block_count)),
        uuid_create=draw(st.uuids() | st.just(NIL)),
        uuid_modify=draw(st.uuids()),
        uuid_parent=draw(st.uuids() | st.just(NIL)),
        uuid_parent_modify=draw(st.uuids() | st.just(NIL)),
        lchs_geometry=Geometry(*draw(st.tuples(U32, U32, U32, st.just(512)))),
    )


@given(writable_headers())
def test_what_is_packed_is_parsed_as_it_was(header: Header) -> None:
    raw = pack(header)
    assert len(raw) == HEADER_BYTES
    assert parse(raw) == header


@given(writable_headers(), U32, st.uuids(), st.binary(min_size=40, max_size=40))
def test_patch_equals_a_header_with_these_fields_replaced_and_keeps_the_bytes_after_it(
    header: Header, count: int, modified: uuid.UUID, rest: bytes
) -> None:
    raw = pack(header)[:472] + rest
    replaced = dataclasses.replace(header, blocks_allocated=count, uuid_modify=modified)
    assert patch(raw, blocks_allocated=count, uuid_modify=modified) == pack(replaced)[:472] + rest
    assert V1["blocks_allocated"].load(patch(raw, blocks_allocated=count)) == count
