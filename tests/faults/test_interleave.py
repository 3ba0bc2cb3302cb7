"""Every interleaving of a small program: exhausted where it says so, and the race is found."""

from types import ModuleType

import pytest

from faults.interleave import interleave, parse_program, program_subject
from faults.subject import find
from faults.tape import ReplayTape


def test_a_program_has_a_client_for_each_part(broken: ModuleType) -> None:
    clients = parse_program("w0 f | w1", broken.Target())
    assert [[str(request) for request in client] for client in clients] == [
        ["A0 write 512 at 0", "A1 flush"],
        ["B0 write 512 at 512"],
    ]


def test_an_unknown_operation_is_named(broken: ModuleType) -> None:
    with pytest.raises(ValueError, match="found 'w9'"):
        parse_program("w0 | w9", broken.Target())


def test_all_orders_of_a_right_disk_are_exhausted(broken: ModuleType) -> None:
    found = interleave(program_subject(find("broken:Target"), "w0 | w0"), limit=10_000)
    assert (found.verdict, found.failure) == ("exhausted", None)


def test_the_race_of_two_writers_is_found_and_replays(broken: ModuleType) -> None:
    program = program_subject(find("broken:MergesInMemoryTarget"), "w0 | w1")
    found = interleave(program, limit=10_000)
    assert found.tape is not None
    assert program.run(ReplayTape(found.tape)).kind == "violation"


def test_a_fault_is_tried_at_every_io(broken: ModuleType) -> None:
    program = program_subject(find("broken:SwallowsErrorsTarget"), "w0", faults=1)
    found = interleave(program, limit=10_000)
    assert found.tape is not None
    assert ("fail.write", 1) in [(draw.label, draw.value) for draw in found.tape]


def test_a_power_loss_is_tried_with_every_crash_image(broken: ModuleType) -> None:
    program = program_subject(find("broken:ForgetsFlushTarget"), "w0 f", end="power")
    assert interleave(program, limit=10_000).failure is not None
    right = program_subject(find("broken:Target"), "w0 f", end="power")
    assert interleave(right, limit=10_000).failure is None


def test_a_search_that_was_cut_says_so(broken: ModuleType) -> None:
    assert interleave(program_subject(find("broken:Target"), "w0 | w1"), limit=3).verdict == "cut at 3"
