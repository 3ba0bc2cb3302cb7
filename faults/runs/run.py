"""One run: a tape becomes sessions on a simulated storage, each judged when it has ended.

What the tape does not say, a ``Script`` may: which requests, which faults, which end. Exhaustive
searches fix those, and let the tape vary the rest. Where there is no script, the tape may choose a meeting.
"""

import gc
from collections.abc import Callable, Iterator

from faults.judges.oracle import Violation
from faults.runs.attending import arranged, drawn_meeting
from faults.runs.script import DRAWN, Script
from faults.runs.workload import Habits, Profile, Workload
from faults.runs.world import Outcome, World
from faults.simulation.loop import Schedule
from faults.simulation.schedules import SCHEDULES, draw_schedule
from faults.simulation.tape import Generator, Tape, likely
from faults.simulation.writelog import WriteLog
from faults.target import Target

__all__ = ["DRAWN", "ENDS", "LIVES", "Outcome", "Script", "run"]

SESSIONS_MAX = 3
SESSIONS_OFTEN = likely(6, 4, 1)
LIVES = (None, 8, 32, 64)
LIVES_OFTEN = likely(4, 1, 4, 2)
YOUNG = 8
"""I/Os before the first that a user waits for. Who dies young as a rule has promised nothing."""
DIES_YOUNG = 0.3
ENDS = ("close", "power", "kill", "power", "kill")
"""Of sessions. One that is killed or loses its power may have been closed before."""
CLOSES_EARLY = 0.4
"""The part of the closes that come while requests are under way, where the tape draws the requests."""


def run(
    target: Target,
    tape: Tape,
    profile: Profile | None = None,
    *,
    schedule: str | None = None,
    script: Script = DRAWN,
    log: WriteLog | None = None,
) -> Outcome:
    """Run what ``tape`` says. Never raises for what the target does; that is the outcome's failure.

    Args:
        profile: how large a workload may be, and on what kind of disk.
        schedule: one of ``SCHEDULES``; None: the tape says.
        script: what is fixed.
        log: is filled with what the first session wrote, onto ``target.blank()``.
    """
    profile = profile or Profile()
    if script is DRAWN and (meeting := drawn_meeting(target, profile, tape)):
        target, script = arranged(meeting, target, tape)
    elif script.workloads is None:
        target = target.shaped(tape)
    world = World(target, tape, profile.preset)
    world.log = log
    enabled = gc.isenabled()
    gc.disable()  # what the collector finds, and when, is no part of a run
    try:
        _live(world, profile, script, SCHEDULES[schedule or draw_schedule(tape)])
    except Violation as violation:
        world.outcome.failure = str(violation)
        world.outcome.kind = world.outcome.kind or "violation"
    finally:
        if enabled:
            gc.enable()
    world.outcome.draws = tape.draws
    return world.outcome


def _live(world: World, profile: Profile, script: Script, make_schedule: Callable[[], Schedule | None]) -> None:
    """One session after the other."""
    tape = world.tape
    early = CLOSES_EARLY if script.workloads is None else 0.0
    for workload in script.workloads or _draw_workloads(world, profile):
        end = script.end or ENDS[tape.draw("end", len(ENDS))]
        life = _draw_life(tape, end, script)
        schedule = make_schedule()
        script.session(
            world, workload, script.plan(tape), end=end, lives=life, schedule=schedule, closes_early=early
        ).run()
        world.log = None


def _draw_workloads(world: World, profile: Profile) -> Iterator[Workload]:
    """One for each session, drawn when its turn has come. As a rule the same users come back."""
    tape, target = world.tape, world.target
    habits = None
    for number in range(1 + tape.draw("sessions", SESSIONS_MAX, SESSIONS_OFTEN)):
        if tape.draw("other users", 2) or habits is None:
            habits = Habits(tape, profile, size=target.size, block_size=target.block_size)
        yield habits.workload(number)


def _draw_life(tape: Tape, end: str, script: Script) -> int | None:
    """How many I/Os end before the end comes; None: all of them."""
    if end == "close":
        return None
    bound = script.lives or LIVES[tape.draw("lives", len(LIVES), LIVES_OFTEN)]
    return tape.draw("life", bound, _rather_late) if bound else None


def _rather_late(chance: Generator, outcomes: int) -> int:
    least = 0 if chance.random() < DIES_YOUNG else min(YOUNG, outcomes - 1)
    return least + int(chance.random() * (outcomes - least))
