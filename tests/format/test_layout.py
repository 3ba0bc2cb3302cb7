"""Where things lie in a new image, what cannot be laid out, and who else would refuse it."""

import uuid
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiovdi.errors import FormatError
from aiovdi.format.bmap import ZERO
from aiovdi.format.header import NIL, ImageType, pack, parse
from aiovdi.format.layout import LayoutError, compatibility_warnings, new_header
from aiovdi.units import GiB, KiB, MiB, TiB

Build = Callable[..., bytes]


def test_an_image_of_ten_gib_lies_where_virtualbox_would_put_it() -> None:
    header = new_header(10 * GiB)
    assert (header.bmap_offset, header.data_offset) == (MiB, 2 * MiB)
    assert (header.disk_size, header.block_size, header.block_count) == (10 * GiB, MiB, 10240)
    assert (header.image_type, header.blocks_allocated) == (ImageType.DYNAMIC, 0)
    assert header.version == (1, 1)
    assert header.header_size == 400


def test_a_fixed_image_counts_all_its_slots() -> None:
    header = new_header(10 * MiB + 512, fixed=True)
    assert header.image_type is ImageType.FIXED
    assert header.block_count == header.blocks_allocated == 11


@given(
    st.integers(1, 1 << 40).map(lambda sectors: sectors * 512),
    st.integers(9, 31).map(lambda bits: 1 << bits),
    st.booleans(),
    st.sampled_from([512, 4096, MiB]),
)
def test_what_can_be_laid_out_is_valid_writable_and_covers_the_disk(
    size: int, block_size: int, fixed: bool, alignment: int
) -> None:
    try:
        header = new_header(size, block_size=block_size, fixed=fixed, alignment=alignment)
    except LayoutError as refusal:
        # 2 ** 30 entries of 4 bytes fill all that offData can span; a little goes to alignment.
        assert size // block_size > (1 << 30) - 2 * MiB, refusal
        return
    assert parse(pack(header)) == header
    assert header.writable_obstacle() is None
    assert header.data_offset % alignment == 0
    assert 0 <= header.block_count * block_size - size < block_size


def test_uuids_are_fresh_unless_given_and_never_nil() -> None:
    given_uuid = uuid.UUID(int=9)
    one, other = new_header(MiB), new_header(MiB, uuid_create=given_uuid)
    assert other.uuid_create == given_uuid
    assert len({one.uuid_create, one.uuid_modify, other.uuid_create, other.uuid_modify, NIL}) == 5


@pytest.mark.parametrize("size", [0, -512, 1, 511, 513, MiB + 1])
def test_a_size_that_is_no_positive_multiple_of_a_sector_is_refused(size: int) -> None:
    with pytest.raises(
        LayoutError, match=f"cbDisk at offset 368: found {hex(size) if size > 65535 else size}, expected a"
    ):
        new_header(size)


@pytest.mark.parametrize("block_size", [0, 1, 256, 513, 3 * MiB, -MiB, 4 * GiB])
def test_a_block_size_that_is_no_power_of_two_from_a_sector_on_is_refused(block_size: int) -> None:
    with pytest.raises(LayoutError, match="cbBlock at offset 376"):
        new_header(MiB, block_size=block_size)


@pytest.mark.parametrize("alignment", [0, 256, 513, -512, 4 * GiB])
def test_an_alignment_that_is_no_multiple_of_a_sector_is_refused(alignment: int) -> None:
    with pytest.raises(LayoutError, match="offBlocks at offset 340"):
        new_header(MiB, alignment=alignment)


def test_with_blocks_of_one_mib_disks_end_near_one_pib_where_the_data_offset_overflows() -> None:
    largest = (1 << 30) - 2 * 256 * KiB
    assert new_header(largest * MiB).data_offset == 4 * GiB - MiB
    with pytest.raises(LayoutError, match=r"offData at offset 344: .*take larger blocks"):
        new_header((largest + 1) * MiB)


def test_more_blocks_than_there_are_slot_numbers_are_refused() -> None:
    with pytest.raises(LayoutError, match=r"cBlocks at offset 384: .*take larger blocks"):
        new_header((ZERO + 1) * 512, block_size=512)


@pytest.mark.parametrize("comment", ["x" * 256, "ö" * 128, "a\0b", "\udc80"])
def test_a_comment_that_would_not_read_back_is_refused(comment: str) -> None:
    with pytest.raises(LayoutError, match="szComment"):
        new_header(MiB, comment=comment)


def test_a_comment_of_255_bytes_reads_back() -> None:
    comment = "x" + "ö" * 127
    assert parse(pack(new_header(MiB, comment=comment))).comment == comment


def test_a_refusal_is_a_value_error_for_those_who_know_nothing_else() -> None:
    with pytest.raises(ValueError, match="cbDisk"):
        new_header(1)
    assert issubclass(LayoutError, FormatError)


def test_the_ordinary_image_is_welcome_everywhere() -> None:
    assert compatibility_warnings(new_header(64 * MiB)) == []
    assert compatibility_warnings(new_header(64 * MiB, fixed=True, comment="x", alignment=512)) == []


@pytest.mark.parametrize(
    ("size", "block_size", "culprits"),
    [
        (MiB - 512, MiB, ["VirtualBox"]),
        (64 * MiB, 2 * MiB, ["QEMU"]),
        (64 * MiB, 64 * KiB, ["QEMU", "VirtualBox"]),
        (512 * MiB, 256 * MiB, ["QEMU", "VirtualBox"]),
        (536_870_784 * MiB, MiB, []),
        (536_870_785 * MiB, MiB, ["QEMU"]),
        (4096 * TiB - 3 * MiB, 16 * MiB, ["QEMU", "VirtualBox"]),
        (4096 * TiB - 4 * MiB, 16 * MiB, ["QEMU"]),
    ],
)
def test_sizes_that_others_refuse_are_told(size: int, block_size: int, culprits: list[str]) -> None:
    warnings = compatibility_warnings(new_header(size, block_size=block_size))
    assert [warning.split()[0] for warning in warnings] == culprits


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"version": 0x00010000}, "QEMU opens only version 1.1, and this is 1.0"),
        ({"block_extra": 512}, "QEMU ignores cbBlockExtra"),
        ({"data_offset": 1028}, "multiple of 512"),
        ({"geometry": (0, 0, 0, 0)}, "LegacyGeometry"),
        ({"uuid_parent": bytes([1] * 16)}, "QEMU refuses an image that names a parent"),
        ({"uuid_modify": bytes(16)}, "VirtualBox refuses a nil"),
        ({"disk_size": 16 * MiB + 512}, "does not cover the disk"),
    ],
    ids=str,
)
def test_what_others_refuse_in_an_existing_image_is_told(v1: Build, fields: dict[str, object], words: str) -> None:
    (warning,) = compatibility_warnings(parse(v1(**fields)))
    assert words in warning
