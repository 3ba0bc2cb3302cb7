"""Each kind of finding alone, made by one fault; and all of them against an oracle of plain sets."""

from collections import Counter
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiovdi.format.audit import Audit, Finding, FindingKind, Severity
from aiovdi.format.bmap import FREE, ZERO, encode
from aiovdi.format.header import Header, parse
from aiovdi.units import BlockIndex, MiB

Build = Callable[..., bytes]
Kind = FindingKind
DATA = 1024


def audit(header: Header, entries: list[int], file_size: int, *, chunk: int = 1 << 20, kept_max: int = 1000) -> Audit:
    """An audit that has seen all of ``entries``, followed by FREE ones, ``chunk`` entries at a time."""
    entries = entries + [FREE] * (header.block_count - len(entries))
    judged = Audit(header, file_size, kept_max=kept_max)
    for first in range(0, len(entries), chunk):
        judged.feed(BlockIndex(first), encode(entries[first : first + chunk]))
    return judged


@pytest.fixture
def check(v1: Build) -> Callable[..., list[Finding]]:
    """``check(entries, count, slots)``: findings in 16 blocks, the file holding ``slots`` and ``tail`` bytes."""

    def run(entries: list[int], count: int, slots: int, tail: int = 0, **fields: object) -> list[Finding]:
        header = parse(v1(blocks_allocated=count, **fields))
        return audit(header, entries, DATA + slots * header.slot_stride + tail).findings()

    return run


Check = Callable[..., list[Finding]]


@pytest.mark.parametrize(
    ("entries", "count", "slots"),
    [([], 0, 0), ([2, FREE, ZERO, 1, 0], 3, 3), (list(range(16)), 16, 16), ([ZERO] * 16, 0, 0)],
)
def test_a_sound_image_has_no_finding(check: Check, entries: list[int], count: int, slots: int) -> None:
    assert check(entries, count, slots) == []


def test_a_slot_that_no_image_of_this_size_needs_is_out_of_range_and_nothing_else(check: Check) -> None:
    (finding,) = check([0, 100], 1, 1)
    assert finding.kind is Kind.OUT_OF_RANGE
    assert (finding.block, finding.slot, finding.found, finding.expected) == (1, 100, 100, "below 16")
    assert finding.offset == 512 + 4
    assert finding.severity is Severity.CORRUPTION


def test_bytes_up_to_an_out_of_range_slot_in_the_file_are_not_called_trailing(check: Check) -> None:
    # Block 1 can be read there: cutting the file back to slot 0 would lose it.
    (finding,) = check([0, 20], 1, 21)
    assert finding.kind is Kind.OUT_OF_RANGE


def test_of_two_owners_the_later_one_is_the_duplicate(check: Check) -> None:
    (finding,) = check([0, 1, FREE, 0], 2, 2)
    assert (finding.kind, finding.block, finding.slot) == (Kind.DUPLICATE, 3, 0)
    assert str(finding) == "corruption: block 3 names slot 0, which an earlier block owns"


def test_a_wild_entry_past_the_end_of_the_file_does_not_make_the_count_look_low(check: Check) -> None:
    (finding,) = check([0, 9], 1, 1)
    assert (finding.kind, finding.block, finding.slot) == (Kind.PAST_END, 1, 9)


def test_a_file_that_was_cut_is_one_finding_however_many_blocks_are_gone(check: Check) -> None:
    (finding,) = check([5, 4, 3, 2, 1, 0], 6, 2, tail=512)
    assert finding.kind is Kind.SHORT_FILE
    assert (finding.block, finding.slot, finding.count) == (0, 5, 4)
    assert (finding.found, finding.expected) == (DATA + 2 * MiB + 512, DATA + 6 * MiB)


def test_a_file_that_ends_inside_its_header_padding_is_short_too(v1: Build) -> None:
    (finding,) = audit(parse(v1(blocks_allocated=1)), [0], 600).findings()
    assert (finding.kind, finding.count) == (Kind.SHORT_FILE, 1)


def test_only_what_the_disk_shows_of_its_last_block_must_be_in_the_file(check: Check) -> None:
    short = MiB - 9728
    assert check([0], 1, 1, tail=-short, disk_size=9728, block_count=1) == []
    (finding,) = check([0], 1, 1, tail=-short - 1, disk_size=9728, block_count=1)
    assert finding.kind is Kind.SHORT_FILE


