"""What met what is counted from traces, and what never did is listed."""

import errno

import pytest

from faults.runs.run import run
from faults.runs.workload import Request
from faults.search.coverage import Cell, Coverage
from faults.simulation.plan import FINE, IO, Fate
from faults.simulation.tape import ExploringTape
from faults.simulation.trace import Trace
from faults.vdi import VDI


def counted(trace: Trace) -> Coverage:
    coverage = Coverage()
    coverage.count(trace)
    return coverage


@pytest.mark.parametrize(
    ("fate", "fault"), [(Fate(errno.EIO), "EIO"), (Fate(errno.ENOSPC), "ENOSPC"), (Fate(short=True), "short")]
)
def test_a_fault_is_counted_with_its_operation_and_phase(fate: Fate, fault: str) -> None:
    trace, io = Trace(), IO(1, "write", 0, 512, "bmap")
    trace.add("open", "x")
    trace.add("submit", Request("A0", "write"))
    trace.add("issue", io)
    trace.add("end", io, fate)
    assert counted(trace).cells == {Cell(fault, "write:bmap", "serving"): 1}


def test_the_phase_follows_the_requests() -> None:
    trace = Trace()
    trace.add("open", "x")
    for number, what in enumerate(["", "submit", "return"]):
        if what:
            trace.add(what, Request("A0", "read"))
        trace.add("issue", IO(number, "read", 0, 512, "data"))
    assert sorted(counted(trace).met) == [("read:data", phase) for phase in ("closing", "opening", "serving")]


def test_what_is_in_flight_meets_the_power_loss_and_what_has_ended_does_not() -> None:
    trace, ended = Trace(), IO(1, "write", 0, 512, "data")
    trace.add("open", "x")
    trace.add("issue", ended)
    trace.add("end", ended, FINE)
    trace.add("issue", IO(2, "flush", 0, 0, ""))
    trace.add("power", "x")
    assert counted(trace).cells == {Cell("power", "flush", "opening"): 1}


def test_a_cancel_is_counted_by_the_kind_of_its_request() -> None:
    trace = Trace()
    trace.add("submit", Request("A0", "flush"))
    trace.add("raise", Request("A0", "flush"), "CancelledError")
    assert counted(trace).cells == {Cell("cancel", "flush", "serving"): 1}


def test_what_could_have_been_and_was_not_is_missing() -> None:
    trace = Trace()
    trace.add("open", "x")
    trace.add("issue", IO(1, "flush", 0, 0, ""))
    trace.add("kill", "x")
    assert [str(cell) for cell in counted(trace).missing()] == [
        f"{fault} × flush × opening" for fault in ("EIO", "ENOSPC", "power")
    ]


def test_a_sum_counts_what_its_parts_do() -> None:
    parts = [counted(run(VDI(), ExploringTape(seed)).trace) for seed in range(6)]
    total = Coverage()
    for part in parts:
        total += part
    assert sum(total.met.values()) == sum(sum(part.met.values()) for part in parts)
    assert set(total.cells) == {cell for part in parts for cell in part.cells}
