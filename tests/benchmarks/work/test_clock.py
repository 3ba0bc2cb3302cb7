"""Work counts, in this process and in its children; waiting does not."""

import subprocess
import sys

from benchmarks.work.clock import core_seconds

WORK = "sum(range(3_000_000))"


def test_work_of_this_process_counts() -> None:
    began = core_seconds()
    eval(WORK)
    assert core_seconds() > began


def test_work_of_a_child_counts() -> None:
    began = core_seconds()
    subprocess.run([sys.executable, "-c", WORK], check=True)
    assert core_seconds() - began > 0.01


def test_waiting_costs_less_than_it_lasts() -> None:
    began = core_seconds()
    subprocess.run(["sleep", "0.5"], check=True)
    assert core_seconds() - began < 0.5
