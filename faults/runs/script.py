"""What a run takes from somebody who knows instead of the tape: the requests, the faults, the end."""

from collections.abc import Callable
from dataclasses import dataclass

from faults.runs.session import Session
from faults.runs.workload import Workload
from faults.simulation.plan import Plan
from faults.simulation.storm import Storm
from faults.simulation.tape import Tape

__all__ = ["DRAWN", "Script"]


@dataclass(frozen=True)
class Script:
    """What is fixed. None: from the tape."""

    workloads: tuple[Workload, ...] | None = None
    """One for each session."""
    plan: Callable[[Tape], Plan] = Storm
    end: str | None = None
    """Of each session: one of ``run.ENDS``."""
    lives: int | None = None
    """Power loss and kill come before the n-th I/O ends, n below this."""
    session: Callable[..., Session] = Session


DRAWN = Script()
"""Nothing."""
