"""A run is what its tape says: the same again, the smallest for an empty tape, and judged to the end."""

import gc
from collections import Counter

import pytest

from faults.runs.run import DRAWN, ENDS, Outcome, Script, run
from faults.runs.workload import Profile, Request
from faults.simulation.plan import NoFaults, Rules, parse_rule
from faults.simulation.presets import PRESETS
from faults.simulation.tape import Draw, ExploringTape, ReplayTape
from faults.vdi import VDI

SEEDS = range(60)
WRITE = Request("A0", "write", 0, 512)


def outcomes(**options: object) -> list[Outcome]:
    return [run(VDI(), ExploringTape(seed), **options) for seed in SEEDS]  # type: ignore[arg-type]


def test_the_real_driver_holds(campaign: bool) -> None:
    for seed in range(100_000 if campaign else 600):
        outcome = run(VDI(), ExploringTape(seed))
        assert outcome.failure is None, f"seed {seed}: {outcome.failure}"


def test_the_real_driver_holds_with_hundreds_of_requests_in_flight() -> None:
    for seed in range(4):
        outcome = run(VDI(), ExploringTape(seed), Profile(clients=300))
        assert outcome.failure is None, f"seed {seed}: {outcome.failure}"


def test_a_thousand_requests_are_in_flight_at_once() -> None:
    clients = [[Request(f"A{number}", "write", 512 * (number % 96), 512)] for number in range(1000)]
    outcome = run(VDI(), ExploringTape(1), script=Script(workloads=(clients,), plan=lambda _: NoFaults(), end="close"))
    assert outcome.failure is None
    flying, most = 0, 0
    for event in outcome.trace.events:
        flying += (event.what == "submit") - (event.what in ("return", "raise"))
        most = max(most, flying)
    assert most == 1000


@pytest.mark.parametrize("preset", [preset for preset in PRESETS if preset != "lying_flush"])
def test_the_real_driver_holds_on_every_disk_that_keeps_the_rules(preset: str) -> None:
    assert [outcome.failure for outcome in outcomes(profile=Profile(preset=preset)) if outcome.failure] == []


def test_no_driver_holds_on_a_disk_whose_flush_lies() -> None:
    found = [run(VDI(), ExploringTape(seed), Profile(preset="lying_flush")).failure for seed in range(100)]
    assert any(found)


def test_an_empty_tape_is_one_write_and_a_close() -> None:
    outcome = run(VDI(), ReplayTape([]))
    assert outcome.failure is None
    requests = [str(event.subject) for event in outcome.trace.events if event.what == "submit"]
    assert requests == ["A0 write 512 at 0"]
    assert outcome.injected == 0


def test_a_recorded_run_is_the_same_again_to_the_last_event() -> None:
    for seed in SEEDS:
        first = run(VDI(), ExploringTape(seed))
        tape = ReplayTape(first.draws)
        again = run(VDI(), tape)
        assert again.trace.digest() == first.trace.digest()
        assert (again.failure, again.steps, again.images) == (first.failure, first.steps, first.images)
        assert tape.misses == 0


def test_a_shortened_tape_is_still_a_run() -> None:
    draws = run(VDI(), ExploringTape(3)).draws
    for keep in range(0, len(draws), 7):
        assert run(VDI(), ReplayTape(draws[:keep])).failure is None
        assert run(VDI(), ReplayTape(draws[keep:])).failure is None


def test_runs_differ_and_between_them_everything_happens() -> None:
    many = outcomes()
    assert len({outcome.trace.digest() for outcome in many}) == len(many)
    whats = Counter(event.what for outcome in many for event in outcome.trace.events)
    assert set(whats) >= {"open", "submit", "return", "raise", "issue", "end", "close", "power", "kill"}
    assert {sum(event.what == "open" for event in outcome.trace.events) for outcome in many} == {1, 2, 3}
    assert max(outcome.images for outcome in many) > 3
    assert any(outcome.injected for outcome in many)
    assert not all(outcome.injected for outcome in many)


def test_a_script_fixes_what_it_names_and_nothing_else() -> None:
    rule = "event=write:data errno=ENOSPC"
    script = Script(workloads=([[WRITE]],), plan=lambda _: Rules([parse_rule(rule)]), end="close")
    for outcome in outcomes(script=script):
        assert outcome.failure is None
        assert outcome.injected == 1
        assert [str(event.subject) for event in outcome.trace.events if event.what == "submit"] == [str(WRITE)]
    assert DRAWN.workloads is DRAWN.end is DRAWN.lives is None


def test_a_script_of_two_sessions_keeps_what_the_first_wrote() -> None:
    read = Request("A1", "read", 0, 512)
    script = Script(workloads=([[WRITE]], [[read]]), plan=lambda _: NoFaults(), end="close")
    outcome = run(VDI(), ExploringTape(1), script=script)
    assert outcome.failure is None
    assert [event.what for event in outcome.trace.events].count("close") == 2


@pytest.mark.parametrize("lives", [1, 5, 9])
def test_the_power_goes_within_the_lives_of_a_script(lives: int) -> None:
    script = Script(workloads=([[WRITE]],), plan=lambda _: NoFaults(), end="power", lives=lives)
    ends = [sum(event.what == "end" for event in outcome.trace.events) for outcome in outcomes(script=script)]
    assert max(ends) < lives


def test_a_schedule_is_the_one_that_was_asked_for() -> None:
    fifo = run(VDI(), ExploringTape(5), schedule="fifo")
    assert {draw.value for draw in fifo.draws if draw.label == "next"} == {0}
    assert "schedule" not in {draw.label for draw in fifo.draws}
    assert "schedule" in {draw.label for draw in run(VDI(), ExploringTape(5)).draws}


def test_a_failure_says_what_kind_it_is_and_keeps_the_tape() -> None:
    class Blind(VDI):
        def read_image(self, content: bytes) -> bytes:
            return b"\xff" * self.size

    outcome = run(Blind(shapes=False), ExploringTape(1))
    assert outcome.kind == "violation"
    assert outcome.failure is not None
    assert "ffffffff…, expected" in outcome.failure
    assert outcome.draws

    class Contradicted(VDI):
        def read_image(self, content: bytes) -> bytes:
            raise ValueError("a contradiction")

    assert run(Contradicted(shapes=False), ExploringTape(1)).kind == "structure"


def test_the_collector_rests_during_a_run_and_not_after_it() -> None:
    resting = []

    class Watching(VDI):
        def read_image(self, content: bytes) -> bytes:
            resting.append(not gc.isenabled())
            return super().read_image(content)

    run(Watching(shapes=False), ExploringTape(1))
    assert all(resting)
    assert resting
    assert gc.isenabled()


def test_ends_are_drawn_by_name() -> None:
    # Sessions, end, lives: the third end with the first bound is a kill after all I/O.
    outcome = run(VDI(), ReplayTape([Draw("end", 3, ENDS.index("kill"))]))
    assert [event.what for event in outcome.trace.events][-1] == "kill"
