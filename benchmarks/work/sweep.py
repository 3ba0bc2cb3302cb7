"""A sample of the exhaustive sweep: ``python -m benchmarks.work.sweep FIRST EVERY``.

Of all workloads every so many-th, from the first-th on, with every fault at every I/O. A case that fails
ends it.
"""

import json
import sys

from benchmarks.work.clock import core_seconds
from faults.exhaustive.sweep import cases, workloads
from faults.search.pool import cores
from faults.vdi import VDI

__all__ = ["main"]


def main(first: str, every: str) -> dict[str, float]:
    """Cases a second on one core; and seconds that all workloads would take on all cores of this machine."""
    target = VDI()
    everything = list(workloads())
    sample = everything[int(first) % int(every) :: int(every)]
    done = 0
    began = core_seconds()
    for operations in sample:
        for case, outcome in cases(target, operations):
            assert outcome.failure is None, f"{case}: {outcome.kind}: {outcome.failure}"
            done += 1
    seconds = core_seconds() - began
    return {"cases": done / seconds, "whole": seconds * len(everything) / len(sample) / cores()}


if __name__ == "__main__":
    print(json.dumps(main(*sys.argv[1:])))
