"""Work on every core: a stream of jobs, a few ahead of the processes, and results as they come.

Rule 1: when it is over, the jobs that were given out are still waited for: what they find may come
before what ended the search.
Rule 2: an interrupt is for the process that has the summary; the others do not hear it, and are ended: what
they were given may take minutes, and nobody would look at it. Nor do they outlive that process.
"""

import os
import signal
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor, wait
from itertools import count
from multiprocessing import active_children, get_context, parent_process
from threading import Thread
from typing import TypeVar

__all__ = ["batches", "cores", "spread"]

J = TypeVar("J")
R = TypeVar("R")


def spread(
    work: Callable[[J], R],
    jobs: Iterator[J],
    take: Callable[[R], object],
    *,
    processes: int,
    is_over: Callable[[], bool],
) -> None:
    """``take(work(job))`` for each job, until there is none or ``is_over``.

    Args:
        work: picklable if there is more than one process.
        processes: 1: everything happens here.
    """
    if processes == 1:
        for job in jobs:
            take(work(job))
            if is_over():
                return
        return
    others = set(active_children())
    # spawn: a fork of a process with threads may hold their locks for ever.
    pool = ProcessPoolExecutor(processes, get_context("spawn"), initializer=_serve_parent)
    try:
        _feed(pool, work, jobs, take, ahead=2 * processes, is_over=is_over)
    except KeyboardInterrupt:
        for worker in set(active_children()) - others:
            worker.terminate()
        raise
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def _feed(
    pool: ProcessPoolExecutor,
    work: Callable[[J], R],
    jobs: Iterator[J],
    take: Callable[[R], object],
    *,
    ahead: int,
    is_over: Callable[[], bool],
) -> None:
    pending: set[Future[R]] = set()
    while not is_over():
        while len(pending) < ahead and (job := next(jobs, None)) is not None:
            pending.add(pool.submit(_do, work, job))
        if not pending:
            return
        done, pending = wait(pending, return_when="FIRST_COMPLETED")
        for each in done:
            take(each.result())
    for each in pending:
        take(each.result())


def batches(first: int, runs: int | None, size: int) -> Iterator[range]:
    """``runs`` seeds from ``first`` on, ``size`` at a time; None: without end."""
    end = None if runs is None else first + runs
    for start in count(first, size):
        if end is not None and start >= end:
            return
        yield range(start, start + size if end is None else min(start + size, end))


def cores() -> int:
    """How many processes can run at once."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _do(work: Callable[[J], R], job: J) -> R:
    """In a process of the pool. If it is ended meanwhile, what the job has made is cleared away first.

    The pool would take what is raised here for the job's result and go on with the next: nothing may slip out.
    """
    try:
        _ending.interrupts = True
        try:
            return work(job)
        finally:
            _ending.interrupts = False
    except KeyboardInterrupt:
        os._exit(1)


class _Ending:
    """How a process of the pool takes SIGTERM: one handler from beginning to end, as a change may lose the signal."""

    def __init__(self) -> None:
        self.interrupts = False

    def __call__(self, _number: int, _frame: object) -> None:
        if not self.interrupts:
            os._exit(1)
        raise KeyboardInterrupt

    def again(self, swallowed: "sys.UnraisableHookArgs") -> None:
        """A destructor swallows what is raised in it: the signal comes once more, when it is through."""
        if swallowed.exc_type is not KeyboardInterrupt:
            sys.__unraisablehook__(swallowed)
            return
        signal.signal(signal.SIGALRM, self)
        signal.setitimer(signal.ITIMER_REAL, 0.001)


_ending = _Ending()


def _serve_parent() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, _ending)
    sys.unraisablehook = _ending.again
    Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """A parent that is killed says nothing, and the queue of jobs has no end: both of its ends are here too."""
    parent = parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)
