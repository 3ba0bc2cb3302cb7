"""From a failure to its report: the file first, then the smallest run, then why.

Both the command line and the pytest plugin end here, so a failure reads the same wherever it was found.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from faults.failures.artifact import Artifact, of_outcome, save_artifact
from faults.failures.explain import Difference, Point, inevitable_since, nearest_pass
from faults.failures.report import report
from faults.failures.shrink import Shrunk, shrink
from faults.runs.run import Outcome
from faults.search.budget import Budget
from faults.search.subject import Subject
from faults.simulation.tape import ReplayTape

__all__ = ["Finding", "investigate"]

SECONDS_MAX = 60.0
"""For shrinking. The seconds are a net: the runs end long before."""


@dataclass(frozen=True)
class Finding:
    """Everything that is known of a failure."""

    shrunk: Shrunk
    path: Path
    """Of the smallest run's artifact."""
    text: str
    nearest: Difference | None
    since: Point

    @property
    def failure(self) -> str:
        """What the smallest run broke."""
        return self.shrunk.outcome.failure or ""


def investigate(
    subject: Subject,
    artifact: Artifact,
    folder: Path,
    *,
    command: Callable[[Path], str] = lambda path: f"python -m faults replay {path}",
    verbose: bool = False,
) -> Finding:
    """Shrink the failure of ``artifact``, write the smallest run into ``folder``, and explain it.

    Raises:
        ValueError: the failure does not show any more.
    """
    before: Outcome = subject.run(ReplayTape(artifact.draws))
    budget = Budget(seconds=SECONDS_MAX)
    make_small = subject.shrink or shrink
    shrunk = make_small(subject.run, artifact.draws, artifact.kind, until=budget.is_over)
    path = save_artifact(of_outcome(subject, None, shrunk.outcome), folder)
    nearest = nearest_pass(subject.run, shrunk.outcome)
    since = inevitable_since(subject.run, shrunk.outcome)
    text = report(
        shrunk.outcome.failure or "",
        shrunk,
        command(path),
        before=before,
        nearest=nearest[0] if nearest else None,
        since=since,
        verbose=verbose,
    )
    return Finding(shrunk, path, text, nearest[0] if nearest else None, since)
