"""What outlives a session of a foreign driver: its image, what the image may hold, what the run has shown so far."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from faults.foreign.below import Below
from faults.foreign.drivers import Driver
from faults.oracle import Oracle, Violation
from faults.presets import device as preset_device
from faults.tape import Tape
from faults.trace import Trace
from faults.world import Outcome

__all__ = ["NOTHING", "ForeignOutcome", "World"]


@dataclass
class ForeignOutcome(Outcome):
    """What a run showed."""

    late: int = 0
    """Times when something came of a driver that was taken to be quiet; counted in a run that doubts."""


NOTHING = "nothing"
"""Said of a failure that needs no fault, no kill and no power loss."""


class World:
    """One run's.

    Args:
        folder: for sockets; nothing of it is part of the run.
        doubts: when the driver is taken to be quiet, it is watched for a while longer.
    """

    def __init__(
        self, driver: Driver, tape: Tape, folder: Path, preset: str = "strict_512", *, doubts: bool = False
    ) -> None:
        self.driver = driver
        self.doubts = doubts
        self.tape = tape
        self.folder = folder
        self.outcome = ForeignOutcome(None, trace=Trace(tape))
        self.trace = self.outcome.trace
        self.oracle = Oracle(driver.size)
        image = driver.blank()
        written = preset_device(preset, image.rstrip(b"\0"))  # most of it is zeros, and costs to look through
        device = written.holds(written.durable, len(image))
        self.below = Below(device, tape, self.trace, driver.rules, image)
        self.circumstances: list[str] = []
        """Of ``fault``, ``kill`` and ``power loss`` those that have been."""
        self.sessions = 0

    def violation(self, what: str, text: str) -> Violation:
        """A broken promise; its kind says what had happened to the driver by then."""
        self.outcome.kind = f"{what} after {' and '.join(sorted(self.circumstances)) or NOTHING}"
        return Violation(text)

    @contextmanager
    def untold(self) -> Iterator[None]:
        """What happens meanwhile is no part of the trace."""
        told, self.trace = self.trace, Trace()
        self.below.trace = self.trace
        try:
            yield
        finally:
            self.trace = self.below.trace = told

    def met(self, circumstance: str) -> None:
        """This has happened to the driver."""
        if circumstance not in self.circumstances:
            self.circumstances.append(circumstance)
