"""From a failure to its report: the smallest run has a file, and the report's command names it."""

from dataclasses import replace
from pathlib import Path
from types import ModuleType

import pytest

from faults.failures.artifact import load_artifact, replay
from faults.failures.investigate import investigate
from faults.failures.shrink import Shrunk, measure
from faults.search.subject import find
from faults.simulation.tape import ReplayTape
from tests.faults.failing import first_artifact


def test_the_command_of_the_report_shows_the_smallest_run(broken: ModuleType, tmp_path: Path) -> None:
    subject = find("broken:SwallowsErrorsTarget")
    finding = investigate(subject, first_artifact(subject), tmp_path)
    assert finding.text.endswith(f"python -m faults replay {finding.path}")
    assert replay(load_artifact(finding.path), subject).failure == finding.failure
    assert finding.shrunk.case.operations == 1
    assert finding.nearest is not None


def test_another_command_may_stand_there(broken: ModuleType, tmp_path: Path) -> None:
    subject = find("broken:SwallowsErrorsTarget")
    finding = investigate(subject, first_artifact(subject), tmp_path, command=lambda path: f"pytest {path.name}")
    assert finding.text.endswith(f"pytest {finding.path.name}")


def test_a_failure_that_does_not_show_any_more_is_not_explained(broken: ModuleType, tmp_path: Path) -> None:
    artifact = first_artifact(find("broken:SwallowsErrorsTarget"))
    with pytest.raises(ValueError, match="show 'no failure'"):
        investigate(find("broken:Target"), artifact, tmp_path)


def test_a_subject_may_have_its_own_way_to_make_failures_small(broken: ModuleType, tmp_path: Path) -> None:
    subject = find("broken:SwallowsErrorsTarget")
    artifact = first_artifact(subject)
    as_found = subject.run(ReplayTape(artifact.draws))

    def keep(run: object, draws: object, kind: str, *, until: object) -> Shrunk:
        return Shrunk(as_found, measure(as_found), 7, is_minimal=True)

    finding = investigate(replace(subject, shrink=keep), artifact, tmp_path)
    assert finding.shrunk.runs == 7
    assert load_artifact(finding.path).draws == as_found.draws
