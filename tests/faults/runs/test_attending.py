"""A run that is a meeting brings together what random search seldom draws, and leaves the rest to the tape."""

from faults.corpus.variants.flushes import FuaSkipsEntry
from faults.runs.attending import arranged, drawn_meeting
from faults.runs.meetings import MEETINGS, Meeting
from faults.runs.run import Outcome, run
from faults.runs.workload import Profile
from faults.simulation.tape import Draw, ExploringTape, ReplayTape, Tape
from faults.target import Target
from faults.vdi import VDI

ALWAYS = Profile(meetings=1.0)


def attend(target: Target, meeting: Meeting, tape: Tape) -> Outcome:
    shaped, script = arranged(meeting, target, tape)
    return run(shaped, tape, script=script)


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
    skips = VDI(FuaSkipsEntry)
    assert any(run(skips, ExploringTape(seed), ALWAYS).kind == "violation" for seed in range(200))


def test_the_driver_keeps_its_promises() -> None:
    assert [seed for seed in range(150) if run(VDI(), ExploringTape(seed), ALWAYS).failure] == []


def test_the_same_tape_is_the_same_run() -> None:
    outcome = run(VDI(), ExploringTape(5), ALWAYS)
    tape = ReplayTape(outcome.draws)
    assert run(VDI(), tape).trace.digest() == outcome.trace.digest()
    assert tape.misses == 0


def test_one_run_in_twelve_is_a_meeting_and_none_where_nobody_asks() -> None:
    tapes = [ExploringTape(seed) for seed in range(400)]
    drawn = [drawn_meeting(VDI(), Profile(), tape) for tape in tapes]
    assert 18 <= sum(each is not None for each in drawn) <= 50
    assert {drawn_meeting(VDI(), Profile(meetings=0.0), tape) for tape in tapes} == {None}
    assert drawn_meeting(VDI(), Profile(), ReplayTape([])) is None


def test_what_a_shrunk_tape_leaves_out_does_not_come() -> None:
    #   all of both sessions    one client and its prelude    nobody: a session that only opens
    meeting = Meeting("w0; w1 | f // f")
    everybody = [Draw("meeting.comes", 2, 1)] * 4

    def asked(draws: list[Draw]) -> list[str]:
        events = attend(VDI(), meeting, ReplayTape(draws)).trace.events
        return [str(event.subject) for event in events if event.what in ("open", "submit")]

    whole = ["aiovdi", "P00 write 512 at 0", "A00 write 512 at 512", "B00 flush", "aiovdi", "A10 flush"]
    assert asked(everybody) == whole
    assert asked(everybody[:2]) == whole[:3]
    assert asked([Draw("meeting.comes", 2, 0), Draw("meeting.comes", 2, 0), *everybody[:1]]) == ["aiovdi", "B00 flush"]
    assert asked([]) == ["aiovdi"]


def test_some_meetings_are_drawn_more_often_and_most_have_a_fault() -> None:
    drawn = [drawn_meeting(VDI(), ALWAYS, ExploringTape(seed)) for seed in range(2000)]
    once = sum(meeting is not None and meeting.often == 1 for meeting in drawn) / sum(m.often == 1 for m in MEETINGS)
    for meeting in MEETINGS:
        if meeting.often > 1:
            assert 0.5 < drawn.count(meeting) / (meeting.often * once) < 2
    meeting = Meeting("w0 | w1", ("event=write once=off",))
    struck = [attend(VDI(), meeting, ExploringTape(seed)).injected > 0 for seed in range(60)]
    assert 20 < sum(struck) < 60


def test_the_last_of_several_sessions_is_rather_calm() -> None:
    meeting = Meeting("w0 // w1", ("event=write once=off",))
    tapes = [ExploringTape(seed) for seed in range(150)]
    faults = [
        [draw.value for draw in attend(VDI(), meeting, tape).draws if draw.label == "meeting.fault"] for tape in tapes
    ]
    both = [each for each in faults if len(each) == 2]
    assert sum(first for first, _ in both) > sum(last for _, last in both) > 0
