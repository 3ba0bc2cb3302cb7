"""Silent damage is silent to the driver, lasts as long as the model says, and does not escape the oracle."""

import pytest

from faults.runs.run import Script, run
from faults.runs.workload import Request
from faults.simulation.corruption import OF_READS, OF_WRITES, end_corrupted, read_corrupted
from faults.simulation.device import Device
from faults.simulation.plan import Rules, parse_rule
from faults.simulation.tape import Draw, ExploringTape, ReplayTape
from faults.vdi import VDI


def written(effect: str, tape: ReplayTape | ExploringTape) -> Device:
    device = Device.holding(b"o" * 2048)
    end_corrupted(device, device.issue_write(512, b"n" * 512), effect, tape)
    return device


def units(device: Device) -> str:
    return device.read(0, 2048)[::512].decode()


def test_a_lost_write_leaves_everything_as_it_was() -> None:
    assert units(written("lost", ReplayTape([]))) == "oooo"


def test_a_misdirected_write_is_somewhere_else() -> None:
    found = {units(written("misdirected", ExploringTape(seed))) for seed in range(40)}
    assert found == {"nooo", "oono", "ooon"}


def test_a_flipped_write_differs_in_one_bit() -> None:
    device = written("flipped", ReplayTape([Draw("flipped.bit", 4096, 9)]))
    assert device.read(512, 512) == b"n" + bytes([ord("n") ^ 2]) + b"n" * 510


def test_a_flipped_read_leaves_the_disk_as_it_is() -> None:
    device = Device.holding(bytes(512))
    data = read_corrupted(device, 0, 8, "flipped", ReplayTape([Draw("flipped.bit", 64, 63)]))
    assert data == bytes(7) + b"\x80"
    assert device.read(0, 512) == bytes(512)


def test_a_stale_read_returns_what_is_durable() -> None:
    device = Device.holding(b"o" * 512)
    device.end(device.issue_write(0, b"n" * 1024))
    assert read_corrupted(device, 0, 1024, "stale", ReplayTape([])) == b"o" * 512 + bytes(512)


def test_a_latent_error_lasts_until_its_unit_is_written_again_also_over_a_power_loss() -> None:
    device = written("latent", ReplayTape([]))
    assert not device.is_readable(0, 513)
    assert device.is_readable(0, 512)
    assert device.is_readable(1024, 1024)
    later = device.holds(dict(device.volatile), 2048)
    assert not later.is_readable(512, 1)
    later.end(later.issue_write(600, b"x"))
    assert later.is_readable(0, 2048)


WRITE, READ = Request("A0", "write", 0, 512), Request("A1", "read", 0, 512)


@pytest.mark.parametrize(
    "rule",
    [
        "event=write:data errno=0 effect=lost",
        "event=write:bmap errno=0 effect=lost",
        "event=write:data errno=0 effect=flipped",
        "event=read:data errno=0 effect=flipped nth=0",
    ],
)
def test_the_oracle_finds_what_the_disk_did_silently(rule: str) -> None:
    script = Script(workloads=([[WRITE, READ]],), plan=lambda _: Rules([parse_rule(rule)]), end="close")
    found = [run(VDI(), ExploringTape(seed), script=script).failure for seed in range(12)]
    assert any(found)


def test_a_read_of_a_latent_error_fails_and_that_is_no_violation() -> None:
    rule = "event=write:data errno=0 effect=latent"
    script = Script(workloads=([[WRITE, READ]],), plan=lambda _: Rules([parse_rule(rule)]), end="close")
    outcomes = [run(VDI(), ExploringTape(seed), script=script) for seed in range(12)]
    assert not any(outcome.failure for outcome in outcomes)
    assert any(event.what == "raise" for outcome in outcomes for event in outcome.trace.events)


def test_every_word_is_one_of_reads_or_of_writes() -> None:
    assert {"lost", "misdirected", "flipped", "latent", "stale"} == OF_READS | OF_WRITES
