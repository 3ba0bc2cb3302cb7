"""Reading every kind of header there is, writing the one kind we write, patching what others wrote."""

import dataclasses
import uuid
from collections.abc import Callable

import pytest

from aiovdi.errors import BadSignature, FormatError, UnsupportedVersion
from aiovdi.format.header import HEADER_BYTES, NIL, Geometry, Header, ImageType, Version, pack, parse, patch
from aiovdi.units import BlockIndex, MiB, Slot

Build = Callable[..., bytes]
STALE = bytes([7] * 16)


def test_every_field_of_a_header_of_400_bytes_is_read_from_its_place(v1: Build) -> None:
    raw = v1(
        comment="größer".encode(),
        image_type=2,
        flags=1,
        bmap_offset=1 << 20,
        data_offset=2 << 20,
        geometry=(1, 2, 3, 512),
        disk_size=5 * MiB - 512,
        block_size=512 << 10,
        block_extra=512,
        block_count=10,
        blocks_allocated=9,
        uuid_parent=STALE,
        uuid_parent_modify=bytes([8] * 16),
        lchs=(652, 255, 63, 512),
    )
    assert parse(raw) == Header(
        text="<<< Oracle VM VirtualBox Disk Image >>>\n",
        version=Version(1, 1),
        header_size=400,
        image_type=ImageType.FIXED,
        flags=1,
        comment="größer",
        bmap_offset=1 << 20,
        data_offset=2 << 20,
        legacy_geometry=Geometry(1, 2, 3, 512),
        disk_size=5 * MiB - 512,
        block_size=512 << 10,
        block_extra=512,
        block_count=10,
        blocks_allocated=9,
        uuid_create=uuid.UUID("03020100-0504-0706-0809-0a0b0c0d0e0f"),
        uuid_modify=uuid.UUID("13121110-1514-1716-1819-1a1b1c1d1e1f"),
        uuid_parent=uuid.UUID(bytes=STALE),
        uuid_parent_modify=uuid.UUID(bytes=bytes([8] * 16)),
        lchs_geometry=Geometry(652, 255, 63, 512),
    )


def test_a_header_of_384_bytes_has_no_lchs_geometry_whatever_follows_it(v1: Build) -> None:
    raw = v1(header_size=384)[:456] + b"\xff" * 56
    assert parse(raw).lchs_geometry is None
    assert parse(raw[:456]).header_size == 384


def test_version_0_2_keeps_its_map_right_after_the_header_and_its_data_after_the_map(v0: Build) -> None:
    header = parse(v0(), file_size=420 + 16 + MiB)
    assert header.version == (0, 2)
    assert (header.header_size, header.bmap_offset, header.data_offset) == (348, 420, 436)
    assert (header.disk_size, header.block_count, header.blocks_allocated) == (4 * MiB, 4, 1)
    assert header.comment == "from 2006"
    assert header.uuid_create == uuid.UUID(bytes_le=bytes(range(16)))
    assert header.uuid_parent_modify == NIL
    assert header.lchs_geometry is None
    assert header.slot_offset(Slot(2)) == 436 + 2 * MiB


@pytest.mark.parametrize(
    "fields",
    [
        {"version": 0x00010000},
        {"version": 0x00010002},
        {"text": b"<<< CloneVDI VirtualBox Disk Image >>>\n"},
        {"text": b"\xff" * 64},
        {"comment": b"\xc3" * 256},
        {"header_size": 416},
        {"header_size": 4096},
        {"uuid_create": bytes(16), "uuid_modify": bytes(16)},
        {"geometry": (0, 0, 0, 0)},
        {"block_size": 512, "disk_size": 16 * 512},
        {"block_size": 128 * MiB},
        {"block_extra": 1},
        {"block_count": 100},
        {"bmap_offset": 456, "header_size": 384, "data_offset": 520},
        {"disk_size": 16 * MiB - 7},
        {"uuid_parent": STALE},
        {"flags": 0x301},
    ],
    ids=str,
)
def test_what_real_images_contain_is_read(v1: Build, fields: dict[str, object]) -> None:
    header = parse(v1(**fields))
    assert header.readable_obstacle() is None
    assert header.uuid_create in {NIL, uuid.UUID(bytes_le=bytes(range(16)))}


def test_a_comment_without_nul_is_read_whole_and_bad_utf_8_is_replaced(v1: Build) -> None:
    assert parse(v1(comment=b"x" * 256)).comment == "x" * 256
    assert parse(v1(comment=b"a\xffb\0c")).comment == "a\N{REPLACEMENT CHARACTER}b"


def test_anything_without_the_signature_is_no_vdi_image(v1: Build) -> None:
    with pytest.raises(BadSignature, match="u32Signature at offset 64: found 0x514649fb, expected 0xbeda107f"):
        parse(v1(signature=0x514649FB))