def test_a_count_at_the_highest_slot_is_low_and_the_next_writer_would_overwrite_it(check: Check) -> None:
    (finding,) = check([1, 0], 1, 2)
    assert finding.kind is Kind.COUNT_LOW
    assert (finding.found, finding.expected, finding.offset) == (1, 2, 0x184)
    assert finding.severity is Severity.CORRUPTION


def test_a_count_above_both_the_map_and_the_file_is_high(check: Check) -> None:
    (finding,) = check([0, 1], 5, 2)
    assert finding.kind is Kind.COUNT_HIGH
    assert (finding.found, finding.expected) == (5, 2)
    assert finding.severity is Severity.LEAK


def test_counted_slots_that_the_file_holds_and_nobody_owns_are_leaked_run_by_run(check: Check) -> None:
    runs = check([1, 4], 7, 7)
    assert [(run.kind, run.slot, run.count, run.offset) for run in runs] == [
        (Kind.LEAKED, 0, 1, DATA),
        (Kind.LEAKED, 2, 2, DATA + 2 * MiB),
        (Kind.LEAKED, 5, 2, DATA + 5 * MiB),
    ]


def test_a_file_that_goes_on_after_the_last_slot_has_trailing_bytes(check: Check) -> None:
    (finding,) = check([0], 1, 3, tail=5)
    assert finding.kind is Kind.TRAILING
    assert (finding.offset, finding.count) == (DATA + MiB, 2 * MiB + 5)


@pytest.mark.parametrize(
    ("fields", "kind", "offset"),
    [
        ({"uuid_create": bytes(16)}, Kind.BAD_UUID, 0x188),
        ({"uuid_modify": bytes(16)}, Kind.BAD_UUID, 0x198),
        ({"uuid_parent": bytes([1] * 16)}, Kind.BAD_UUID, 0x1A8),
        ({"disk_size": 16 * MiB - 1}, Kind.UNALIGNED_SIZE, 0x170),
        ({"disk_size": 16 * MiB + 512}, Kind.ROUNDED_DOWN, 0x180),
    ],
    ids=str,
)
def test_a_fault_of_the_header_is_one_finding_at_its_field(
    check: Check, fields: dict[str, object], kind: FindingKind, offset: int
) -> None:
    (finding,) = check([], 0, 0, **fields)
    assert (finding.kind, finding.offset) == (kind, offset)


def test_a_parent_of_a_differencing_image_is_no_fault(check: Check) -> None:
    assert check([], 0, 0, image_type=4, uuid_parent=bytes([1] * 16)) == []


def test_extra_bytes_count_into_every_offset(check: Check) -> None:
    assert check([0, 1, 2], 3, 3, block_extra=512) == []
    (finding,) = check([0, FREE, 2], 3, 3, block_extra=512)
    assert (finding.kind, finding.slot, finding.offset) == (Kind.LEAKED, 1, DATA + MiB + 512)


def test_version_0_2_is_audited_by_its_own_offsets(v0: Build) -> None:
    header = parse(v0())
    assert audit(header, [0], 436 + MiB).findings() == []
    (finding,) = audit(header, [0, 1], 436 + 2 * MiB).findings()
    assert (finding.kind, finding.offset) == (Kind.COUNT_LOW, 0x170)


def test_counters_tell_what_the_map_holds(v1: Build) -> None:
    judged = audit(parse(v1(blocks_allocated=5)), [0, 1, ZERO, 2, FREE, 4, 3], DATA + 5 * MiB)
    assert judged.findings() == []
    assert (judged.allocated, judged.zero, judged.total, judged.fragmented) == (5, 1, 16, 2)
    assert judged.image_end_offset == DATA + 5 * MiB


def test_of_many_findings_of_a_kind_the_first_are_kept_and_all_are_counted(v1: Build) -> None:
    judged = audit(parse(v1(blocks_allocated=1)), [0] * 10 + [99] * 6, DATA + MiB, kept_max=2)
    assert [(finding.kind, finding.block) for finding in judged.findings()] == [
        (Kind.DUPLICATE, 1),
        (Kind.DUPLICATE, 2),
        (Kind.OUT_OF_RANGE, 10),
        (Kind.OUT_OF_RANGE, 11),
    ]
    assert judged.totals == {Kind.DUPLICATE: 9, Kind.OUT_OF_RANGE: 6}


