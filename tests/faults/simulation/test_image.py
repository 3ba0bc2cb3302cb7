"""An image reads as the bytes that it stands for, whatever is cut from it or put together."""

from hypothesis import given
from hypothesis import strategies as st

from faults.simulation.image import Image, joined

UNIT = 16
UNITS = st.dictionaries(st.integers(0, 9), st.binary(min_size=UNIT, max_size=UNIT), max_size=6)
ENDS = st.integers(-20, 12 * UNIT)


def dense(units: dict[int, bytes], length: int) -> bytes:
    content = bytearray(10 * UNIT)
    for number, unit in units.items():
        content[number * UNIT : (number + 1) * UNIT] = unit
    return bytes(content[:length])


@given(UNITS, st.integers(0, 10 * UNIT), ENDS, ENDS, st.sampled_from([None, 1, 3, -1]))
def test_a_slice_is_that_of_the_bytes(
    units: dict[int, bytes], length: int, start: int, stop: int, step: int | None
) -> None:
    image, content = Image.of_units(units, UNIT, length), dense(units, length)
    assert len(image) == len(content)
    assert bytes(image) == content
    assert image[start:stop:step] == content[start:stop:step]


@given(UNITS, st.integers(0, 10 * UNIT), st.integers(0, 10 * UNIT))
def test_a_part_of_an_image_is_that_part_of_the_bytes(units: dict[int, bytes], start: int, length: int) -> None:
    length = min(length, 10 * UNIT - start)
    part = Image.of_units(units, UNIT, 10 * UNIT).part(start, length)
    assert part == dense(units, 10 * UNIT)[start : start + length]
    assert len(part) == length


@given(st.lists(UNITS, max_size=3), st.integers(0, 30 * UNIT))
def test_images_are_joined_as_bytes_are(several: list[dict[int, bytes]], length: int) -> None:
    images = [Image.of_units(units, UNIT, 10 * UNIT) for units in several]
    length = min(length, 10 * UNIT * len(several))
    assert joined(images, length) == b"".join(dense(units, 10 * UNIT) for units in several)[:length]


def test_an_image_equals_what_holds_the_same_and_nothing_else() -> None:
    image = Image([(2, b"xy")], 6)
    assert image == b"\0\0xy\0\0" == image
    assert image == Image([(0, b"\0\0xy\0\0")], 6)
    assert image != b"\0\0xy\0"
    assert image != "xy"


def test_an_image_of_terabytes_costs_what_is_in_it() -> None:
    image = Image([(1 << 40, b"here")], 1 << 50)
    assert image[(1 << 40) - 2 : (1 << 40) + 6] == b"\0\0here\0\0"
    far = joined([image.part(1 << 40, 1 << 40), image], 3 << 40)
    assert len(far) == 3 << 40
    assert far[:4] == far[2 << 40 : (2 << 40) + 4] == b"here"


def test_zeros_are_those_that_were_asked_for_whatever_was_asked_before() -> None:
    image = Image([], 100)
    assert [image[:count] for count in (7, 9, 0, 7, 9)] == [bytes(count) for count in (7, 9, 0, 7, 9)]
