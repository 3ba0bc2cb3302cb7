"""A failure goes into a file and comes back: the same run on the same code, an honest verdict on any other."""

import json
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import pytest

from faults.failures.artifact import load_artifact, replay, save_artifact, verdict
from faults.runs.workload import Profile
from faults.search.subject import find, of
from tests.faults.failing import first_artifact, first_artifacts


def test_a_failure_comes_back_from_its_file_unchanged(broken: ModuleType, tmp_path: Path) -> None:
    artifact = first_artifact(find("broken:ForgetsFlushTarget", Profile(clients=2, weights=(4, 1, 2, 0, 0, 0, 0))))
    assert load_artifact(save_artifact(artifact, tmp_path / "new")) == artifact


def test_the_file_name_tells_target_kind_and_seed(broken: ModuleType, tmp_path: Path) -> None:
    artifact = first_artifact(find("broken:ForgetsFlushTarget"))
    assert save_artifact(artifact, tmp_path).name == f"broken-ForgetsFlushTarget-violation-seed-{artifact.seed}.json"


def test_a_replay_is_the_same_run(broken: ModuleType) -> None:
    subject = find("broken:SwallowsErrorsTarget")
    artifact = first_artifact(subject)
    outcome = replay(artifact, subject)
    assert outcome.trace.digest() == artifact.digest
    assert verdict(artifact, outcome).startswith("still there (the same run)")


def test_after_the_bug_was_mended_the_verdict_is_gone(broken: ModuleType) -> None:
    artifact = first_artifact(find("broken:ForgetsFlushTarget"))
    assert verdict(artifact, replay(artifact, find("broken:Target"))).startswith("gone")


def test_after_an_edit_that_moves_every_io_most_failures_still_show(broken: ModuleType) -> None:
    class Edited(broken.ForgetsFlush):  # type: ignore[misc,name-defined]
        async def pwrite(self, data: bytes, offset: int, *, fua: bool = False) -> None:
            await self.storage.pread_some(memoryview(bytearray(1)), 0)
            await super().pwrite(data, offset, fua=fua)

    class EditedTarget(broken.Target):  # type: ignore[misc,name-defined]
        disk = Edited

    many = first_artifacts(find("broken:ForgetsFlushTarget"), 10)
    found = [verdict(artifact, replay(artifact, of("edited", EditedTarget))) for artifact in many]
    # Where it hangs on one moment, an edit that moves every I/O may well move it past that.
    assert sum(each.startswith("still there (by another way") for each in found) > len(many) / 2


@pytest.mark.parametrize("content", ["{}", "[]", '{"format": 1}'])
def test_a_file_that_is_no_artifact_is_refused(content: str, tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(ValueError, match="not an artifact"):
        load_artifact(path)


def test_an_artifact_of_another_format_is_refused(broken: ModuleType, tmp_path: Path) -> None:
    path = save_artifact(first_artifact(find("broken:ForgetsFlushTarget")), tmp_path)
    path.write_text(json.dumps(json.loads(path.read_text()) | {"format": 99}), encoding="utf-8")
    with pytest.raises(ValueError, match="format 99, expected 1"):
        load_artifact(path)


def test_an_unknown_field_of_the_profile_is_passed_over(broken: ModuleType, tmp_path: Path) -> None:
    path = save_artifact(first_artifact(find("broken:ForgetsFlushTarget")), tmp_path)
    content = json.loads(path.read_text())
    content["profile"]["moon"] = "full"
    path.write_text(json.dumps(content), encoding="utf-8")
    assert load_artifact(path).profile == Profile()


def test_a_target_that_is_a_whole_command_leaves_a_name_that_a_file_may_have(broken: ModuleType) -> None:
    artifact = replace(first_artifact(find("broken:ForgetsFlushTarget")), target="foreign:" + "x: y, " * 100)
    assert len(artifact.name) < 120


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"\xff\xfe", "'utf-8' codec"),
        (b"not json", "Expecting value"),
        (b"[]", "found a list"),
        (b"{}", "found no 'format'"),
        (b'{"format": 1}', "found no 'labels'"),
    ],
)
def test_a_file_that_is_no_artifact_is_named_with_what_it_is(content: bytes, why: str, tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    path.write_bytes(content)
    with pytest.raises(ValueError, match="not an artifact: ") as caught:
        load_artifact(path)
    assert str(caught.value).startswith(f"{path}: not an artifact: {why}")
    assert str(caught.value).endswith("expected a file that `python -m faults` has written")
