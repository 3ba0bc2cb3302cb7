"""Hypothesis drives the harness: what it makes is a run, it finds a planted bug, and the real driver holds."""

import pytest
from hypothesis import HealthCheck, find, given, settings
from hypothesis import strategies as st
from hypothesis.errors import NoSuchExample

from faults.runs.run import Script, run
from faults.runs.strategies import plans, presets, rules, scripts, tapes, workloads
from faults.runs.workload import KINDS, Profile, Workload
from faults.simulation.plan import Rule
from faults.simulation.tape import ReplayTape
from faults.vdi import VDI

DISK = VDI(blocks=3, block_size=1024)


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(scripts(DISK), tapes(), presets())
def test_the_real_driver_holds(script: Script, tape: ReplayTape, preset: str) -> None:
    outcome = run(DISK, tape, Profile(preset=preset), script=script)
    assert outcome.failure is None, outcome.failure


@given(workloads(DISK))
def test_a_workload_lies_on_the_disk_and_its_names_differ(workload: Workload) -> None:
    requests = [request for client in workload for request in client]
    assert len({request.name for request in requests}) == len(requests)
    for request in requests:
        assert request.kind in KINDS
        assert 0 <= request.offset <= request.offset + request.length <= DISK.size


@given(st.data())
def test_a_plan_is_a_few_rules_that_each_inject(data: st.DataObject) -> None:
    for rule in [*data.draw(plans()), data.draw(rules())]:
        assert isinstance(rule, Rule)
        assert rule.fate.errno
        assert rule.nth >= 1


def test_a_planted_bug_is_found_and_shrunk_to_its_smallest_run() -> None:
    """A disk that shows nothing of what was written: one client, one request, no fault is left."""

    class Blank(VDI):
        def read_image(self, content: bytes) -> bytes:
            return bytes(self.size)

    blank = Blank(blocks=3, block_size=1024)
    smallest = find(scripts(blank), lambda script: run(blank, ReplayTape([]), script=script).failure is not None)
    assert smallest.workloads is not None
    [[[request]]] = smallest.workloads
    assert (request.offset, request.length) == (0, 512)
    assert smallest.plan(ReplayTape([])).injected == 0


def test_nothing_is_found_where_there_is_nothing() -> None:
    with pytest.raises(NoSuchExample):
        find(
            scripts(DISK),
            lambda script: run(DISK, ReplayTape([]), script=script).failure is not None,
            settings=settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow]),
        )
