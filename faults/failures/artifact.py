"""A failure as a file: written before anything else is done with it, and enough to see it again.

The file holds every choice of the run, so that it replays without the seed, and the versions of what
ran. After the code has changed the choices are matched by their labels as far as they still make
sense; the verdict says whether the same kind of failure still shows.
"""

import json
import platform
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from hashlib import blake2b
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from faults.runs.run import Outcome
from faults.runs.workload import Profile
from faults.search.subject import Subject
from faults.simulation.tape import Draw, ReplayTape, dump, load

__all__ = ["Artifact", "load_artifact", "of_outcome", "replay", "save_artifact", "verdict"]

FORMAT = 1

NAME_WORD_MAX = 60
"""Of a target's name in that of a file; some targets are whole commands."""


@dataclass(frozen=True)
class Artifact:
    """One failing run."""

    target: str
    """The name of its subject, see ``faults.search.subject``."""
    seed: int | None
    """Where the draws came from; None: from shrinking or by hand."""
    kind: str
    failure: str
    draws: list[Draw]
    profile: Profile = field(default_factory=Profile)
    digest: str = ""
    """Of the trace: a replay of the same code shows the same one."""
    versions: Mapping[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """A file name that tells the failures of one target apart."""
        choices = blake2b(dump(self.draws).encode(), digest_size=4).hexdigest()
        words = [
            *(word[:NAME_WORD_MAX] for word in self.target.split(":", 1)),
            self.kind,
            f"seed-{self.seed}" if self.seed is not None else choices,
        ]
        return "-".join("".join(c if c.isalnum() or c == "-" else "-" for c in word) for word in words) + ".json"


def of_outcome(subject: Subject, seed: int | None, outcome: Outcome) -> Artifact:
    """The artifact of a run that failed."""
    assert outcome.failure is not None
    return Artifact(
        target=subject.name,
        seed=seed,
        kind=outcome.kind,
        failure=outcome.failure,
        draws=list(outcome.draws),
        profile=subject.profile,
        digest=outcome.trace.digest(),
        versions=_versions(),
    )


def save_artifact(artifact: Artifact, folder: Path) -> Path:
    """Write it into ``folder``, which is made if need be. Returns the path."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / artifact.name
    tape = json.loads(dump(artifact.draws))
    content = asdict(artifact) | {"format": FORMAT, "draws": None} | tape
    path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    return path


def load_artifact(path: Path) -> Artifact:
    """What ``save_artifact`` wrote.

    Raises:
        ValueError: it is no artifact, or one of another format.
    """
    expected = "expected a file that `python -m faults` has written"
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{path}: not an artifact: {error}; {expected}") from error
    if not isinstance(content, dict):
        raise ValueError(f"{path}: not an artifact: found a {type(content).__name__}; {expected}")  # noqa: TRY004  (no caller's type)
    try:
        found = content["format"]
        if found != FORMAT:
            raise ValueError(f"{path}: format {found}, expected {FORMAT}")
        draws = load(json.dumps({"labels": content["labels"], "draws": content["draws"]}))
        kept = {name: content[name] for name in ("target", "seed", "kind", "failure", "digest", "versions")}
        return Artifact(**kept, draws=draws, profile=_profile(content["profile"]))
    except KeyError as error:
        raise ValueError(f"{path}: not an artifact: found no {error}; {expected}") from error
    except TypeError as error:
        raise ValueError(f"{path}: not an artifact: {error}; {expected}") from error


def replay(artifact: Artifact, subject: Subject) -> Outcome:
    """Run the artifact's choices again, on the code of today."""
    return subject.run(ReplayTape(artifact.draws))


def verdict(artifact: Artifact, outcome: Outcome) -> str:
    """One line: what became of the failure."""
    if outcome.failure is None:
        return f"gone: {artifact.kind!r} does not show any more with these choices"
    if outcome.kind != artifact.kind:
        return f"changed: was {artifact.kind!r}, is {outcome.kind!r}: {outcome.failure}"
    same = "the same run" if outcome.trace.digest() == artifact.digest else "by another way, the code has changed"
    return f"still there ({same}): {outcome.failure}"


def _profile(content: dict[str, Any]) -> Profile:
    """Fields that this version does not know are left out: an old file is better read in part than not at all."""
    known = {each.name for each in fields(Profile)}
    values: dict[str, Any] = {}
    for name in known & content.keys():
        values[name] = tuple(content[name]) if isinstance(content[name], list) else content[name]
    return Profile(**values)


def _versions() -> dict[str, str]:
    try:
        own = version("aiovdi")
    except PackageNotFoundError:
        own = "not installed"
    return {"python": platform.python_version(), "aiovdi": own}
