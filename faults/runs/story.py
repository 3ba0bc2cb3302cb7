"""For code that is no disk: a *story* is a function that uses a simulated storage and asserts what must hold.

::

    def story(sim: Sim) -> None:
        kept = []
        async def use(storage):
            log = await Log.open(storage)
            async with asyncio.TaskGroup() as group:
                for name in "AB":
                    group.create_task(sim.request(name, append, log, name, kept))
        sim.session(use)                                   # may meet faults, and may end by a power loss
        found = sim.session(recover, faults=False, power=False)
        assert set(kept) <= set(found)

Rule 1: every session has a loop of its own and the same device; a power loss leaves on the device what
the tape chooses of all that it may leave.
Rule 2: a story decides nothing by chance except through ``sim.tape``, so that every failure replays.
Rule 3: whatever the story raises is the failure, an AssertionError or anything else.
"""

import asyncio
import gc
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any, TypeAlias, TypeVar

from faults.runs.run import LIVES, Outcome
from faults.simulation.crash import power_loss_space
from faults.simulation.device import Device
from faults.simulation.loop import SimLoop
from faults.simulation.plan import NoFaults, Plan
from faults.simulation.storage import PowerLost, SimStorage
from faults.simulation.storm import Storm
from faults.simulation.tape import Tape
from faults.simulation.trace import Trace, acting

__all__ = ["Sim", "Story", "run_story"]

T = TypeVar("T")
Story: TypeAlias = "Callable[[Sim], object]"


class Sim:
    """A simulated machine with one storage: what a story gets.

    Attributes:
        tape: draw here whatever the story leaves open.
        device: what the storage holds, between sessions too.
        injected: I/Os that were failed so far.
        power_was_lost: whether the last session ended by a power loss.
    """

    def __init__(self, tape: Tape, content: bytes = b"") -> None:
        self.tape = tape
        self.device = Device.holding(content)
        self.power_was_lost = False
        self.outcome = Outcome(None, trace=Trace(tape))

    @property
    def injected(self) -> int:
        return self.outcome.injected

    def session(
        self,
        main: Callable[[SimStorage], Coroutine[Any, Any, T]],
        *,
        faults: bool | Plan = True,
        power: bool = True,
        region: Callable[[int], str] = lambda _: "data",
    ) -> T | None:
        """Run ``main(storage)`` to its end and return its result; None if the power was lost before.

        Args:
            main: opens the code under test on the storage and uses it.
            faults: whether I/Os may fail; or a plan that says which.
            power: whether the power may be lost.
            region: names the parts of the storage, for plans and reports.
        """
        plan = (Storm(self.tape) if faults else NoFaults()) if isinstance(faults, bool) else faults
        bound = LIVES[self.tape.draw("lives", len(LIVES))] if power else None
        lives = self.tape.draw("life", bound) if bound else None
        loop = SimLoop(self.tape)
        storage = SimStorage(self.device, loop, self.tape, plan, self.outcome.trace, region=region, lives=lives)
        self.power_was_lost = False
        self.outcome.trace.add("open", "the storage")
        try:
            result = loop.run_until_complete(main(storage))
        except PowerLost:
            self.lose_power()
            return None
        finally:
            self.outcome.steps += loop.steps
            self.outcome.injected += plan.injected
            _abandon(loop)
        assert not loop.failures, f"asyncio was told: {loop.failures[0].get('message')}"
        return result  # type: ignore[no-any-return]

    def lose_power(self) -> None:
        """The host is gone. What is left on the device is the tape's choice."""
        self.device = power_loss_space(self.device).draw(self.tape)
        self.power_was_lost = True
        self.outcome.images += 1
        self.outcome.trace.add("power", "the host lost power")

    async def request(self, name: str, work: Callable[..., Coroutine[Any, Any, T]], *arguments: Any) -> T:
        """Await ``work(*arguments)`` on behalf of client ``name``: a report then says who did what."""
        acting.set(name)
        subject = f"{name} {work.__name__}"
        self.outcome.trace.add("submit", subject)
        try:
            result = await work(*arguments)
        except (Exception, asyncio.CancelledError) as error:
            self.outcome.trace.add("raise", subject, type(error).__name__)
            raise
        self.outcome.trace.add("return", subject)
        return result


def run_story(story: Story, tape: Tape) -> Outcome:
    """Tell ``story`` with the choices of ``tape``. Whatever it raises is the outcome's failure."""
    sim = Sim(tape)
    enabled = gc.isenabled()
    gc.disable()
    try:
        story(sim)
    except Exception as error:
        name = type(error).__name__
        sim.outcome.kind = "assertion" if isinstance(error, AssertionError) else name
        sim.outcome.failure = _in_short(error) or name
    finally:
        if enabled:
            gc.enable()
    sim.outcome.draws = tape.draws
    return sim.outcome


def _in_short(error: BaseException) -> str:
    """The first line; of a group its first error, because a TaskGroup wraps what its tasks raise."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return next(iter(str(error).splitlines()), "")


def _abandon(loop: SimLoop) -> None:
    """The process is gone: none of its tasks takes another step."""
    for task in asyncio.all_tasks(loop):
        task._log_destroy_pending = False  # type: ignore[attr-defined]
        with suppress(BaseException):
            task.get_coro().close()
    loop.close()
