"""A hash of everything that happens under each of these seeds: ``python -m benchmarks.work.digests FIRST SEEDS``."""

import json
import sys

from faults.runs.run import run
from faults.simulation.tape import ExploringTape
from faults.vdi import VDI

__all__ = ["main"]


def main(first: str, seeds: str) -> dict[str, list[str]]:
    """The digests, by seed; and whether this process hashes strings as another one does."""
    target = VDI()
    wanted = range(int(first), int(first) + int(seeds))
    return {"digests": [run(target, ExploringTape(seed)).trace.digest() for seed in wanted], "hash": [str(hash("a"))]}


if __name__ == "__main__":
    print(json.dumps(main(*sys.argv[1:])))
