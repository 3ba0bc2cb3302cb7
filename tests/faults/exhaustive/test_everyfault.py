"""Every fault of its kind for every I/O, none that would be another under a second name."""

import errno

from faults.exhaustive.everyfault import EveryFault, faults_of
from faults.exhaustive.explore import explore
from faults.runs.run import Outcome
from faults.simulation.plan import IO, Fate
from faults.simulation.tape import Tape


def io(kind: str, length: int = 512, *, fua: bool = False) -> IO:
    return IO(1, kind, 0, length, "data", fua)


def test_a_write_of_one_unit_is_neither_partial_nor_short() -> None:
    assert not any(fate.short or fate.effect == "some" for fate in faults_of(io("write")))
    assert any(fate.short for fate in faults_of(io("write", 1024)))
    assert any(fate.effect == "some" for fate in faults_of(io("write", 1024)))


def test_a_failed_flush_or_fua_write_may_lose_what_is_older() -> None:
    for each in (io("flush", 0), io("write", fua=True)):
        assert {fate.pages for fate in faults_of(each)} == {"retry_ok", "clean_new", "clean_old"}
    assert {fate.pages for fate in faults_of(io("write"))} == {"retry_ok"}


def test_every_fault_comes_at_every_io_and_no_two_in_one_run() -> None:
    seen: list[tuple[Fate, ...]] = []

    def attempt(tape: Tape) -> Outcome:
        plan = EveryFault(1, tape)
        seen.append(tuple(plan.fate(io(kind)) for kind in ("write", "read")))
        assert plan.injected == sum(bool(fate.errno) for fate in seen[-1])
        return Outcome(None)

    assert explore(attempt).verdict == "exhausted"
    fine = Fate()
    assert set(seen) == {
        (fine, fine),
        *((fate, fine) for fate in faults_of(io("write"))),
        *((fine, fate) for fate in faults_of(io("read"))),
    }
    assert Fate(errno.ENOSPC, "none") in {first for first, _ in seen}
