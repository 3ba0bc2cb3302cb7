"""The plugin, in a pytest of its own: a marked test runs for each seed, and its failure is small and replays."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

CONFTEST = """
import pytest
from faults.pytest_plugin import SimLoopFactory

def pytest_asyncio_loop_factories(config, item):
    return {"simulated": SimLoopFactory(seed=1)}
"""

TESTS = """
import asyncio, time
import pytest
from faults.simulation.fences import NotSimulated

@pytest.fixture
def limit():
    return 3

@pytest.mark.faults(seeds=40)
def test_small(sim, limit):
    values = [sim.tape.draw("value", 100) for _ in range(sim.tape.draw("count", 10))]
    assert sum(values) < limit * 50, "too much"

calls = []

@pytest.mark.faults(seeds=7)
def test_each_seed(sim):
    calls.append(sim.tape.draw("x", 1000))

def test_they_were_seven_runs():
    assert len(calls) == 7 and len(set(calls)) > 1

def test_without_the_marker(sim):
    async def use(storage):
        await storage.pwrite_some(memoryview(b"kept"), 0)
    sim.session(use)
    assert not sim.power_was_lost and sim.device.read(0, 4) == b"kept"

@pytest.mark.asyncio
async def test_on_the_simulated_loop():
    loop = asyncio.get_running_loop()
    await asyncio.sleep(3600)
    assert loop.time() == 3600
    with pytest.raises(NotSimulated):
        await asyncio.to_thread(print)
"""


def run_pytest(folder: Path, *arguments: str, settings: str = "pytest.ini") -> str:
    plugins = ["-p", "faults.pytest_plugin", "-p", "pytest_asyncio.plugin"]
    command = [sys.executable, "-m", "pytest", "-q", "-c", settings, *plugins, *arguments]
    environment = os.environ | {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    ended = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    return ended.stdout + ended.stderr


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "pytest.ini").write_text("[pytest]\nasyncio_default_fixture_loop_scope = function\n")
    (tmp_path / "conftest.py").write_text(CONFTEST)
    (tmp_path / "test_it.py").write_text(TESTS)
    return tmp_path


def test_a_failure_is_shrunk_and_everything_else_passes(project: Path) -> None:
    text = run_pytest(project, "--strict-markers")
    assert "1 failed, 4 passed" in text, text
    assert "FAILED  too much" in text
    assert re.search(r"seed \d+ of 40", text)
    assert len(list((project / ".faults").iterdir())) == 2


def test_the_command_of_the_report_fails_again_with_a_traceback(project: Path) -> None:
    found = re.search(r"pytest '(\S+)' --faults-replay (\S+)", run_pytest(project, "-k", "test_small"))
    assert found is not None
    text = run_pytest(project, found[1], "--faults-replay", found[2])
    assert "assert sum(values) < limit * 50" in text
    assert "assert 150 < (3 * 50)" in text


def test_the_command_of_the_report_is_for_the_folder_in_which_pytest_runs(project: Path) -> None:
    below = project / "below"
    below.mkdir()
    text = run_pytest(below, "../test_it.py", "-k", "test_small", settings="../pytest.ini")
    assert "python -m pytest '../test_it.py::test_small" in text


def test_the_number_of_seeds_can_be_given(project: Path) -> None:
    assert "assert (2 == 7" in run_pytest(project, "-k", "seed or seven", "--faults-seeds", "2")


def test_a_file_of_another_test_is_skipped(project: Path) -> None:
    run_pytest(project, "-k", "test_small")
    path = next((project / ".faults").iterdir())
    assert "1 skipped" in run_pytest(project, "-k", "test_each_seed", "--faults-replay", str(path))


@pytest.mark.parametrize("code", ["async def test_it(sim): pass", "def test_it(): pass"])
def test_the_marker_on_a_wrong_function_is_refused(project: Path, code: str) -> None:
    (project / "test_it.py").write_text(f"import pytest\n\n@pytest.mark.faults\n{code}\n")
    assert "is for a plain function with the argument sim" in run_pytest(project)
