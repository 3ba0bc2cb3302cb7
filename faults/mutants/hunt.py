"""Every mutant gets its trial; what survives must be explained.

Each trial is a process of its own, with so many runs and so many seconds. One that does not end is
stopped and counts as killed: somebody would have noticed.
"""

import json
import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from faults.mutants.explained import reason_for
from faults.mutants.operators import Mutant
from faults.mutants.reach import Reach

__all__ = ["Result", "Tally", "Trial", "hunt", "reach"]

GRACE = 20.0
"""Seconds beyond the budget, for a run that has begun and the start of a process."""


class Trial(NamedTuple):
    """What each mutant is given."""

    target: str = "vdi"
    seeds: range = range(3_000)
    most: int = 1_000
    """Runs that come by the mutated line."""
    seconds: float = 60.0
    meetings: int = 0
    """Runs of ``runs.meetings`` for those that survive the others."""


class Result(NamedTuple):
    """What became of one mutant."""

    mutant: Mutant
    runs: int
    """That came by the mutated line, and meetings."""
    seed: int | None
    """The one that killed it."""
    kind: str
    """Of the failure that killed it; empty: it survived."""
    failure: str
    reason: str
    """Why it may survive, if that is known."""

    @property
    def is_contradicted(self) -> bool:
        """It was said to be harmless, and was killed: the reason is wrong, or the judge."""
        return bool(self.kind and self.reason)

    @property
    def is_open(self) -> bool:
        """It survived, and nobody has said why."""
        return not self.kind and not self.reason

    def __str__(self) -> str:
        if self.is_contradicted:
            return f"HARMLESS? {self.mutant} [{self.kind}, seed {self.seed}; but: {self.reason}]"
        if self.kind:
            where = "meeting" if self.failure.startswith("a meeting") else "seed"
            return f"killed    {self.mutant} [{self.kind}, {where} {self.seed}, {self.runs} runs]"
        fate = f"explained {self.mutant} [{self.reason}]" if self.reason else f"SURVIVED  {self.mutant}"
        return f"{fate} [{self.runs} runs]"

    def as_json(self) -> dict[str, Any]:
        """Without the source."""
        mutant = {name: value for name, value in self.mutant._asdict().items() if name != "source"}
        return mutant | {name: value for name, value in self._asdict().items() if name != "mutant"}


@dataclass
class Tally:
    """What became of all."""

    results: list[Result] = field(default_factory=list)
    was_interrupted: bool = False

    @property
    def open(self) -> list[Result]:
        """The survivors that nobody has explained."""
        return [result for result in self.results if result.is_open]

    @property
    def contradicted(self) -> list[Result]:
        """Those that were said to be harmless, and killed."""
        return [result for result in self.results if result.is_contradicted]

    def __str__(self) -> str:
        killed = [result for result in self.results if result.kind]
        kinds = ", ".join(f"{number} {kind}" for kind, number in Counter(each.kind for each in killed).most_common())
        explained = sum(not result.kind and bool(result.reason) for result in self.results)
        survived = f"{explained} survived with a reason, {len(self.open)} without"
        line = f"{len(self.results)} mutants: {len(killed)} killed ({kinds or 'none'}), {survived}"
        return "\n".join(
            [line, *map(str, self.open), *map(str, self.contradicted), *["interrupted"] * self.was_interrupted]
        )


def reach(sources: Mapping[str, str], trial: Trial, *, jobs: int = 1) -> Reach:
    """Which of the trial's runs come by which lines of these modules."""
    shares = [trial.seeds[at::jobs] for at in range(jobs)]
    whole: Reach = {module: defaultdict(list) for module in sources}
    with ThreadPoolExecutor(jobs) as pool:
        works = [{"sources": dict(sources), "target": trial.target, "seeds": list(share)} for share in shares]
        for told in pool.map(_ask, works):
            for module, lines in told.items():
                for line, seeds in lines.items():
                    whole[module][int(line)] += seeds
    return {module: {line: sorted(seeds) for line, seeds in lines.items()} for module, lines in whole.items()}


def hunt(
    mutants: Sequence[Mutant],
    reached: Reach,
    trial: Trial,
    *,
    jobs: int = 1,
    progress: Callable[[Result], object] = lambda _: None,
) -> Tally:
    """Try them all, ``jobs`` at a time. Results come in the order of ``mutants``."""
    tally = Tally()
    try:
        for result in _tried(mutants, reached, trial, jobs):
            tally.results.append(result)
            progress(result)
    except KeyboardInterrupt:
        tally.was_interrupted = True
    return tally


def _tried(mutants: Sequence[Mutant], reached: Reach, trial: Trial, jobs: int) -> Iterator[Result]:
    pool = ThreadPoolExecutor(jobs)
    try:
        yield from pool.map(lambda mutant: _try(mutant, reached[mutant.module].get(mutant.reach, []), trial), mutants)
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _try(mutant: Mutant, seeds: list[int], trial: Trial) -> Result:
    job = {
        "module": mutant.module,
        "source": mutant.source,
        "target": trial.target,
        "seeds": seeds[: trial.most],
        "seconds": trial.seconds,
        "meetings": trial.meetings,
    }
    try:
        told = _ask(job, timeout=trial.seconds + GRACE)
    except subprocess.TimeoutExpired:
        return Result(mutant, 0, None, "endless", "did not end in time", "")
    except subprocess.CalledProcessError as error:
        return Result(mutant, 0, None, "crash", str(error.stderr).strip()[-200:], "")
    return Result(mutant, **told, reason=reason_for(mutant, by_name=bool(told["kind"])))


def _ask(job: Mapping[str, Any], timeout: float | None = None) -> Any:
    """Let a process of its own do the job."""
    command = [sys.executable, "-m", "faults.mutants.trial"]
    done = subprocess.run(command, input=json.dumps(job), capture_output=True, text=True, timeout=timeout, check=True)
    return json.loads(done.stdout)
