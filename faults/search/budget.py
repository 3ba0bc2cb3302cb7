"""How long a search may go on. The one place of the harness that looks at a clock: never within a run.

What a run shows cannot depend on this; only how many runs there are.
"""

from time import monotonic

__all__ = ["Budget"]


class Budget:
    """So many runs and so many seconds, counted from now. None: without end."""

    def __init__(self, runs: int | None = None, seconds: float | None = None) -> None:
        self.runs = runs
        self._seconds = seconds
        self._begun = monotonic()

    @property
    def spent(self) -> float:
        """Seconds since the beginning."""
        return monotonic() - self._begun

    def is_over(self) -> bool:
        """Whether the time is used up."""
        return self._seconds is not None and self.spent >= self._seconds
