"""Hypothesis strategies: what a run can be told instead of drawing it, as data that shrinks.

::

    @given(scripts(target), tapes())
    def test_my_driver_holds(script, tape):
        assert run(target, tape, script=script).failure is None

Concurrency is data too: ``tapes`` are recorded choices, never seeds, so that a smaller example is a
simpler run.
"""

import errno

from hypothesis import strategies as st

from faults.runs.run import ENDS, Script
from faults.runs.workload import KINDS, SECTOR, Request, Workload
from faults.simulation.plan import Fate, Rule, Rules
from faults.simulation.presets import PRESETS
from faults.simulation.tape import Draw, ReplayTape
from faults.target import Target

__all__ = ["plans", "presets", "rules", "scripts", "tapes", "workloads"]

LABELS = ("next", "crash.mode", "crash.unit", "crash.length", "torn", "lost", "short.by", "cached")


def presets() -> st.SearchStrategy[str]:
    """A kind of disk that keeps the rules of the model."""
    return st.sampled_from([preset for preset in PRESETS if preset != "lying_flush"])


@st.composite
def workloads(draw: st.DrawFn, target: Target, *, clients: int = 3, requests: int = 3) -> Workload:
    """What up to so many clients do, each with up to so many requests, in whole sectors."""
    sectors = target.size // SECTOR
    workload = []
    for client in range(draw(st.integers(1, clients))):
        row = []
        for number in range(draw(st.integers(1, requests))):
            kind = draw(st.sampled_from(KINDS))
            start = draw(st.integers(0, sectors - 1))
            length = draw(st.integers(1, min(sectors - start, 2 * target.block_size // SECTOR)))
            place = (0, 0) if kind == "flush" else (start * SECTOR, length * SECTOR)
            row.append(Request(f"{chr(ord('A') + client)}{number}", kind, *place, draw(st.integers(0, 1))))
        workload.append(row)
    return workload


def rules() -> st.SearchStrategy[Rule]:
    """One I/O fails, or every one from the n-th on."""
    events = st.sampled_from(["read", "write", "write:data", "write:bmap", "write:header", "flush", "resize"])
    fates = st.builds(
        Fate,
        st.sampled_from([errno.EIO, errno.ENOSPC]),
        st.sampled_from(["none", "some", "all"]),
        pages=st.sampled_from(["retry_ok", "clean_new", "clean_old"]),
    )
    return st.builds(Rule, events, fates, st.integers(1, 6), st.booleans())


def plans() -> st.SearchStrategy[list[Rule]]:
    """Up to three rules."""
    return st.lists(rules(), max_size=3)


def tapes() -> st.SearchStrategy[ReplayTape]:
    """Choices that a run may ask for. What is not on a tape is benign."""
    draws = st.builds(Draw, st.sampled_from(LABELS), st.just(1000), st.integers(0, 9))
    return st.builds(ReplayTape, st.lists(draws, max_size=60))


@st.composite
def scripts(draw: st.DrawFn, target: Target) -> Script:
    """A whole run: one or two sessions, the faults in each, and the end of both."""
    sessions = draw(st.lists(workloads(target), min_size=1, max_size=2))
    named = [
        [[request._replace(name=f"{request.name}.{number}") for request in client] for client in workload]
        for number, workload in enumerate(sessions)
    ]
    chosen = draw(plans())

    def plan(_: object) -> Rules:
        return Rules([Rule(rule.event, rule.fate, rule.nth, rule.once) for rule in chosen])  # rules count: fresh ones

    return Script(tuple(named), plan, draw(st.sampled_from(ENDS)), draw(st.none() | st.integers(1, 40)))
