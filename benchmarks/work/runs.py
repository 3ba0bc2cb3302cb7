"""Whole runs of the driver under the default profile, seed after seed: ``python -m benchmarks.work.runs SEEDS``.

A run that fails ends it: no figure is worth anything while the harness cries, be it right or not.
"""

import json
import sys

from benchmarks.work.clock import core_seconds
from faults.runs.run import Outcome, run
from faults.simulation.tape import ExploringTape
from faults.vdi import VDI

__all__ = ["STEPS", "main"]

STEPS = 75
"""Of the run that the design speaks of."""


def main(seeds: str) -> dict[str, float]:
    """Runs a second; sessions a second; and runs of 75 steps a second, had they no more."""
    target = VDI()
    for seed in range(int(seeds) // 10):
        _clean(run(target, ExploringTape(f"warm {seed}")), seed)
    runs = sessions = steps = 0
    began = core_seconds()
    for seed in range(int(seeds)):
        outcome = _clean(run(target, ExploringTape(seed)), seed)
        runs += 1
        sessions += outcome.images
        steps += outcome.steps
    seconds = core_seconds() - began
    return {"runs": runs / seconds, "sessions": sessions / seconds, "75 steps": steps / STEPS / seconds}


def _clean(outcome: Outcome, seed: int) -> Outcome:
    assert outcome.failure is None, f"seed {seed}: {outcome.kind}: {outcome.failure}"
    return outcome


if __name__ == "__main__":
    print(json.dumps(main(*sys.argv[1:])))
