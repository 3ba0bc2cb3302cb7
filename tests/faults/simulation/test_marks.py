"""A letter stands where the code has marked a step, and nothing else is changed by a mark."""

from types import SimpleNamespace

from faults.failures.report import timeline
from faults.runs.run import Outcome
from faults.simulation.marks import Mark, mark
from faults.simulation.trace import Trace, acting


def told(trace: Trace) -> list[str]:
    return [str(step) for step in timeline(Outcome(None, trace=trace))]


def test_a_mark_names_the_last_step_of_the_client_that_acts_or_one_before_or_one_to_come() -> None:
    trace = Trace()
    storage = SimpleNamespace(_trace=trace)
    for who in ("A0", "B0"):
        acting.set(who)
        trace.add("submit", f"{who} write")
    mark(storage, "X1", of="return")
    mark(storage, "X2", "does what nobody sees")
    mark(storage, "X3")
    mark(storage, "X4", of="submit")
    acting.set("A0")
    trace.add("return", "A0 write")
    acting.set("B0")
    trace.add("return", "B0 write")
    assert told(trace) == [
        "A1 asks: write",
        "B1 [X4] asks: write",
        "B2 [X2 X3] does what nobody sees",
        "A2 is told: done",
        "B3 [X1] is told: done",
    ]


def test_a_power_loss_can_be_named_before_it_comes() -> None:
    trace = Trace()
    acting.set("A0")
    trace.add("submit", "A0 flush")
    mark(SimpleNamespace(_trace=trace), "Z", of="power")
    acting.set("")
    trace.add("power", "the host lost power")
    assert told(trace)[-1] == "· [Z] power is lost (the host lost power)"


def test_a_storage_without_a_trace_is_left_alone() -> None:
    storage = SimpleNamespace()
    mark(storage, "O1")
    assert vars(storage) == {}


def test_a_mark_reads_the_same_in_every_process() -> None:
    assert str(Mark("O3", of="issue")) == "O3 issue"
    assert str(Mark("O2", "sets entry 0")) == "O2 sets entry 0"
