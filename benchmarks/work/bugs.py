"""One bug of the corpus: how many runs until it is found, and how small its failure becomes.

::

    python -m benchmarks.work.bugs find NAME SEED
    python -m benchmarks.work.bugs shrink NAME SEED

A search has no hint: the default profile, and the budget of the corpus. What is not found within it has
needed infinitely many runs, for all that is known.
"""

import json
import math
import sys

from benchmarks.work.clock import core_seconds
from faults.corpus.catalogue import BUDGETS, bug, find
from faults.failures.shrink import shrink
from faults.runs.run import run

__all__ = ["main"]


def main(verb: str, name: str, seed: str) -> dict[str, float]:
    """Either question's figures."""
    row = bug(name)
    began = core_seconds()
    # How soon it is found is the other question: for this one it may take as long as the hardest.
    found = find(row, int(seed), BUDGETS[row.difficulty] if verb == "find" else max(BUDGETS.values()))
    seconds = core_seconds() - began
    if verb == "find":
        return {"runs": found.runs if found else math.inf, "time": seconds}
    assert found is not None, f"{name} was not found"
    target = row.target()
    began = core_seconds()
    shrunk = shrink(lambda tape: run(target, tape), found.outcome.draws, found.outcome.kind)
    case = shrunk.case
    parts = {
        "operations": case.operations,
        "deviations": case.deviations,
        "faults": case.faults,
        "torn": case.torn,
    }
    return parts | {"size": sum(parts.values()), "time": core_seconds() - began}


if __name__ == "__main__":
    print(json.dumps(main(*sys.argv[1:])))
