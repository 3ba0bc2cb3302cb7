"""The tables of offsets against the sizes and offsets that format.md and VDICore.h give in numbers."""

import itertools

import pytest

from aiovdi.errors import FormatError
from aiovdi.format.fields import HEADER_BYTES, V0, V1, Field, ImageType, Version


def test_version_one_ends_at_472_and_its_map_offset_stands_at_0x154() -> None:
    assert V1["lchs_geometry"].end == 472
    assert V1["bmap_offset"].offset == 0x154
    assert V1["blocks_allocated"].offset == 0x184
    assert V1["uuid_modify"].offset == 0x198


def test_version_zero_ends_where_its_map_begins() -> None:
    assert max(field.end for field in V0.values()) == 420
    assert V0["disk_size"].offset == 0x160


@pytest.mark.parametrize("table", [V0, V1], ids=["0.2", "1.x"])
def test_no_two_fields_overlap_and_all_fit_into_the_bytes_that_are_read(table: dict[str, Field]) -> None:
    fields = sorted(table.values(), key=lambda field: field.offset)
    for field, following in itertools.pairwise(fields):
        assert field.end <= following.offset, (field.name, following.name)
    assert fields[-1].end <= HEADER_BYTES


def test_the_two_versions_name_a_field_alike() -> None:
    assert V0.keys() < V1.keys()
    assert all(V0[name].name == V1[name].name for name in V0)


def test_every_field_that_is_stored_loads_as_it_was() -> None:
    raw = bytearray(HEADER_BYTES)
    V1["version"].store(raw, Version(1, 1))
    V1["image_type"].store(raw, ImageType.FIXED)
    V1["comment"].store(raw, "größer")
    V1["disk_size"].store(raw, 1 << 50)
    assert raw[0x44:0x48] == b"\x01\x00\x01\x00"
    assert raw[0x4C:0x50] == b"\x02\x00\x00\x00"
    assert raw[0x54:0x5D] == "größer".encode() + b"\0"
    assert raw[0x170:0x178] == b"\0\0\0\0\0\0\x04\0"
    assert V1["comment"].load(bytes(raw)) == "größer"
    assert V1["version"].load(bytes(raw)) == (1, 1)


def test_a_type_that_is_none_is_an_error_that_names_the_field() -> None:
    with pytest.raises(FormatError, match=r"u32Type at offset 76: found 5, expected one of 1 \(dynamic\)"):
        V1["image_type"].load(b"\x05" + bytes(75) + b"\x05\0\0\0")
