"""What makes a failing run large, and which of two is the simpler one."""

from types import ModuleType

from faults.failures.size import Case, cost, is_readable, measure
from faults.runs.run import Outcome
from faults.search.subject import find
from faults.simulation.tape import Draw, ReplayTape
from faults.simulation.trace import Trace


def outcome(*what: str, deviations: int = 0) -> Outcome:
    trace = Trace()
    for number, each in enumerate(what):
        trace.add(each, f"A{number}", "CancelledError" if each == "raise" else "")
    return Outcome("lost", "violation", [Draw("next", 2, 1)] * deviations, trace)


def test_a_case_reads_as_a_sentence() -> None:
    assert str(Case(2, 1, 0, 1, 9)) == "2 operations, 1 schedule deviation, 0 faults, 1 torn unit"
    assert str(Case(1, 0, 0, 0, 9, cancels=1)).endswith("0 torn units, 1 cancel")


def test_a_run_is_measured_by_what_happened_in_it(broken: ModuleType) -> None:
    benign = find("broken:Target").run(ReplayTape([]))
    assert measure(benign) == Case(1, 0, 0, 0, len(benign.draws))


def test_a_run_without_a_cancel_is_simpler_than_one_of_fewer_requests_with_it() -> None:
    assert cost(outcome("submit", "submit")) < cost(outcome("submit", "raise"))


def test_one_request_more_is_simpler_than_many_deviations() -> None:
    assert cost(outcome("submit", "submit", deviations=1)) < cost(outcome("submit", deviations=12))


def test_a_case_that_can_be_read_at_once_has_three_requests_and_two_deviations_at_most() -> None:
    assert is_readable(outcome(*["submit"] * 3, deviations=2))
    assert not is_readable(outcome(*["submit"] * 4))
    assert not is_readable(outcome("submit", deviations=3))
