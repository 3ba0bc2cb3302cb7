"""The oracle allows what may be and nothing else: too little is a false alarm, too much is a missed bug."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from faults.judges.oracle import PARTIAL_WRITES_MAX, SECTOR, Oracle, Violation, describe

OLD, NEW, NEWER = b"o" * 512, b"n" * 512, b"r" * 512
ZEROS = bytes(512)


def oracle(content: bytes = b"") -> Oracle:
    """One sector, of which ``content`` is stable."""
    made = Oracle(512)
    if content:
        made.end_write(made.begin_write(0, content, "old"))
        made.end_flush(made.begin_flush(), succeeded=True)
    return made


def may_hold(made: Oracle, *contents: bytes) -> None:
    """Of the contents that are tried here, exactly these."""
    allowed = set()
    for content in {ZEROS, OLD, NEW, NEWER, *contents}:
        try:
            made.observe(content, "now")
        except Violation:
            continue
        allowed.add(content)
    assert allowed == set(contents)


def test_a_blank_disk_holds_zeros() -> None:
    may_hold(oracle(), ZEROS)


def test_after_an_acknowledged_write_there_is_one_value() -> None:
    made = oracle(OLD)
    made.end_write(made.begin_write(0, NEW, "new"))
    may_hold(made, NEW)


def test_after_a_failed_write_there_are_two() -> None:
    made = oracle(OLD)
    made.fail_write(made.begin_write(0, NEW, "new"))
    may_hold(made, OLD, NEW)


def test_a_write_that_is_acknowledged_ends_the_doubt() -> None:
    made = oracle(OLD)
    made.fail_write(made.begin_write(0, NEW, "new"))
    made.end_write(made.begin_write(0, NEWER, "newer"))
    may_hold(made, NEWER)


def test_of_two_writes_at_once_either_may_have_been_the_last() -> None:
    #   one    begins ───────────── ends
    #   other         begins ── ends
    made = oracle(OLD)
    one, other = made.begin_write(0, NEW, "new"), made.begin_write(0, NEWER, "newer")
    made.end_write(other)
    made.end_write(one)
    may_hold(made, NEW, NEWER)


def test_of_two_writes_one_after_the_other_the_second_is_the_last() -> None:
    made = oracle(OLD)
    made.end_write(made.begin_write(0, NEW, "new"))
    made.end_write(made.begin_write(0, NEWER, "newer"))
    may_hold(made, NEWER)


def test_writes_to_parts_of_a_sector_never_undo_each_other() -> None:
    made = oracle(OLD)
    one, other = made.begin_write(0, b"1" * 100, "one"), made.begin_write(100, b"2" * 412, "other")
    made.end_write(one)
    made.end_write(other)
    may_hold(made, b"1" * 100 + b"2" * 412)


def test_a_power_loss_leaves_what_is_stable_or_was_issued_since() -> None:
    made = oracle(OLD)
    made.end_write(made.begin_write(0, NEW, "new"))
    made.begin_write(0, NEWER, "newer")
    made.lose_power()
    may_hold(made, OLD, NEW, NEWER)


def test_a_flush_makes_stable_what_was_settled_when_it_began() -> None:
    made = oracle(OLD)
    made.end_write(made.begin_write(0, NEW, "new"))
    flush = made.begin_flush()
    made.end_write(made.begin_write(0, NEWER, "newer"))
    made.end_flush(flush, succeeded=True)
    made.lose_power()
    may_hold(made, NEW, NEWER)


def test_a_flush_that_failed_makes_nothing_stable() -> None:
    made = oracle(OLD)
    made.end_write(made.begin_write(0, NEW, "new"))
    made.end_flush(made.begin_flush(), succeeded=False)
    made.lose_power()
    may_hold(made, OLD, NEW)


def test_after_the_storage_lost_pages_a_reader_may_see_what_is_stable() -> None:
    made = oracle(OLD)
    made.end_write(made.begin_write(0, NEW, "new"))
    made.fail_flush()
    may_hold(made, OLD, NEW)


def test_a_write_under_way_may_land_on_what_a_failed_flush_left_and_be_stable_so() -> None:
    #   flush   begins ─────────────── fails, the page is what it was
    #   part             begins ─────────────────────────────────────── lands there
    made = oracle(OLD)
    made.end_write(made.begin_write(0, NEW, "new"))
    made.begin_write(0, b"p" * 100, "part")
    made.fail_flush()
    made.lose_power()
    on_old, on_new = b"p" * 100 + OLD[100:], b"p" * 100 + NEW[100:]
    may_hold(made, OLD, NEW, on_old, on_new)


def test_a_fua_write_is_stable_when_it_is_acknowledged() -> None:
    made = oracle(OLD)
    made.end_write(made.begin_write(0, NEW, "new", fua=True))
    made.lose_power()
    may_hold(made, NEW)


def test_a_fua_write_makes_no_other_stable() -> None:
    made = Oracle(1024)
    made.end_write(made.begin_write(512, NEW, "other"))
    made.end_write(made.begin_write(0, NEW, "new", fua=True))
    made.lose_power()
    made.observe(NEW + ZEROS, "one")
    made.observe(NEW + NEW, "both")


def test_a_killed_process_leaves_old_or_new_of_what_was_under_way() -> None:
    made = oracle(OLD)
    made.end_write(made.begin_write(0, NEW, "new"))
    made.begin_write(0, NEWER, "newer")
    made.kill()
    may_hold(made, NEW, NEWER)


def test_what_was_found_is_what_there_is() -> None:
    made = oracle(OLD)
    made.fail_write(made.begin_write(0, NEW, "new"))
    made.narrow(NEW, stable=True)
    may_hold(made, NEW)
    made.lose_power()
    may_hold(made, NEW)


# Reads


def test_a_read_sees_any_moment_between_its_beginning_and_its_end() -> None:
    for data in (OLD, NEW):
        made = oracle(OLD)
        read = made.begin_read(0, 512, "read")
        made.end_write(made.begin_write(0, NEW, "new"))
        made.end_read(read, data)


@pytest.mark.parametrize("data", [NEWER, ZEROS, NEW[:511], NEW + b"n", b""])
def test_a_read_of_anything_else_is_a_violation(data: bytes) -> None:
    made = oracle(OLD)
    made.end_write(made.begin_write(0, NEW, "new"))
    with pytest.raises(Violation, match="read"):
        made.end_read(made.begin_read(0, 512, "read"), data)


def test_a_read_that_begins_after_a_write_ended_does_not_see_what_was_before() -> None:
    made = oracle(OLD)
    made.end_write(made.begin_write(0, NEW, "new"))
    with pytest.raises(Violation, match="sector 0"):
        made.end_read(made.begin_read(0, 512, "read"), OLD)


def test_a_read_of_a_part_is_judged_by_that_part() -> None:
    made = Oracle(1024)
    made.end_write(made.begin_write(500, b"x" * 24, "x"))
    made.end_read(made.begin_read(498, 28, "read"), b"\0\0" + b"x" * 24 + b"\0\0")
    with pytest.raises(Violation):
        made.end_read(made.begin_read(498, 28, "read"), b"\0\0" + b"x" * 23 + b"\0\0\0")


def test_a_read_that_raised_is_not_judged() -> None:
    made = oracle(OLD)
    made.end_read(made.begin_read(0, 512, "read"), None)


# Against a disk that is right: the oracle never raises


class Disk:
    """A disk of two sectors whose writes take effect at a moment of the test's choosing."""

    def __init__(self) -> None:
        self.content = bytearray(1024)
        self.flying: list[list[Any]] = []


