"""A search goes on after a failure, tells causes apart, and has each in a file that replays."""

from collections.abc import Callable
from pathlib import Path

from faults.failures.artifact import load_artifact, replay
from faults.foreign.drivers import Driver
from faults.foreign.search import Search
from faults.foreign.summary import Group
from faults.search.budget import Budget


def test_a_failure_is_in_its_file_and_replays(relay: Callable[[str], Driver], tmp_path: Path) -> None:
    told: list[Group] = []
    search = Search(relay("liar"), tmp_path, found=told.append)
    summary = search.run(Budget(6))
    assert (summary.part.runs, summary.part.checked, summary.part.unlike) == (6, 1, [])
    assert told == list(summary.groups.values())
    group = summary.groups["lost after nothing"]
    artifact = load_artifact(group.path)
    again = replay(artifact, search.subject)
    assert again.failure == artifact.failure == group.failure
    assert again.trace.digest() == artifact.digest


def test_a_driver_that_keeps_its_word_leaves_no_file(relay: Callable[[str], Driver], tmp_path: Path) -> None:
    summary = Search(relay("honest"), tmp_path).run(Budget(4), base=1000)
    assert summary.groups == {}
    assert list(tmp_path.iterdir()) == []


def test_more_processes_run_the_same_seeds(relay: Callable[[str], Driver], tmp_path: Path) -> None:
    one = Search(relay("liar"), tmp_path / "one").run(Budget(5))
    two = Search(relay("liar"), tmp_path / "two").run(Budget(5), processes=2)
    assert (one.kinds, one.part.runs, one.part.steps) == (two.kinds, two.part.runs, two.part.steps)
