"""What the records say about each sector. A time line is one letter a record: s submitted, r returned, x raised."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiovdi.demo.ledger import RECORD, Event, Kind, Ledger, Record, content, name_in
from aiovdi.units import SECTOR, MiB


def told(story: str, *, kinds: dict[int, Kind] | None = None, offset: int = 0, length: int = SECTOR) -> Ledger:
    """``told("s1 s2 r1")``: requests of one range, writes where ``kinds`` says nothing else."""
    ledger = Ledger()
    events = {"s": Event.SUBMITTED, "r": Event.RETURNED, "x": Event.RAISED}
    for word in story.split():
        number = int(word[1:])
        kind = (kinds or {}).get(number, Kind.WRITE)
        ledger.take(Record(events[word[0]], kind, number, offset, length))
    return ledger


@pytest.mark.parametrize(
    ("story", "before", "numbers"),
    [
        ("", True, []),
        ("s1", True, [1]),  # under way: old or new
        ("s1 r1", False, [1]),
        ("s1 r1 s2", False, [1, 2]),
        ("s1 r1 s2 r2", False, [2]),  # 2 began after 1 had ended
        ("s1 s2 r1 r2", False, [1, 2]),  # they overlapped: either was the last
        ("s1 s2 r2 r1", False, [1, 2]),
        ("s1 s2 r2", False, [1, 2]),  # 1 may still land
        ("s1 s2 r1 s3 r3", False, [2, 3]),
        ("s1 x1", True, [1]),  # it failed: old or new
        ("s1 x1 s2 r2", False, [2]),  # nothing of a failed write lands later
        ("s1 s2 x1 r2", False, [1, 2]),
    ],
)
def test_a_sector_may_hold_what_may_have_come_last(story: str, before: bool, numbers: list[int]) -> None:
    allowed = told(story).allowed(0)
    assert (allowed.before, [each.number for each in allowed.requests]) == (before, numbers)


def test_reads_and_flushes_allow_nothing_new() -> None:
    ledger = told("s1 r1 s2 r2", kinds={1: Kind.READ, 2: Kind.FLUSH})
    assert ledger.sectors == []
    assert ledger.allowed(0) == (True, [])


@pytest.mark.parametrize(
    ("story", "is_stable"),
    [
        ("s1 r1 s9 r9", True),
        ("s1 r1 s9", False),  # the flush has not returned
        ("s1 s9 r1 r9", False),  # the write ended after the flush began
        ("s9 r9 s1 r1", False),
        ("s1 r1 s9 x9", False),
        ("s1 x1 s9 r9", False),
    ],
)
def test_a_flush_vouches_for_what_returned_before_it_began(story: str, is_stable: bool) -> None:
    ledger = told(story, kinds={9: Kind.FLUSH})
    assert ledger.is_stable(ledger.requests[1]) is is_stable


def test_fua_vouches_for_itself_alone() -> None:
    ledger = told("s1 r1 s2 r2", kinds={2: Kind.WRITE_FUA})
    assert [ledger.is_stable(each) for each in ledger.requests.values()] == [False, True]


def test_an_allocating_write_is_one_to_a_block_that_no_returned_write_has_reached() -> None:
    ledger = Ledger(block_size=MiB, mapped={0})

    def write(event: Event, number: int, block: int) -> None:
        ledger.take(Record(event, Kind.WRITE, number, block * MiB, SECTOR))

    write(Event.SUBMITTED, 1, 0)  # mapped before
    write(Event.SUBMITTED, 2, 1)
    write(Event.RETURNED, 2, 1)
    write(Event.SUBMITTED, 3, 1)  # 2 was there first
    write(Event.SUBMITTED, 4, 2)
    ledger.take(Record(Event.SUBMITTED, Kind.WRITE_ZEROES, 5, 3 * MiB, SECTOR))  # zeros need no slot
    ledger.take(Record(Event.SUBMITTED, Kind.WRITE, 6, 4 * MiB - SECTOR, 2 * SECTOR))  # two blocks
    assert {each.number: blocks for each, blocks in ledger.allocating().items()} == {4: {2}, 6: {3, 4}}


@given(st.sampled_from(Event), st.sampled_from(Kind), *[st.integers(0, 2**64 - 1)] * 3)
def test_a_record_survives_the_pipe(event: Event, kind: Kind, number: int, offset: int, length: int) -> None:
    record = Record(event, kind, number, offset, length)
    assert len(record.pack()) == RECORD.size == 32
    assert Record.unpack(record.pack()) == record


@given(number=st.integers(1, 2**64 - 1), sector=st.integers(0, 2**40), count=st.integers(1, 4))
def test_every_sector_spells_its_place_and_its_write(number: int, sector: int, count: int) -> None:
    data = content(number, sector * SECTOR, count * SECTOR)
    assert len(data) == count * SECTOR
    for index in range(count):
        assert name_in(data[index * SECTOR : (index + 1) * SECTOR]) == ((sector + index) * SECTOR, number)


def test_a_sector_of_two_writes_or_of_something_else_spells_nothing() -> None:
    torn = content(1, 0, SECTOR)[:256] + content(2, 0, SECTOR)[256:]
    for sector in (torn, bytes(SECTOR), b"\xaa" * SECTOR):
        assert name_in(sector) is None


def test_zeroes_and_discards_leave_zeros() -> None:
    ledger = told("s1 s2", kinds={1: Kind.WRITE_ZEROES, 2: Kind.DISCARD})
    assert {each.content(0) for each in ledger.requests.values()} == {bytes(SECTOR)}