@given(st.data())
def test_a_disk_that_is_right_is_never_accused(data: st.DataObject) -> None:
    made, disk = Oracle(1024), Disk()
    parts = 0
    for number in range(data.draw(st.integers(1, 14))):
        what = data.draw(st.sampled_from(["begin", "effect", "end", "fail", "read", "settle"]))
        if what == "begin":
            whole = parts >= PARTIAL_WRITES_MAX or data.draw(st.booleans())
            parts += not whole
            offset, length = (512, 512) if whole else (data.draw(st.integers(0, 600)), data.draw(st.integers(1, 400)))
            payload = bytes([65 + number]) * length
            disk.flying.append([made.begin_write(offset, payload, f"write {number}"), False])
        elif what in ("effect", "end", "fail") and disk.flying:
            flying = disk.flying[data.draw(st.integers(0, len(disk.flying) - 1))]
            write, has_landed = flying
            if not has_landed and (what != "fail" or data.draw(st.booleans())):
                disk.content[write.offset : write.offset + len(write.data)] = write.data
                flying[1] = True
            if what == "end":
                made.end_write(write)
            elif what == "fail":
                made.fail_write(write)
            if what != "effect":
                disk.flying.remove(flying)
        elif what == "read":
            made.end_read(made.begin_read(0, 1024, "read"), bytes(disk.content))
        elif not disk.flying:
            made.observe(bytes(disk.content), "at rest")


def test_a_value_says_whose_it_is() -> None:
    assert describe(bytes(9)) == "zeros"
    assert describe(b"A0 in sector 3;......") == "A0 in sector 3"
    assert describe(b"\xff" * 20) == "20 bytes " + "ff" * 16 + "…"


def test_what_the_host_has_given_up_may_go_back_long_after() -> None:
    """Nobody writes such a page: it is seen by later sessions, and no flush of theirs saves it."""
    oracle = Oracle(4 * SECTOR)
    write = oracle.begin_write(0, bytes([1]) * SECTOR, "A0")
    oracle.fail_flush()
    oracle.fail_write(write)
    oracle.kill()
    seen = bytes([1]) * SECTOR + bytes(3 * SECTOR)
    oracle.observe(seen, "after the kill")
    oracle.narrow(seen, stable=False)
    oracle.end_flush(oracle.begin_flush(), succeeded=True)
    oracle.narrow(seen, stable=False)
    oracle.lose_power()
    oracle.observe(bytes(4 * SECTOR), "after the power loss")