def test_findings_can_be_asked_for_again(v1: Build) -> None:
    judged = audit(parse(v1(blocks_allocated=1)), [1, 0], DATA + 2 * MiB)
    assert judged.findings() == judged.findings()
    assert judged.totals.total() == 1


def test_half_a_map_proves_nothing_so_no_findings_are_given(v1: Build) -> None:
    judged = Audit(parse(v1()), DATA)
    judged.feed(BlockIndex(0), encode([FREE] * 8))
    with pytest.raises(AssertionError, match="whole bmap"):
        judged.findings()
    with pytest.raises(AssertionError, match="in order"):
        judged.feed(BlockIndex(9), encode([FREE]))
    with pytest.raises(AssertionError, match="more entries"):
        judged.feed(BlockIndex(8), encode([FREE] * 9))


# The oracle states the definitions once more, over plain sets and without a thought for memory.


def expected_facts(header: Header, entries: list[int], file_size: int) -> Counter[tuple[str, int | None, int | None]]:
    """Every finding as (label, block or slot, count), for 16 whole blocks and a valid header."""
    count, stride, total = header.blocks_allocated, header.slot_stride, header.block_count
    facts: Counter[tuple[str, int | None, int | None]] = Counter()
    owner: dict[int, int] = {}
    cut = []
    stray_end = 0
    for block, slot in enumerate(entries):
        if slot >= ZERO:
            continue
        whole = DATA + (slot + 1) * stride <= file_size
        if slot >= total:
            facts["out-of-range", block, 1] += 1
            stray_end = max(stray_end, slot + 1 if whole else 0)
        elif slot in owner:
            facts["duplicate", block, 1] += 1
        elif not whole and slot >= count:
            facts["past-end", block, 1] += 1
        else:
            owner[slot] = block
            if not whole:
                cut.append(block)
    if cut:
        facts["short-file", cut[0], len(cut)] += 1
    used = max(owner, default=-1) + 1
    held = {slot for slot in range(200) if DATA + (slot + 1) * stride <= file_size}
    if count < used:
        facts["count-low", None, 1] += 1
    if count > used and count > len(held):
        facts["count-high", None, 1] += 1
    lost = {slot for slot in held if slot < max(count, used)} - owner.keys()
    for first in lost - {slot + 1 for slot in lost}:
        end = next(slot for slot in range(first, 201) if slot not in lost)
        facts["leaked", first, end - first] += 1
    surplus = file_size - (DATA + max(count, used, stray_end) * stride)
    if surplus > 0:
        facts["trailing", None, surplus] += 1
    return facts


@given(
    st.lists(st.sampled_from([FREE, ZERO]) | st.integers(0, 18), min_size=16, max_size=16),
    st.integers(0, 16),
    st.integers(600, DATA + 20 * 4096) | st.integers(0, 20).map(lambda slots: DATA + slots * 4096),
    st.integers(1, 16),
)
def test_any_map_count_and_length_give_exactly_the_findings_of_the_definitions(
    v1: Build, entries: list[int], count: int, file_size: int, chunk: int
) -> None:
    header = parse(v1(block_size=4096, disk_size=16 * 4096, blocks_allocated=count))
    found = audit(header, entries, file_size, chunk=chunk).findings()
    facts = Counter((one.kind.label, one.slot if one.kind is Kind.LEAKED else one.block, one.count) for one in found)
    assert facts == expected_facts(header, entries, file_size)


@given(st.permutations(range(16)), st.integers(0, 16), st.data())
def test_whatever_a_sound_writer_leaves_has_no_finding(
    v1: Build, order: list[int], count: int, data: st.DataObject
) -> None:
    # A sound writer hands out slots 0, 1, 2 … to blocks in any order.
    entries = [data.draw(st.sampled_from([FREE, ZERO])) for _ in range(16)]
    for slot, block in enumerate(order[:count]):
        entries[block] = slot
    header = parse(v1(blocks_allocated=count))
    judged = audit(header, entries, DATA + count * MiB)
    assert judged.findings() == []
    assert judged.allocated == count
    assert judged.zero == entries.count(ZERO)
