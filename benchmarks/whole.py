"""What takes minutes is left out unless it was asked for, and says so in the table."""

import os
from dataclasses import dataclass

__all__ = ["VARIABLE", "WHOLE", "Whole"]

VARIABLE = "BENCHMARKS_WHOLE"


@dataclass(frozen=True)
class Whole:
    """The wish to have all of it, and not a sample."""

    name: str = "whole"

    def missing(self) -> str | None:
        return None if os.environ.get(VARIABLE) else f"takes minutes; {VARIABLE}=1 runs it"

    def version(self) -> str:
        return "asked for"


WHOLE = Whole()
