"""A script that says nothing leaves a run as it is; what it says, the run does."""

from faults.runs.run import run
from faults.runs.script import DRAWN, Script
from faults.runs.workload import Profile, Request
from faults.simulation.plan import Rules, parse_rule
from faults.simulation.tape import ExploringTape
from faults.vdi import VDI


def test_a_script_that_says_nothing_leaves_everything_to_the_tape() -> None:
    assert Script() == DRAWN
    plain = Profile(meetings=0.0)
    one, other = (run(VDI(), ExploringTape(3), plain, script=script) for script in (DRAWN, Script()))
    assert one.trace.digest() == other.trace.digest()


def test_what_a_script_says_is_what_happens() -> None:
    write = Request("A0", "write", 0, 512)
    script = Script(([[write]],), plan=lambda _: Rules([parse_rule("event=write:data errno=ENOSPC")]), end="close")
    for seed in range(20):
        outcome = run(VDI(), ExploringTape(seed), script=script)
        assert outcome.injected == 1
        assert [event.subject for event in outcome.trace.events if event.what == "submit"] == [write]
