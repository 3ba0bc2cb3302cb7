"""What commutes, case by case; a rule that said too much would hide bugs, so each refusal has its own line."""

import pytest

from faults.exhaustive.commute import Footprint, commute, commute_unqueued
from faults.simulation.plan import IO


def io(kind: str = "write", offset: int = 0, length: int = 512) -> IO:
    return IO(1, kind, offset, length, "data")


def end(kind: str = "write", offset: int = 0, length: int = 512, *, orders: bool = False) -> Footprint:
    return Footprint("end", io(kind, offset, length), orders=orders)


COMMUTE = {
    "ends of writes apart": (end(), end(offset=512)),
    "ends of reads of one place": (end("read"), end("read")),
    "end of a write, and a step that does nothing": (end(), Footprint()),
    "end of a write, and a step that issues a read": (end(), Footprint(issued=[io("read")])),
    "end of a write, and a step that looks elsewhere": (end(), Footprint(looks=[(512, 512)])),
    "end of a read, and a step that tells": (end("read"), Footprint(tells=True)),
    "a request comes, and a step": (Footprint("come"), Footprint(tells=True)),
    "two requests come": (Footprint("come"), Footprint("come")),
}
DO_NOT = {
    "two steps": (Footprint(), Footprint()),
    "ends of writes in one sector": (end(length=100), end(offset=200, length=100)),
    "ends of a write and a read that meet": (end(), end("read", 0, 1024)),
    "end of a flush, and anything": (end("flush", 0, 0, orders=True), Footprint()),
    "end of a write, and a step that issues a write anywhere": (end(), Footprint(issued=[io(offset=4096)])),
    "end of a write, and a step that issues a flush": (end(), Footprint(issued=[io("flush", 0, 0)])),
    "end of a write, and a step that looks there": (end(), Footprint(looks=[(0, 4096)])),
    "end of a write, and a step that tells": (end(), Footprint(tells=True)),
    "a cancel, and a step": (Footprint("cancel"), Footprint()),
    "a cancel, and the end of a read": (Footprint("cancel"), end("read")),
}


@pytest.mark.parametrize("case", COMMUTE)
def test_these_may_change_places(case: str) -> None:
    one, other = COMMUTE[case]
    assert commute(one, other)
    assert commute(other, one)


@pytest.mark.parametrize("case", DO_NOT)
def test_these_may_not(case: str) -> None:
    one, other = DO_NOT[case]
    assert not commute_unqueued(one, other)
    assert not commute_unqueued(other, one)


def test_in_a_queue_two_that_wake_somebody_may_not() -> None:
    one, other = Footprint("come", wakes=True), Footprint("end", io(), wakes=True)
    assert not commute(one, other)
    assert commute_unqueued(one, other)
    assert commute(one, Footprint("end", io()))
