"""Division of offsets in one place, alignment, and buffers of every kind as bytes."""

import mmap
from array import array
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiovdi.units import MiB, Segment, align_down, align_up, as_bytes_view, runs_of, segments

offsets = st.integers(0, 1 << 62)
sizes = st.integers(9, 27).map(lambda bits: 1 << bits)


@given(offset=offsets, length=st.integers(0, 5000), block_size=st.integers(9, 12).map(lambda bits: 1 << bits))
def test_segments_cover_the_request_once_in_order_and_stay_inside_their_block(
    offset: int, length: int, block_size: int
) -> None:
    at = 0
    for block, start, step, place in segments(offset=offset, length=length, block_size=block_size):
        assert place == at
        assert step > 0
        assert block * block_size + start == offset + at
        assert start + step <= block_size
        at += step
    assert at == length


def test_a_request_that_ends_on_a_border_touches_no_further_block() -> None:
    assert list(segments(offset=0, length=MiB, block_size=MiB)) == [Segment(0, 0, MiB, 0)]  # type: ignore[arg-type]
    assert [part.block for part in segments(offset=MiB - 1, length=2, block_size=MiB)] == [0, 1]
    assert list(segments(offset=MiB, length=0, block_size=MiB)) == []


@given(value=offsets, unit=sizes)
def test_alignment_brackets_the_value_by_less_than_a_unit(value: int, unit: int) -> None:
    down, up = align_down(value, unit), align_up(value, unit)
    assert down <= value <= up
    assert down % unit == up % unit == 0
    assert up - down == (0 if value % unit == 0 else unit)


@given(st.sets(st.integers(0, 30)))
def test_runs_hold_every_index_once_and_none_continues_another(indices: set[int]) -> None:
    runs = runs_of(sorted(indices))
    assert [index for first, last in runs for index in range(first, last + 1)] == sorted(indices)
    assert all(last + 1 < first for (_, last), (first, _) in pairwise(runs))


@pytest.mark.parametrize(
    "buffer",
    [
        b"abcdefgh",
        bytearray(b"abcdefgh"),
        memoryview(b"abcdefgh"),
        memoryview(b"--abcdefgh--")[2:10],
        array("H", b"abcdefgh"),
        memoryview(array("Q", b"abcdefgh")),
        memoryview(b"abcdefgh").cast("B", (2, 4)),
        memoryview(b"abcdefgh").cast("c"),
        memoryview(b"abcdefgh").cast("b"),
    ],
)
def test_any_contiguous_buffer_is_seen_as_its_bytes(buffer: bytes) -> None:
    view = as_bytes_view(buffer)
    assert (view.format, view.ndim, len(view), view.tobytes()) == ("B", 1, 8, b"abcdefgh")


def test_a_map_is_seen_without_a_copy() -> None:
    with mmap.mmap(-1, 4096) as pages, as_bytes_view(pages) as view:
        view[:3] = b"new"
        assert pages[:3] == b"new"


@pytest.mark.parametrize(
    "buffer",
    [
        memoryview(b"abcdefgh")[::2],
        memoryview(b"abcdefgh")[::-1],
        memoryview(array("H", bytes(8)))[::2],
        "text",
        7,
        None,
    ],
)
def test_what_is_no_contiguous_buffer_is_a_type_error(buffer: object) -> None:
    with pytest.raises(TypeError):
        as_bytes_view(buffer)  # type: ignore[arg-type]


def test_an_empty_buffer_is_an_empty_view() -> None:
    assert len(as_bytes_view(b"")) == 0
    assert len(as_bytes_view(array("Q"))) == 0
