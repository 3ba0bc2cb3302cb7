"""One mutant, tried in a process of its own: runs of the default profile, then meetings, until one fails.

The process reads its job as JSON from standard input and writes what it found to standard output. A mutant
that cannot even be imported is found by that. Another job, ``reach``, tells which runs come by which lines.
"""

import contextlib
import json
import sys
from typing import Any

from faults.mutants.load import replace_source
from faults.mutants.reach import PROBE, Reached, probed
from faults.search.budget import Budget
from faults.simulation.tape import ExploringTape

__all__ = ["look", "main", "trial"]


def trial(job: dict[str, Any]) -> dict[str, Any]:
    """What became of the mutant: how many runs were made, the seed that failed, kind and text of the failure."""
    replace_source(job["module"], job["source"])
    try:
        from faults.search.subject import find  # noqa: PLC0415  (imports the mutant)

        subject = find(job["target"])
        searches = [(subject, "", job["seeds"])]
        if job["meetings"]:
            from faults.search.subject import meetings_of  # noqa: PLC0415

            searches.append((meetings_of(subject), "a meeting: ", range(job["meetings"])))
    except Exception as error:
        return {"runs": 0, "seed": None, "kind": "import", "failure": f"{type(error).__name__}: {error}"}
    budget = Budget(seconds=job["seconds"])
    runs = 0
    for searched, where, seeds in searches:
        for seed in seeds:
            if budget.is_over():
                break
            runs += 1
            outcome = searched.run(ExploringTape(seed))
            if outcome.failure is not None:
                return {"runs": runs, "seed": seed, "kind": outcome.kind, "failure": where + outcome.failure}
    return {"runs": runs, "seed": None, "kind": "", "failure": ""}


def look(job: dict[str, Any]) -> dict[str, Any]:
    """For each module and line, the seeds that came by."""
    reached = Reached(list(job["sources"]))
    for module, source in job["sources"].items():
        replace_source(module, probed(source), **{PROBE: reached.lines[module].add})
    from faults.search.subject import find  # noqa: PLC0415  (imports the probed modules)

    subject = find(job["target"])
    for seed in job["seeds"]:
        subject.run(ExploringTape(seed))
        reached.end_run(seed)
    return reached.seeds


def main() -> int:
    """Take the job, tell the result. What the mutant itself prints is nobody's business."""
    job = json.load(sys.stdin)
    with contextlib.redirect_stdout(sys.stderr):
        result = look(job) if "sources" in job else trial(job)
    json.dump(result, sys.stdout)
    return 0


if __name__ == "__main__":
    sys.exit(main())
