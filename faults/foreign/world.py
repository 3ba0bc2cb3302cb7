"""What outlives a session of a foreign driver: its image, what the image may hold, what the run has shown so far."""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from faults.foreign.below import Below
from faults.foreign.drivers import Driver
from faults.judges.oracle import Oracle, Violation
from faults.runs.world import Outcome
from faults.simulation.presets import device as preset_device
from faults.simulation.tape import Tape
from faults.simulation.trace import Trace

__all__ = ["NOTHING", "ForeignOutcome", "World"]


@dataclass
class ForeignOutcome(Outcome):
    """What a run showed."""

    late: int = 0
    """Times when something came of a driver that was taken to be quiet; counted in a run that doubts."""


_ELSEWHERE = re.compile(r"sector (\d+) holds \.*\w+ in sector (\d+)")

NOTHING = "nothing"
"""Said of a failure that needs no fault and no end but a clean one."""


class World:
    """One run's.

    Args:
        folder: for sockets; nothing of it is part of the run.
        doubts: when the driver is taken to be quiet, it is watched for a while longer.
        image: where to write what each session leaves, for other programs to look at.
    """

    def __init__(
        self,
        driver: Driver,
        tape: Tape,
        folder: Path,
        preset: str = "strict_512",
        *,
        doubts: bool = False,
        image: Path | None = None,
    ) -> None:
        self.driver = driver
        self.doubts = doubts
        self._image = image
        self.tape = tape
        self.folder = folder
        self.outcome = ForeignOutcome(None, trace=Trace(tape))
        self.trace = self.outcome.trace
        self.oracle = Oracle(driver.size)
        blank = driver.blank()
        written = preset_device(preset, blank.rstrip(b"\0"))  # most of it is zeros, and costs to look through
        device = written.holds(written.durable, len(blank))
        self.below = Below(device, tape, self.trace, driver.rules, blank)
        self.circumstances: list[str] = []
        """Of ``fault``, ``hang-up``, ``kill`` and ``power loss`` those that have been."""
        self.sessions = 0

    def violation(self, what: str, text: str) -> Violation:
        """A broken promise; its kind says what had happened to the driver by then."""
        self.outcome.kind = f"{what} after {' and '.join(sorted(self.circumstances)) or NOTHING}"
        return Violation(text)

    @contextmanager
    def untold(self) -> Iterator[None]:
        """What happens meanwhile is no part of the trace, and leaves no image."""
        told, self.trace = self.trace, Trace()
        image, self._image = self._image, None
        self.below.trace = self.trace
        try:
            yield
        finally:
            self.trace = self.below.trace = told
            self._image = image

    def content(self) -> bytes:
        """The image as a reader sees it now."""
        return self.below.device.read(0, self.below.device.length)

    def keep_image(self) -> None:
        """A session is over: write what it has left, if that was asked for."""
        if self._image is not None:
            self._image.write_bytes(self.content().rstrip(b"\0"))
            os.truncate(self._image, self.below.device.length)

    def repair(self) -> None:
        """Before the image is opened again: what its format demands."""
        device, before = self.below.device, self.content()
        after = self.driver.repaired(before)
        if after != before:
            repaired = device.holding(after.rstrip(b"\0"), unit=device.unit)
            self.below.device = device.holds(repaired.durable, len(after))

    def seen(self, what: str, violation: Violation) -> Violation:
        """Somebody saw a sector that is wrong; what belongs to another sector is worse than what is gone."""
        found = _ELSEWHERE.search(str(violation))
        return self.violation("misplaced" if found and found[1] != found[2] else what, str(violation))

    def met(self, circumstance: str) -> None:
        """This has happened to the driver."""
        if circumstance not in self.circumstances:
            self.circumstances.append(circumstance)