@pytest.mark.parametrize("version", [0x00000001, 0x00000003, 0x00020000, 0x01000100, 0])
def test_a_version_that_nobody_specified_is_refused(v1: Build, version: int) -> None:
    with pytest.raises(UnsupportedVersion, match=r"u32Version at offset 68: .* expected 0\.2 or 1\.x"):
        parse(v1(version=version))


@pytest.mark.parametrize("length", [0, 1, 64, 71, 72, 100, 455])
def test_a_header_cut_short_is_an_error_that_tells_the_length(v1: Build, length: int) -> None:
    with pytest.raises(FormatError, match=f"header at offset 0: found {length} bytes, expected at least"):
        parse(v1()[:length])


def test_a_header_of_400_bytes_cut_before_its_last_field_is_refused_and_one_of_384_is_not(v1: Build) -> None:
    with pytest.raises(FormatError, match="found 456 bytes, expected at least 472"):
        parse(v1()[:456])
    assert parse(v1(header_size=384)[:456]).block_count == 16


def test_a_header_of_version_0_2_cut_short_is_refused(v0: Build) -> None:
    with pytest.raises(FormatError, match="found 419 bytes, expected at least 420"):
        parse(v0()[:419])


def test_500_tib_claimed_by_a_file_of_one_kib_are_refused(v1: Build) -> None:
    blocks = 500 << 20
    raw = v1(disk_size=500 << 40, block_count=blocks, data_offset=512 + 4 * blocks)
    with pytest.raises(FormatError, match=r"cBlocks at offset 384: .*within the file of 1024 bytes") as caught:
        parse(raw, file_size=1024)
    assert (caught.value.found, caught.value.offset) == (blocks, 0x180)
    assert parse(raw, file_size=512 + 4 * blocks).block_count == blocks


def test_the_size_is_rounded_up_to_a_sector_as_qemu_does(v1: Build) -> None:
    assert parse(v1(disk_size=9729)).size == 10240
    assert parse(v1(disk_size=9728)).size == 9728
    assert parse(v1(disk_size=1)).size == 512


def test_the_map_that_old_qemu_rounded_down_is_known_as_such(v1: Build) -> None:
    header = parse(v1(disk_size=127_795_200, block_count=121))
    assert header.is_rounded_down
    assert header.size == 127_795_200
    assert not parse(v1(disk_size=127_795_200, block_count=122)).is_rounded_down


def test_offsets_count_the_extra_bytes_before_each_block(v1: Build) -> None:
    header = parse(v1(block_extra=4096))
    assert header.slot_stride == MiB + 4096
    assert header.slot_offset(Slot(0)) == 1024 + 4096
    assert header.slot_offset(Slot(3)) == 1024 + 3 * (MiB + 4096) + 4096
    assert header.entry_offset(BlockIndex(5)) == 532
    assert header.bmap_end == 512 + 64


def test_a_packed_header_is_the_bytes_that_virtualbox_would_write(v1: Build) -> None:
    raw = v1(comment=b"golden", blocks_allocated=3, lchs=(2, 16, 63, 512), flags=1)
    assert len(raw) == HEADER_BYTES
    assert pack(parse(raw)) == raw


def test_only_version_1_1_with_400_bytes_is_ever_written(v1: Build, v0: Build) -> None:
    for raw in (v0(), v1(header_size=384), v1(version=0x00010000)):
        with pytest.raises(AssertionError):
            pack(parse(raw))


def test_patch_changes_its_fields_and_no_other_byte(v1: Build) -> None:
    raw = v1(header_size=384, text=b"<<< CloneVDI VirtualBox Disk Image >>>\n\0junk", comment=b"old\0junk")[:456]
    raw += bytes(range(56))
    patched = patch(raw, blocks_allocated=0x01020304, uuid_modify=uuid.UUID("00112233-4455-6677-8899-aabbccddeeff"))
    assert patched[:0x184] == raw[:0x184]
    assert patched[0x184:0x188] == b"\x04\x03\x02\x01"
    assert patched[0x188:0x198] == raw[0x188:0x198]
    assert patched[0x198:0x1A8] == bytes.fromhex("33221100554477668899aabbccddeeff")
    assert patched[0x1A8:] == raw[0x1A8:]


def test_patch_of_nothing_is_a_copy(v1: Build) -> None:
    raw = v1()
    assert patch(raw) == raw


def test_patch_takes_one_field_alone(v1: Build) -> None:
    raw = v1()
    modified = uuid.UUID(int=5)
    assert parse(patch(raw, blocks_allocated=4)) == dataclasses.replace(parse(raw), blocks_allocated=4)
    assert parse(patch(raw, uuid_modify=modified)) == dataclasses.replace(parse(raw), uuid_modify=modified)


def test_patch_never_touches_version_0_2(v0: Build) -> None:
    with pytest.raises(AssertionError, match="never written"):
        patch(v0(), blocks_allocated=1)
