"""What outlives a session: the target, its device, the oracle, and what the run has shown so far."""

from dataclasses import dataclass, field

from faults.judges.oracle import Oracle, Violation
from faults.simulation.presets import device as preset_device
from faults.simulation.tape import Draw, Tape
from faults.simulation.trace import Trace
from faults.simulation.writelog import WriteLog
from faults.target import Target

__all__ = ["Outcome", "World"]


@dataclass
class Outcome:
    """What a run showed."""

    failure: str | None
    """What was broken; None if everything held."""
    kind: str = ""
    """One word for the failure, so that a shrunk run can be told to show the same."""
    draws: list[Draw] = field(default_factory=list)
    trace: Trace = field(default_factory=Trace)
    steps: int = 0
    images: int = 0
    """Crash images that were opened and judged."""
    injected: int = 0


class World:
    """What the sessions of a run share."""

    def __init__(self, target: Target, tape: Tape, preset: str = "strict_512") -> None:
        self.target = target
        self.tape = tape
        self.oracle = Oracle(target.size)
        self.oracle.stops = target.stops_for_good
        self.device = preset_device(preset, target.blank())
        self.outcome = Outcome(None, trace=Trace(tape))
        self.trace = self.outcome.trace
        self.log: WriteLog | None = None
        """Of the session that is on; a power loss ends it, since the disk is another one then."""
        self.broken: Violation | None = None
        """The first promise that was broken. Its task may not be waited for any more when the power goes."""

    def violation(self, kind: str, text: str) -> Violation:
        """A broken promise; the first is the one that is reported."""
        violation = Violation(text)
        if self.broken is None:
            self.broken = violation
            self.outcome.kind = kind
        return violation
