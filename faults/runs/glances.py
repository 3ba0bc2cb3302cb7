"""What would be left if the machine stopped right now: looked at in the middle of a session, which then goes on.

A crash ends a run, and most crashes come when they can show nothing. What is promised changes when a request
is told that it is done, and the closing steps take apart what all others rely on. So there a run takes a
*glance*: one image of a power loss or a kill, drawn as that of a real one, read and judged, and forgotten.

Rule 1: nothing changes by it, neither the device nor what is promised.
Rule 2: a glance that shows a broken promise is the end of the run, there and then (``Over``).
Rule 3: its draws have labels of their own, so that a run with a glance less loses nothing else.
"""

from collections.abc import Callable
from functools import partial

from faults.judges.oracle import Violation
from faults.runs.world import World
from faults.simulation.crash import kill_space, power_loss_space
from faults.simulation.image import Content
from faults.simulation.loop import SimLoop
from faults.simulation.tape import Pick, Tape, likely

__all__ = ["Glances", "LossyTape", "Over"]

CRASHES = ("", "power", "kill")
AFTER = {"flush": likely(2, 6, 0), "fua": likely(2, 6, 0), "fua-zero": likely(2, 6, 0), "read": likely(1, 0, 0)}
"""By kind of request, how often each of ``CRASHES``: what is durable is looked at after a power loss."""
AFTER_CHANGES = likely(14, 1, 1)
AFTER_FAILURES = likely(2, 2, 6)
"""The same after other requests; most of what a failure leaves behind shows to whoever opens the image next."""
LOSSES = likely(1, 4, 3, 3)
"""How often an exploring tape takes each ``crash.mode``. The first keeps everything, and shows least."""
AMID_CLOSE = 2
"""Glances at most, amid the closing steps."""
MOMENTS = 16
"""More than what happens, as a rule, while a disk is closed."""


class Over(SystemExit):
    """A glance has shown what the run was for. asyncio lets no task keep a SystemExit for itself."""


class LossyTape(Tape):
    """The tape of a run, for the choices of one crash: it takes what loses something more often.

    Args:
        name: how their labels begin.
    """

    def __init__(self, tape: Tape, name: str = "crash") -> None:
        self.draws = tape.draws
        self._tape = tape
        self._name = name

    def draw(self, label: str, outcomes: int, pick: Pick | None = None) -> int:
        if label == "crash.mode":
            pick = LOSSES
        return self._tape.draw(label.replace("crash", self._name, 1), outcomes, pick)


class Glances:
    """Those of one session.

    Args:
        audit: looks at each image besides; raises ValueError.
    """

    def __init__(self, world: World, audit: Callable[[Content], object]) -> None:
        self._world = world
        self._audit = audit

    def acknowledged(self, kind: str, *, failed: bool) -> None:
        """A request of this kind is told that it is done; another one may have ``failed`` before. Raises Over."""
        pick = AFTER.get(kind, AFTER_FAILURES if failed else AFTER_CHANGES)
        if crash := CRASHES[self._world.tape.draw("crash.look", len(CRASHES), pick)]:
            self.glance(power=crash == "power")

    def amid(self, loop: SimLoop) -> None:
        """Some at moments of the tape's choosing, from now on."""
        for _ in range(self._world.tape.draw("crash.amid", 1 + AMID_CLOSE)):
            moment = self._world.tape.draw("crash.amid.moment", MOMENTS)
            loop.happen(partial(self._wait, loop, moment))

    def _wait(self, loop: SimLoop, moments: int) -> None:
        if moments:
            loop.happen(partial(self._wait, loop, moments - 1))
        else:
            self.glance(power=True)

    def glance(self, *, power: bool) -> None:
        """At one image. Raises Over."""
        world = self._world
        space = power_loss_space(world.device) if power else kill_space(world.device)
        left = space.draw(LossyTape(world.tape, "crash.look")).stable()
        world.outcome.images += 1
        how = "after a power loss" if power else "after a kill"
        try:
            content = world.target.read_image(left)
            self._audit(left)
            world.oracle.foretell(power=power).observe(content, how)
        except (ValueError, Violation) as error:
            world.trace.add("power" if power else "kill", "amid the session")
            if isinstance(error, Violation):
                world.violation("violation", str(error))
            else:
                world.violation("structure", f"{how}: {error}")
            raise Over from error