def test_a_write_over_what_was_given_up_is_saved_by_the_next_flush() -> None:
    oracle = Oracle(SECTOR)
    oracle.fail_write(oracle.begin_write(0, bytes([1]) * SECTOR, "A0"))
    oracle.fail_flush()
    oracle.tell_of_flush()
    assert oracle.gave_up
    oracle.end_write(oracle.begin_write(0, bytes([2]) * SECTOR, "A1"))
    assert not oracle.gave_up
    oracle.end_flush(oracle.begin_flush(), succeeded=True)
    oracle.lose_power()
    with pytest.raises(Violation):
        oracle.observe(bytes(SECTOR), "after the power loss")


def test_a_flush_after_a_failed_one_of_a_disk_that_should_have_stopped_must_have_lost_nothing() -> None:
    def told(*, stops: bool) -> Oracle:
        oracle = Oracle(512)
        oracle.stops = stops
        oracle.end_write(oracle.begin_write(0, b"A" * 512, "A"))
        oracle.fail_flush()
        oracle.observe(bytes(512), "a reader")
        oracle.end_flush(oracle.begin_flush(), succeeded=True)
        oracle.lose_power()
        return oracle

    told(stops=False).observe(bytes(512), "after power loss")
    with pytest.raises(Violation):
        told(stops=True).observe(bytes(512), "after power loss")


def test_after_a_reopen_nothing_is_asked_of_what_was_lost() -> None:
    oracle = Oracle(512)
    oracle.stops = True
    oracle.end_write(oracle.begin_write(0, b"A" * 512, "A"))
    oracle.fail_flush()
    oracle.kill()
    oracle.end_flush(oracle.begin_flush(), succeeded=True)
    oracle.lose_power()
    oracle.observe(bytes(512), "after power loss")


def test_what_is_acknowledged_before_the_driver_can_know_of_a_failed_flush_is_in_doubt() -> None:
    """It has failed, and took the way to the block back; its task has not stepped; a new write is acknowledged."""
    oracle = Oracle(SECTOR)
    oracle.fail_flush()
    oracle.end_write(oracle.begin_write(0, bytes([1]) * SECTOR, "A0"))
    oracle.kill()
    oracle.observe(bytes(SECTOR), "after the kill")
    oracle.tell_of_flush()
    oracle.end_write(oracle.begin_write(0, bytes([2]) * SECTOR, "A1"))
    with pytest.raises(Violation):
        oracle.observe(bytes(SECTOR), "after a write that came later")


def read(made: Oracle, content: bytes) -> None:
    made.end_read(made.begin_read(0, SECTOR, "a read"), content)


def test_what_was_read_stays_until_something_newer_is_written() -> None:
    #   write fails (old or new) ── read: old ── read: new?
    made = oracle(OLD)
    made.fail_write(made.begin_write(0, NEW, "new"))
    read(made, OLD)
    read(made, OLD)
    with pytest.raises(Violation, match="no write since the last read"):
        read(made, NEW)
    made.end_write(made.begin_write(0, NEW, "new again"))
    read(made, NEW)


def test_a_read_beside_a_write_says_nothing_of_the_next() -> None:
    #   write  begins ───────────────── fails
    #   read        ── old ──  ── new ──
    made = oracle(OLD)
    write = made.begin_write(0, NEW, "new")
    read(made, OLD)
    read(made, NEW)
    made.fail_write(write)
    read(made, OLD)


def test_a_read_narrows_nothing_for_a_crash_before_a_flush() -> None:
    made = oracle(OLD)
    made.fail_write(made.begin_write(0, NEW, "new"))
    read(made, OLD)
    made.kill()
    may_hold(made, OLD, NEW)


def test_what_was_read_after_a_flush_is_what_a_power_loss_leaves() -> None:
    #   write fails (old or new) ── flush ── read: old ── power loss: new?
    made = oracle(OLD)
    made.fail_write(made.begin_write(0, NEW, "new"))
    made.end_flush(made.begin_flush(), succeeded=True)
    read(made, OLD)
    made.lose_power()
    may_hold(made, OLD)


def test_a_flush_that_began_before_the_write_ended_settles_nothing_of_it() -> None:
    #   write  begins ───────────── fails
    #   flush            begins ─────────── ends
    made = oracle(OLD)
    write = made.begin_write(0, NEW, "new")
    flush = made.begin_flush()
    made.fail_write(write)
    made.end_flush(flush, succeeded=True)
    read(made, OLD)
    made.lose_power()
    may_hold(made, OLD, NEW)


def test_what_the_host_gave_up_may_be_read_otherwise_the_next_time() -> None:
    made = oracle(OLD)
    made.end_write(made.begin_write(0, NEW, "new"))
    read(made, NEW)
    made.fail_flush()
    read(made, OLD)


def test_what_begins_between_a_failed_flush_and_its_report_may_have_lost_the_way_to_it() -> None:
    #   storage: flush fails (its pages stay readable) ─────────────── the driver is told
    #   write                                           begins … fails    its data landed, its entry is given up
    made = oracle(OLD)
    made.fail_flush()
    write = made.begin_write(0, NEW, "new")
    made.tell_of_flush()
    made.fail_write(write)
    made.kill()
    made.observe(NEW, "after a kill")
    made.narrow(NEW, stable=False)
    may_hold(made, OLD, NEW)
