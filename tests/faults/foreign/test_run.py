"""A tape becomes a run with real processes, and the same tape the same run."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from faults.foreign.drivers import DRIVERS, Driver
from faults.foreign.run import LENGTH_MAX, _cut, run
from faults.runs.workload import Request
from faults.simulation.tape import Draw, ExploringTape, ReplayTape

BLOCK = 1 << 20


@pytest.mark.parametrize("seed", range(4))
def test_a_recorded_run_replays_event_by_event(relay: Callable[[str], Driver], seed: int) -> None:
    first = run(relay("honest"), ExploringTape(seed))
    again = run(relay("honest"), ReplayTape(first.draws), doubts=True)
    assert first.failure is None
    assert again.draws == first.draws
    assert again.trace.digest() == first.trace.digest()
    assert again.late == 0


def test_nothing_is_found_in_a_driver_that_only_hands_on(relay: Callable[[str], Driver]) -> None:
    failures = [
        outcome.failure for seed in range(100, 108) if (outcome := run(relay("honest"), ExploringTape(seed))).failure
    ]
    assert failures == []


def test_a_flush_that_is_not_forwarded_is_found(relay: Callable[[str], Driver]) -> None:
    outcomes = (run(relay("deaf"), ExploringTape(seed)) for seed in range(150, 350))
    found = next(outcome for outcome in outcomes if outcome.failure)
    assert found.kind.startswith("lost after")
    assert "power loss" in found.kind


@pytest.mark.parametrize("name", [name for name in DRIVERS if name.startswith("qemu-")])
def test_in_the_benign_order_with_no_fault_nobody_loses_anything(qemu: Callable[[str], Driver], name: str) -> None:
    two_clients = [Draw("clients", 4, 1), *[Draw("offset", 1 << 14, offset) for offset in (0, 5000, 2500)]]
    outcome = run(qemu(name.removeprefix("qemu-")), ReplayTape(two_clients))
    assert outcome.failure is None
    assert sum(event.what == "return" for event in outcome.trace.events) == 2


@pytest.mark.parametrize("name", ["raw", "qcow2", "parallels"])
def test_nothing_is_found_in_what_qemu_does_right(qemu: Callable[[str], Driver], name: str) -> None:
    outcomes = [run(qemu(name), ExploringTape(seed)) for seed in range(4)]
    assert [outcome.failure for outcome in outcomes if outcome.failure] == []
    assert sum(outcome.steps for outcome in outcomes) > 10


def test_a_request_is_short_and_still_crosses_the_border_that_it_crossed() -> None:
    long = Request("A0", "write", BLOCK - 200 * 512, 400 * 512, cancels=2)
    cut = _cut(long, BLOCK)
    assert cut == Request("A0", "write", BLOCK - LENGTH_MAX // 2, LENGTH_MAX)
    assert _cut(Request("A0", "read", 512, BLOCK), 4 * BLOCK) == Request("A0", "read", 512, LENGTH_MAX)
    assert _cut(Request("A0", "flush"), BLOCK) == Request("A0", "flush")


def test_a_session_that_went_beyond_its_client_counts_as_killed(relay: Callable[[str], Driver]) -> None:
    one_write = [Draw("requests", 4, 0), Draw("kind", 1, 0)]
    outcome = run(replace(relay("short"), grows=True), ReplayTape(one_write))
    assert outcome.failure is None
    assert "session ended by kill" in [event.subject for event in outcome.trace.events]
