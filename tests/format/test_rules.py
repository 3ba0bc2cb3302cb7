"""What is refused: at reading as VirtualBox refuses it, at writing by where things lie."""

from collections.abc import Callable

import pytest

from aiovdi.errors import FormatError, UnsupportedFeature
from aiovdi.format.header import ImageType, parse
from aiovdi.format.rules import READABLE, VALID, WRITABLE
from aiovdi.units import MiB

Build = Callable[..., bytes]
PARENT = bytes([7] * 16)

REFUSED: list[tuple[dict[str, object], str, int]] = [
    ({"header_size": 383}, "cbHeader", 0x48),
    ({"image_type": 0}, "u32Type", 0x4C),
    ({"image_type": 5}, "u32Type", 0x4C),
    ({"flags": 2}, "fFlags", 0x50),
    ({"flags": 0x400}, "fFlags", 0x50),
    ({"bmap_offset": 455}, "offBlocks", 0x154),
    ({"data_offset": 512 + 63}, "offData", 0x158),
    ({"disk_size": 0}, "cbDisk", 0x170),
    ({"block_size": 0}, "cbBlock", 0x178),
    ({"block_size": 256, "disk_size": 4096}, "cbBlock", 0x178),
    ({"block_size": 3 * MiB}, "cbBlock", 0x178),
    ({"block_extra": 3}, "cbBlockExtra", 0x17C),
    ({"block_count": 0}, "cBlocks", 0x180),
    ({"block_count": 14, "disk_size": 15 * MiB}, "cBlocks", 0x180),
    ({"lchs": (0, 0, 0, 0)}, "LCHSGeometry", 0x1C8),
]


@pytest.mark.parametrize(("fields", "name", "offset"), REFUSED, ids=str)
def test_what_virtualbox_refuses_is_refused_with_the_field_and_its_place(
    v1: Build, fields: dict[str, object], name: str, offset: int
) -> None:
    with pytest.raises(FormatError) as caught:
        parse(v1(**fields))
    assert (caught.value.field, caught.value.offset) == (name, offset)


def test_each_rule_for_reading_is_the_one_that_refuses_a_case_above(v1: Build, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aiovdi.format.rules.VALID", ())
    headers = [parse(v1(**fields)) for fields, name, _ in REFUSED if name != "u32Type"]
    blamed = [next(rule for rule in VALID if not rule.holds(header)) for header in headers]
    assert set(blamed) == set(VALID)


@pytest.mark.parametrize("image_type", [0, 5])
def test_the_rules_hold_for_version_0_2_too(v0: Build, image_type: int) -> None:
    with pytest.raises(FormatError, match=f"u32Type at offset 72: found {image_type}"):
        parse(v0(image_type=image_type))
    with pytest.raises(FormatError, match="cBlocks at offset 364: found 0, expected more than 0"):
        parse(v0(block_count=0))


def test_an_unknown_flag_is_an_unsupported_feature(v1: Build) -> None:
    with pytest.raises(UnsupportedFeature, match="no flag outside 0x301"):
        parse(v1(flags=4))


@pytest.mark.parametrize("image_type", [ImageType.UNDO, ImageType.DIFF])
def test_an_image_with_a_parent_is_not_readable_on_its_own(v1: Build, image_type: ImageType) -> None:
    obstacle = parse(v1(image_type=image_type, uuid_parent=PARENT)).readable_obstacle()
    assert isinstance(obstacle, UnsupportedFeature)
    assert (obstacle.field, obstacle.offset) == ("uuidLinkage", 0x1A8)
    assert "07070707-0707-0707-0707-070707070707" in str(obstacle)


@pytest.mark.parametrize("image_type", [ImageType.UNDO, ImageType.DIFF])
def test_a_differencing_image_that_names_no_parent_reads_as_a_base_image(v1: Build, image_type: ImageType) -> None:
    header = parse(v1(image_type=image_type))
    assert header.readable_obstacle() is None
    assert header.writable_obstacle() is None


@pytest.mark.parametrize("image_type", [ImageType.DYNAMIC, ImageType.FIXED])
def test_a_stale_parent_uuid_in_a_base_image_hinders_nothing(v1: Build, image_type: ImageType) -> None:
    header = parse(v1(image_type=image_type, uuid_parent=PARENT))
    assert header.readable_obstacle() is None
    assert header.writable_obstacle() is None


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"header_size": 384},
        {"version": 0x00010000},
        {"bmap_offset": 516, "data_offset": 1024},
        {"block_extra": 512},
        {"block_size": 512, "disk_size": 16 * 512},
        {"disk_size": 16 * MiB - 7},
        {"block_count": 40, "data_offset": 2048},
        {"uuid_create": bytes(16)},
        {"image_type": 2, "blocks_allocated": 16},
    ],
    ids=str,
)
def test_what_lies_on_sectors_can_be_written(v1: Build, fields: dict[str, object]) -> None:
    assert parse(v1(**fields)).writable_obstacle() is None


def test_a_count_that_qemu_has_driven_past_the_end_can_be_read_but_not_written(v1: Build) -> None:
    header = parse(v1(blocks_allocated=17))
    assert header.readable_obstacle() is None
    obstacle = header.writable_obstacle()
    assert "cBlocksAllocated at offset 388: found 17, expected at most cBlocks, which is 16" in str(obstacle)
    assert "aiovdi convert" in str(obstacle)


UNWRITABLE: list[tuple[dict[str, object], str]] = [
    ({"blocks_allocated": 17}, "cBlocksAllocated"),
    ({"version": 0x00010002}, "u32Version"),
    ({"bmap_offset": 508}, "offBlocks"),
    ({"bmap_offset": 514}, "offBlocks"),
    ({"data_offset": 1028}, "offData"),
    ({"block_extra": 256}, "cbBlockExtra"),
    ({"disk_size": 16 * MiB + 512}, "cBlocks"),
]


@pytest.mark.parametrize(("fields", "name"), UNWRITABLE, ids=str)
def test_what_could_be_torn_or_has_no_entry_is_read_only_and_the_message_names_convert(
    v1: Build, fields: dict[str, object], name: str
) -> None:
    header = parse(v1(**fields))
    obstacle = header.writable_obstacle()
    assert isinstance(obstacle, UnsupportedFeature)
    assert obstacle.field == name
    assert "`aiovdi convert`" in str(obstacle)
    assert header.readable_obstacle() is None


def test_version_0_2_is_read_only(v0: Build) -> None:
    obstacle = parse(v0()).writable_obstacle()
    assert isinstance(obstacle, UnsupportedFeature)
    assert "u32Version at offset 68: found 0.2, expected 1.0 or 1.1 for writing" in str(obstacle)
    assert "`aiovdi convert`" in str(obstacle)


def test_a_parent_hinders_writing_as_well(v1: Build) -> None:
    obstacle = parse(v1(image_type=4, uuid_parent=PARENT)).writable_obstacle()
    assert obstacle is not None
    assert obstacle.field == "uuidLinkage"


def test_each_rule_can_say_what_it_expected(v1: Build) -> None:
    header = parse(v1())
    for rule in (*VALID, *READABLE, *WRITABLE):
        error = rule.blame(header)
        assert "{" not in str(error)
        assert error.offset == header.fields[rule.field].offset
