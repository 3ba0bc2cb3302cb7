"""The three losses of QEMU's VDI driver, each as the smallest course of events; and the same on aiovdi.

The search finds them with nothing written by hand (``python -m faults foreign qemu-vdi``). Here each is
written down, so that it is seen at once when a QEMU keeps the data: then the test is skipped, and
``docs/findings.md`` has something to add.
"""

from collections.abc import Callable
from pathlib import Path

import pytest

from faults.foreign.drivers import Driver, find_driver
from faults.foreign.search import Search
from faults.foreign.session import Life
from faults.runs.workload import Request
from faults.search.budget import Budget
from faults.simulation.tape import Draw

Losses = Callable[..., str]

MiB = 1 << 20
FIRST_DATA_FAILS = [Draw("storm", 3, 1), Draw("storm.only", 5, 0), Draw("storm.nth", 6, 0)]


def test_o_to_p_a_retried_write_is_acknowledged_flushed_and_gone(qemu: Callable[[str], Driver], losses: Losses) -> None:
    """A0  allocates the block in memory; its data fails once with EIO; A is told so
    A1  writes in place, since the block seems to be allocated: acknowledged
    A2  flush: acknowledged. The bmap entry was never written, and nobody will."""
    client = [Request("A0", "write", 0, 512), Request("A1", "write", 0, 512), Request("A2", "flush")]
    found = losses(qemu("vdi"), "close", [client], *FIRST_DATA_FAILS)
    if not found:
        pytest.skip("this QEMU keeps the data")
    assert found.startswith("lost after fault")
    assert "sector 0 holds zeros" in found


def test_q_a_flush_is_acknowledged_while_the_entry_is_in_flight(qemu: Callable[[str], Driver], losses: Losses) -> None:
    """A0  allocates; its header write is under way -------------------- kill -9
    B0                 writes in place: acknowledged
    B1                                               flush: acknowledged"""
    workload = [[Request("A0", "write", 0, 512)], [Request("B0", "write", 512, 512), Request("B1", "flush")]]
    held = Draw("next write header 512@0 #1", 32, 31)
    found = losses(qemu("vdi"), "kill", workload, held, life=Life(flushes=1))
    if not found:
        pytest.skip("this QEMU keeps the data")
    assert found.startswith("lost after kill")
    assert "sector 1 holds zeros, expected B0" in found


def test_r1_the_count_is_overtaken_with_no_fault_and_no_crash(qemu: Callable[[str], Driver], losses: Losses) -> None:
    """A0  takes slot 0; its header write (1) is under way ------- ends last
    B0                       takes slot 1; header (2); bmap"""
    workload = [[Request("A0", "write", 0, 512)], [Request("B0", "write", MiB, 512)]]
    overtaken = Draw("next write header 512@0 #1", 32, 31)
    found = losses(qemu("vdi"), "close", workload, overtaken)
    if not found:
        pytest.skip("this QEMU keeps the data")
    assert found.startswith("count after nothing")
    assert "share slot 1" in found


OF_AIOVDI = "next write bmap 24@1048576 #1"
"""The first entry that aiovdi writes: what QEMU had not written when it acknowledged others."""


def test_o_to_p_on_aiovdi_the_retried_write_is_there(losses: Losses) -> None:
    client = [Request("A0", "write", 0, 512), Request("A1", "write", 0, 512), Request("A2", "flush")]
    assert losses(find_driver("aiovdi"), "close", [client], *FIRST_DATA_FAILS) == ""


def test_q_on_aiovdi_nobody_writes_into_a_block_whose_entry_is_in_flight(losses: Losses) -> None:
    workload = [[Request("A0", "write", 0, 512)], [Request("B0", "write", 512, 512), Request("B1", "flush")]]
    assert losses(find_driver("aiovdi"), "kill", workload, Draw(OF_AIOVDI, 32, 31), life=Life(flushes=1)) == ""


def test_r1_on_aiovdi_the_count_is_above_the_map_whoever_is_late(losses: Losses) -> None:
    workload = [[Request("A0", "write", 0, 512)], [Request("B0", "write", MiB, 512)]]
    for late in (OF_AIOVDI, "next write header 512@0 #1", "next write header 512@0 #2"):
        assert losses(find_driver("aiovdi"), "close", workload, Draw(late, 32, 31)) == ""


def test_a_search_finds_a_loss_by_itself(qemu: Callable[[str], Driver], tmp_path: Path) -> None:
    search = Search(qemu("vdi"), tmp_path)
    for base in range(0, 240, 4):
        summary = search.run(Budget(4), base=base)
        if summary.groups:
            break
    else:
        pytest.skip("240 runs found nothing in this QEMU")
    assert summary.part.unlike == []
    assert all(group.path.is_file() for group in summary.groups.values())
