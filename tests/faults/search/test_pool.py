"""Work is spread over processes, results are taken as they come, and what was given out is waited for."""

import math
import os
import select
import subprocess
import sys
import time
from collections.abc import Iterator
from itertools import count, islice
from multiprocessing import active_children
from pathlib import Path

import pytest

from faults.search.pool import batches, cores, spread


@pytest.mark.parametrize("processes", [1, 2])
def test_every_job_is_done_once(processes: int) -> None:
    results: list[int] = []
    spread(math.factorial, iter(range(12)), results.append, processes=processes, is_over=lambda: False)
    assert sorted(results) == [math.factorial(number) for number in range(12)]


@pytest.mark.parametrize("processes", [1, 2])
def test_an_endless_stream_of_jobs_ends_when_it_is_over(processes: int) -> None:
    results: list[int] = []
    spread(math.isqrt, count(), results.append, processes=processes, is_over=lambda: len(results) >= 5)
    assert sorted(results)[:5] == [math.isqrt(number) for number in range(5)]


def test_what_was_given_out_before_the_end_is_still_taken() -> None:
    given: list[int] = []

    def jobs() -> Iterator[int]:
        for number in range(100):
            given.append(number)
            yield number

    results: list[int] = []
    spread(math.isqrt, jobs(), results.append, processes=2, is_over=lambda: bool(results))
    assert len(results) == len(given) < 100


@pytest.mark.parametrize("processes", [1, 2])
def test_what_a_job_raises_ends_the_search(processes: int) -> None:
    with pytest.raises(ValueError, match="negative"):
        spread(math.isqrt, iter([-1]), lambda _: None, processes=processes, is_over=lambda: False)


def test_an_interrupt_does_not_wait_for_what_was_given_out() -> None:
    before, workers = set(active_children()), list[int]()

    def interrupt(_: object) -> None:
        workers.extend(_watched(worker.pid) for worker in set(active_children()) - before)
        raise KeyboardInterrupt

    hour = 3600.0  # the interpreter would wait for it at its end
    with pytest.raises(KeyboardInterrupt):
        spread(time.sleep, iter([0.0, hour, hour]), interrupt, processes=2, is_over=lambda: False)
    assert _how_many_end(workers) == 2


class _Swallowing:
    """Its destructor takes until it is interrupted, and nothing that it raises gets out."""

    def __del__(self) -> None:
        time.sleep(3600.0)


def _swallow(marker: Path) -> None:
    if marker == Path(os.devnull):
        return
    marker.touch()
    try:
        del [_Swallowing()][0]
        time.sleep(3600.0)
    finally:
        marker.unlink()


def test_an_interrupt_that_a_destructor_swallows_comes_again(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    markers = [tmp_path / name for name in "ab"]
    before, workers = set(active_children()), list[int]()

    def interrupt(_: object) -> None:
        workers.extend(_watched(worker.pid) for worker in set(active_children()) - before)
        while not all(marker.exists() for marker in markers):
            os.sched_yield()
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        spread(_swallow, iter([Path(os.devnull), *markers]), interrupt, processes=2, is_over=lambda: False)
    assert _how_many_end(workers) == 2
    assert not any(marker.exists() for marker in markers)
    assert capfd.readouterr().err == ""


ORPHANING = """
import os, signal, time
from multiprocessing import active_children
from faults.search.pool import spread

def die(_):
    print(*[each.pid for each in active_children()], flush=True)
    input()
    os.kill(os.getpid(), signal.SIGKILL)

if __name__ == "__main__":
    spread(time.sleep, iter([0.0, 3600.0, 3600.0]), die, processes=2, is_over=lambda: False)
"""


def test_the_others_end_with_a_process_that_is_killed(tmp_path: Path) -> None:
    script = tmp_path / "orphaning.py"
    script.write_text(ORPHANING)
    with subprocess.Popen([sys.executable, script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as killed:
        assert killed.stdout is not None
        workers = [_watched(int(pid)) for pid in killed.stdout.readline().split()]
        killed.communicate("die\n")
    assert _how_many_end(workers) == 2


def _watched(pid: int | None) -> int:
    """A descriptor that says when the process ends; its exit code is for whoever started it, in a thread of its own."""
    assert pid is not None
    return os.pidfd_open(pid)


def _how_many_end(workers: list[int]) -> int:
    ended = 0
    for worker in workers:
        ended += select.select([worker], [], [], 60)[0] == [worker]
        os.close(worker)
    return ended


def test_there_is_at_least_one_core() -> None:
    assert cores() >= 1


def test_seeds_come_in_batches_and_none_twice() -> None:
    assert list(batches(5, 7, 3)) == [range(5, 8), range(8, 11), range(11, 12)]
    assert list(batches(5, 6, 3)) == [range(5, 8), range(8, 11)]
    assert list(batches(5, 0, 3)) == []
    assert list(islice(batches(5, None, 3), 2)) == [range(5, 8), range(8, 11)]
