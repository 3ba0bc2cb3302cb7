"""How small a failure becomes: for every planted bug the minimum is known, and it is reached from any failing run."""

from itertools import islice
from types import ModuleType

import pytest

from faults.failures.shrink import Case, shrink
from faults.runs.story import Sim
from faults.search.subject import Subject, find, of
from faults.simulation.tape import ReplayTape
from tests.faults.failing import failures, first_failure


def smallest(subject: Subject, number: int = 4) -> list[Case]:
    found = islice(failures(subject), number)
    return [shrink(subject.run, outcome.draws, outcome.kind).case for outcome in found]


def test_a_write_whose_error_is_swallowed_takes_one_operation_and_one_fault(broken: ModuleType) -> None:
    for case in smallest(find("broken:SwallowsErrorsTarget")):
        assert (case.operations, case.deviations, case.faults, case.torn) == (1, 0, 1, 0)


def test_a_short_write_that_is_not_resumed_takes_one_operation_and_one_fault(broken: ModuleType) -> None:
    for case in smallest(find("broken:StopsShortTarget")):
        assert (case.operations, case.deviations, case.faults, case.torn) == (1, 0, 1, 0)


def test_a_race_takes_no_fault_and_two_operations_as_a_rule(broken: ModuleType) -> None:
    cases = smallest(find("broken:MergesInMemoryTarget"))
    for case in cases:
        assert (case.faults, case.torn) == (0, 0)
        assert case.deviations <= 1
        assert case.operations <= 3
    assert sum(case.operations == 2 for case in cases) >= 3, cases


def test_state_left_by_a_cancel_takes_two_operations_and_no_fault_as_a_rule(broken: ModuleType) -> None:
    cases = smallest(find("broken:FailsAfterCancelTarget"))
    assert all(case.operations <= 4 for case in cases), cases
    assert sum(case.operations <= 2 and not case.faults for case in cases) >= 3, cases


def test_where_an_error_does_it_too_no_cancel_is_left() -> None:
    subject = find("bug:1a-no-roll-back")
    for case in smallest(subject, 3):
        assert (case.cancels, case.faults) == (0, 1)
        assert case.operations <= 3


def test_a_cancel_that_is_needed_is_that_of_a_plain_request_if_that_will_do() -> None:
    for case in smallest(find("bug:3c-stale-bottom-half"), 3):
        assert (case.operations, case.cancels, case.faults) == (1, 1, 0)
        assert case.deviations <= 2


def test_sessions_that_the_run_did_not_come_to_are_left_out() -> None:
    def story(sim: Sim) -> None:
        for _ in range(1 + sim.tape.draw("sessions", 9)):
            assert not sim.tape.draw("breaks", 2)

    subject = of("story", story)
    for outcome in islice(failures(subject), 5):
        found = shrink(subject.run, outcome.draws, outcome.kind).outcome
        assert [(draw.label, draw.value) for draw in found.draws] == [("sessions", 0), ("breaks", 1)]


def test_a_flush_that_is_not_done_stays_within_the_limits_of_any_report(broken: ModuleType) -> None:
    for case in smallest(find("broken:ForgetsFlushTarget"), 6):
        assert case.operations <= 3
        assert case.deviations <= 2
        assert case.faults == 0
        assert case.torn <= 1


def test_the_result_fails_in_the_same_way_and_replays(broken: ModuleType) -> None:
    subject = find("broken:ForgetsFlushTarget")
    for outcome in islice(failures(subject), 3):
        found = shrink(subject.run, outcome.draws, outcome.kind).outcome
        again = subject.run(ReplayTape(found.draws))
        assert again.kind == outcome.kind
        assert again.trace.digest() == found.trace.digest()


def test_the_same_failure_shrinks_to_the_same_run(broken: ModuleType) -> None:
    subject = find("broken:MergesInMemoryTarget")
    outcome = first_failure(subject)
    one, other = (shrink(subject.run, outcome.draws, outcome.kind) for _ in range(2))
    assert one.outcome.draws == other.outcome.draws
    assert one.runs == other.runs


def test_what_was_cut_short_says_so_and_still_fails(broken: ModuleType) -> None:
    subject = find("broken:ForgetsFlushTarget")
    outcome = first_failure(subject)
    by_runs = shrink(subject.run, outcome.draws, outcome.kind, runs_max=5)
    by_time = shrink(subject.run, outcome.draws, outcome.kind, until=lambda: True)
    assert (by_runs.runs, by_runs.is_minimal) == (5, False)
    assert (by_time.runs, by_time.is_minimal) == (0, False)
    assert by_runs.outcome.kind == by_time.outcome.kind == outcome.kind


def test_a_run_that_does_not_fail_so_is_refused(broken: ModuleType) -> None:
    with pytest.raises(ValueError, match="show 'no failure', not 'violation'"):
        shrink(find("broken:Target").run, [], "violation")


def test_shrinking_does_not_slip_from_one_kind_of_failure_to_an_easier_one() -> None:
    def story(sim: Sim) -> None:
        easy, hard = sim.tape.draw("easy", 2), sim.tape.draw("hard", 10)
        if hard >= 7:
            raise LookupError
        assert not easy

    subject = of("story", story)
    hard = next(outcome for outcome in failures(subject) if outcome.kind == "LookupError")
    found = shrink(subject.run, hard.draws, "LookupError").outcome
    assert [draw.value for draw in found.draws] == [0, 7]


def test_of_the_groups_that_a_draw_counts_any_may_go() -> None:
    def story(sim: Sim) -> None:
        numbers = [sim.tape.draw("number", 100) for _ in range(sim.tape.draw("count", 10))]
        assert sum(number >= 60 for number in numbers) < 2

    subject = of("story", story)
    for outcome in islice(failures(subject), 5):
        found = shrink(subject.run, outcome.draws, outcome.kind).outcome
        assert [draw.value for draw in found.draws] == [2, 60, 60]
