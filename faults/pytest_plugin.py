"""For pytest: a marker that runs a test once for each seed, and the simulated machine as a fixture.

::

    @pytest.mark.faults(seeds=200)
    def test_what_was_acknowledged_is_there_after_a_power_loss(sim):
        ...                       # a story, see faults.runs.story: a plain function, sim.session runs the loop

A failure is written to a file, shrunk, and reported in ten lines; the last names the command that shows
it again: ``python -m pytest NODE --faults-replay FILE``. ``--faults-seeds N`` runs more or fewer.

Rule 1: the test function is called once for each seed, with a new ``sim``. Its other fixtures are made
once, so what they hold must not depend on a run.
Rule 2: a test with ``sim`` and without the marker runs once, and nothing happens to it: every choice
is the benign one.
"""

import inspect
import os
from functools import partial
from pathlib import Path

import pytest

from faults.failures.artifact import load_artifact, of_outcome, save_artifact
from faults.failures.investigate import investigate
from faults.runs.story import Sim, run_story
from faults.search.subject import Subject
from faults.simulation.loop import SimLoop
from faults.simulation.tape import ExploringTape, ReplayTape

__all__ = ["SimLoopFactory", "sim"]

SEEDS = 100


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("faults", "simulated storage and power losses")
    group.addoption("--faults-seeds", type=int, help=f"runs of each test with the marker (default {SEEDS})")
    group.addoption("--faults-replay", type=Path, metavar="FILE", help="only the run that this file holds")
    group.addoption("--faults-folder", type=Path, default=Path(".faults"), help="where failures are written")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", f"faults(seeds={SEEDS}): run the test once for each seed, with a new sim")


@pytest.fixture
def sim() -> Sim:
    """A simulated machine with one storage on which nothing goes wrong, unless the test has the marker."""
    return Sim(ReplayTape([]))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if not isinstance(item, pytest.Function) or item.get_closest_marker("faults") is None:
            continue
        if inspect.iscoroutinefunction(item.obj) or "sim" not in item.fixturenames:
            raise pytest.UsageError(f"{item.nodeid}: the marker faults is for a plain function with the argument sim")


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> object | None:
    """Run a marked test for each of its seeds."""
    marker = pyfuncitem.get_closest_marker("faults")
    if marker is None:
        return None
    subject = Subject(pyfuncitem.nodeid, lambda tape: run_story(partial(_call, pyfuncitem), tape))
    if (path := pyfuncitem.config.getoption("--faults-replay")) is not None:
        _replay(pyfuncitem, path)
    else:
        seeds = pyfuncitem.config.getoption("--faults-seeds") or marker.kwargs.get("seeds", SEEDS)
        _search(subject, range(seeds), pyfuncitem)
    return True


class SimLoopFactory:
    """Makes simulated loops for asynchronous tests: ``pytest-asyncio`` takes it from its hook.

    In ``conftest.py``::

        def pytest_asyncio_loop_factories(config, item):
            return {"simulated": SimLoopFactory(seed=1)}

    The test then runs in virtual time, in an order that the seed decides; files, sockets and threads
    raise ``NotSimulated``.
    """

    def __init__(self, seed: int = 0) -> None:
        self._seed = seed

    def __call__(self) -> SimLoop:
        return SimLoop(ExploringTape(self._seed))


def _search(subject: Subject, seeds: range, item: pytest.Function) -> None:
    folder = item.config.getoption("--faults-folder")
    for seed in seeds:
        outcome = subject.run(ExploringTape(seed))
        if outcome.failure is not None:
            artifact = of_outcome(subject, seed, outcome)
            save_artifact(artifact, folder)
            finding = investigate(
                subject,
                artifact,
                folder,
                command=lambda path: f"python -m pytest '{_node(item)}' --faults-replay {path}",
                verbose=item.config.option.verbose > 0,
            )
            pytest.fail(f"seed {seed} of {len(seeds)}\n{finding.text}", pytrace=False)


def _node(item: pytest.Function) -> str:
    """The test as a word of the command line, from where pytest was started: a node id begins at the root."""
    path = os.path.relpath(item.path, item.config.invocation_params.dir)
    return "::".join([path, *item.nodeid.split("::")[1:]])


def _replay(pyfuncitem: pytest.Function, path: Path) -> None:
    """The failing run once more; what the test raises is raised here, with its traceback."""
    artifact = load_artifact(path)
    if artifact.target != pyfuncitem.nodeid:
        pytest.skip(f"{path} is a run of {artifact.target}")
    _call(pyfuncitem, Sim(ReplayTape(artifact.draws)))


def _call(pyfuncitem: pytest.Function, sim: Sim) -> None:
    names = inspect.signature(pyfuncitem.obj).parameters
    pyfuncitem.obj(**{name: pyfuncitem.funcargs[name] for name in names if name != "sim"}, sim=sim)
