"""A meeting brings together what random search seldom draws, and leaves the rest to the tape."""

from types import ModuleType, SimpleNamespace
from typing import cast

import pytest

from faults.corpus.variants.flushes import FuaSkipsEntry
from faults.exhaustive.meetings import MEETINGS, Meeting, attend, meetings_subject, of, parse_meeting
from faults.runs.story import Sim
from faults.runs.workload import SECTOR
from faults.search.subject import find
from faults.search.subject import of as subject_of
from faults.simulation.tape import ExploringTape, ReplayTape
from faults.target import Target
from faults.vdi import VDI


def test_a_program_is_written_a_session_after_the_other_each_with_its_prelude() -> None:
    first, second = parse_meeting("w0 f; w1 | u0+1 // f", VDI())
    assert [[str(request) for request in client] for client in first] == [
        ["P00 write 512 at 0", "P01 flush"],
        ["A00 write 512 at 512"],
        ["B00 fua 512 at 4096"],
    ]
    assert [[str(request) for request in client] for client in second] == [[], ["A10 flush"]]


def test_an_unknown_word_is_named() -> None:
    with pytest.raises(ValueError, match="found 'w9'"):
        parse_meeting("w0 // w9", VDI())


def test_the_benign_tape_brings_no_fault_and_no_failure() -> None:
    for meeting in MEETINGS:
        outcome = attend(VDI(), meeting, ReplayTape([]))
        assert (outcome.failure, outcome.injected) == (None, 0)


def test_the_first_client_is_alone_until_it_has_ended() -> None:
    outcome = attend(VDI(shapes=False), Meeting("w0 f; w1 | w1+1"), ExploringTape(3))
    order = [
        (event.what, str(event.subject)[:3]) for event in outcome.trace.events if event.what in ("submit", "return")
    ]
    assert order.index(("return", "P01")) < order.index(("submit", "A00"))


def test_nothing_fails_before_they_meet() -> None:
    meeting = Meeting("w0 w0+1 f; r0 | r0+1", ("event=any once=off",))
    for seed in range(20):
        outcome = attend(VDI(shapes=False), meeting, ExploringTape(seed))
        events = [event for event in outcome.trace.events if str(event.subject)[:3] in ("P00", "P01", "P02")]
        assert "raise" not in {event.what for event in events}


def test_pages_are_given_up_by_what_reports_older_writes_and_by_nothing_else() -> None:
    #   A: a plain write fails          of it no page is lost but its own, so that the flush beside it tells the truth
    meeting = Meeting("w0; w1 | f", ("event=write:data once=off pages=clean_old",))
    assert all(attend(VDI(shapes=False), meeting, ExploringTape(seed)).failure is None for seed in range(100))


def test_a_bug_of_three_conditions_is_met_soon() -> None:
    #   P: writes blocks 0 and 1, and flushes nothing
    #   A: an FUA write of block 0 is acknowledged     its entry is not durable yet
    #   the power fails, and the entry was never written
    subject = meetings_subject("skips", VDI(FuaSkipsEntry))
    assert any(subject.run(ExploringTape(seed)).kind == "violation" for seed in range(200))


def test_the_driver_keeps_its_promises() -> None:
    subject = of(find("vdi"))
    assert [seed for seed in range(150) if subject.run(ExploringTape(seed)).failure] == []


def test_the_same_tape_is_the_same_run() -> None:
    subject = of(find("vdi"))
    outcome = subject.run(ExploringTape(5))
    again = subject.run(ReplayTape(outcome.draws))
    assert again.trace.digest() == outcome.trace.digest()


def test_a_small_disk_gets_those_that_it_has_room_for(broken: ModuleType) -> None:
    assert of(find("broken:Target")).run(ExploringTape(1)).failure is None


def test_a_disk_without_room_and_a_story_are_refused() -> None:
    def story(sim: Sim) -> None:
        pass

    with pytest.raises(ValueError, match="no room"):
        meetings_subject("tiny", cast(Target, SimpleNamespace(size=0, block_size=SECTOR)))
    with pytest.raises(ValueError, match="is a story"):
        of(subject_of("story", story))
