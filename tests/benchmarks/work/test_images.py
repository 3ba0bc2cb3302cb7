"""The disk that is stopped has all that a power loss can meet, and every image of it is really judged."""

import shutil
from dataclasses import replace

import pytest

from aiovdi.units import KiB, MiB
from benchmarks.work import images
from faults.judges.oracle import Violation
from faults.simulation.crash import power_loss_space
from faults.simulation.tape import ExploringTape
from faults.vdi import VDI


def test_the_power_goes_with_writes_flushed_ended_and_under_way() -> None:
    device, _ = images.stopped(VDI())
    assert device.durable
    assert device.versions
    assert device.in_flight


@pytest.mark.parametrize("block_size", [4 * KiB, MiB])
def test_images_differ_and_each_is_judged(block_size: int) -> None:
    rates = images.main("faults", str(block_size), "5")
    assert rates["rate"] > 0


def test_an_image_without_what_was_flushed_is_not_passed_over() -> None:
    target = VDI()
    device, oracle = images.stopped(target)
    image = power_loss_space(device).draw(ExploringTape(1))
    data = {unit: content for unit, content in image.durable.items() if b"A0 in sector" in content}
    assert data
    broken = replace(image, durable={unit: c for unit, c in image.durable.items() if unit not in data})
    with pytest.raises(Violation, match="sector 0 holds zeros"):
        images._read_by_faults(target, oracle)(broken)


@pytest.mark.skipif(not shutil.which("qemu-io"), reason="qemu-io is not installed")
def test_qemu_io_reads_the_same_images() -> None:
    assert images.main("qemu-io", str(MiB), "1")["rate"] > 0
