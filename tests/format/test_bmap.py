"""Entries in both byte orders, FREE runs passed over, and the set of slots against a plain set."""

import itertools
import sys
import tracemalloc
from array import array

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiovdi.format import bmap
from aiovdi.format.bmap import FREE, ZERO, SlotSet
from aiovdi.units import BlockIndex, Slot

ENTRIES = st.lists(st.sampled_from([FREE, ZERO, 0, 1, ZERO - 1]) | st.integers(0, FREE), max_size=300)


def little(entries: list[int]) -> bytes:
    return b"".join(entry.to_bytes(4, "little") for entry in entries)


@given(ENTRIES)
def test_entries_are_little_endian_u32(entries: list[int]) -> None:
    assert bmap.encode(entries) == little(entries)
    assert bmap.decode(little(entries)).tolist() == entries


def test_a_host_of_the_other_byte_order_swaps_on_both_ways(monkeypatch: pytest.MonkeyPatch) -> None:
    # Told that it is what it is not, the code must produce exactly the reversed bytes.
    monkeypatch.setattr(bmap, "_SWAP", sys.byteorder == "little")
    assert bmap.encode([1, ZERO]) == b"\0\0\0\1\xff\xff\xff\xfe"
    assert bmap.decode(b"\0\0\0\1\xff\xff\xff\xfe").tolist() == [1, ZERO]
    assert bmap.decode(memoryview(bytearray(b"\0\0\0\1"))).tolist() == [1]


def test_decode_copies_nothing_and_shows_later_changes() -> None:
    raw = bytearray(little([FREE, 7]))
    entries = bmap.decode(raw)
    raw[0:4] = little([3])
    assert entries.tolist() == ([3, 7] if sys.byteorder == "little" else [FREE, 7])


def test_anything_with_a_buffer_is_a_chunk() -> None:
    entries = array("I", [FREE] * 4)
    assert bmap.is_all_free(entries)
    assert bmap.count_zero(memoryview(entries)) == 0


@pytest.mark.parametrize("length", [0, 4, 4096, 64 << 10, (64 << 10) + 4, 200 << 10])
def test_all_free_is_seen_at_any_length_and_one_bit_is_not_overlooked(length: int) -> None:
    chunk = bytearray(bmap.free_bytes(length))
    assert len(chunk) == length
    assert bmap.is_all_free(chunk)
    for at in {0, length // 2, length - 1} if length else set():
        chunk[at] ^= 1
        assert not bmap.is_all_free(chunk)
        chunk[at] ^= 1


@given(ENTRIES)
def test_zero_entries_are_counted(entries: list[int]) -> None:
    assert bmap.count_zero(little(entries)) == entries.count(ZERO)


def test_bytes_that_look_like_zero_across_two_entries_are_none() -> None:
    assert bmap.count_zero(b"\0\0\xfe\xff\xff\xff\0\0") == 0


@given(ENTRIES, st.integers(0, 1 << 29))
def test_mapped_entries_are_those_below_zero_with_their_blocks(entries: list[int], first: int) -> None:
    expected = [(first + at, entry) for at, entry in enumerate(entries) if entry < ZERO]
    assert list(bmap.mapped_entries(little(entries), BlockIndex(first))) == expected


@given(st.dictionaries(st.integers(0, 99_999), st.integers(0, ZERO - 1) | st.just(ZERO), max_size=30))
def test_entries_far_apart_in_a_free_map_are_all_found(entries: dict[int, int]) -> None:
    raw = bytearray(bmap.free_bytes(400_000))
    for block, entry in entries.items():
        raw[4 * block : 4 * block + 4] = entry.to_bytes(4, "little")
    expected = sorted((block, slot) for block, slot in entries.items() if slot != ZERO)
    assert list(bmap.mapped_entries(raw, BlockIndex(0))) == expected


SLOTS = st.integers(0, 1500) | st.integers(0, ZERO - 1)
CHANGES = st.lists(st.tuples(st.booleans(), SLOTS), max_size=60)


def filled(changes: list[tuple[bool, int]]) -> tuple[SlotSet, set[int]]:
    """A SlotSet and the plain set that it must equal, after the same additions and removals."""
    slots, plain = SlotSet(), set[int]()
    for is_add, slot in changes:
        if is_add:
            assert slots.add(Slot(slot)) == (slot not in plain)
            plain.add(slot)
        else:
            slots.discard(Slot(slot))
            plain.discard(slot)
        assert slots.highest() == max(plain, default=None)
    return slots, plain


@given(CHANGES, st.lists(SLOTS))
def test_a_slot_set_is_a_set(changes: list[tuple[bool, int]], probes: list[int]) -> None:
    slots, plain = filled(changes)
    assert len(slots) == len(plain)
    assert all((Slot(slot) in slots) == (slot in plain) for slot in [*plain, *probes])


@given(CHANGES, SLOTS | st.just(1 << 40))
def test_gaps_and_what_is_present_make_up_everything_below_the_stop(changes: list[tuple[bool, int]], stop: int) -> None:
    slots, plain = filled(changes)
    gaps = list(slots.gaps(Slot(stop)))
    below = sorted(slot for slot in plain if slot < stop)
    assert all(first < end <= stop for first, end in gaps)
    assert all(end < first for (_, end), (first, _) in itertools.pairwise(gaps)), "neighbours are merged"
    assert sum(end - first for first, end in gaps) + len(below) == stop
    assert not any(first <= slot < end for first, end in gaps for slot in below)


@given(st.integers(0, 2000), st.integers(1, 2000))
def test_one_dense_run_leaves_a_gap_before_and_one_after(first: int, length: int) -> None:
    slots = SlotSet()
    for slot in range(first, first + length):
        slots.add(Slot(slot))
    before = [(0, first)] if first else []
    assert list(slots.gaps(Slot(1 << 40))) == [*before, (first + length, 1 << 40)]


def test_gaps_are_lazy_and_a_set_that_grows_meanwhile_does_no_harm() -> None:
    slots = SlotSet()
    slots.add(Slot(1 << 30))
    gaps = slots.gaps(Slot(1 << 40))
    assert next(gaps) == (0, 1 << 30)
    slots.add(Slot(5))
    slots.discard(Slot(1 << 30))
    assert next(gaps) == ((1 << 30) + 1, 1 << 40)
    assert next(gaps, None) is None


def test_an_empty_set_has_no_highest_slot_and_one_gap() -> None:
    assert SlotSet().highest() is None
    assert list(SlotSet().gaps(Slot(3))) == [(0, 3)]
    assert list(SlotSet().gaps(Slot(0))) == []


def test_a_million_slots_in_a_row_take_less_than_a_quarter_of_their_entries_in_the_map() -> None:
    tracemalloc.start()
    slots = SlotSet()
    for slot in range(1 << 20):
        slots.add(Slot(slot))
    size, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(slots) == 1 << 20
    assert size < 1 << 20
