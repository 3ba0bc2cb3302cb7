"""What a search is offered: all that asyncio could do, nothing that belongs to the users, and the same run again."""

import asyncio
from collections.abc import Callable
from functools import partial
from types import ModuleType

import pytest

from faults.exhaustive.commute import Footprint
from faults.exhaustive.explore import explore
from faults.exhaustive.guided import GuidedLoop, GuidedSession
from faults.exhaustive.path import Path, PathTape
from faults.runs.programs import parse_program
from faults.runs.run import Outcome, Script, run
from faults.simulation.plan import NoFaults
from faults.simulation.tape import ReplayTape, Tape

QUIET = {"cached": [0], "begins": [0], "close.early": [0], "power after close": [0]}


@pytest.fixture
def attempt(broken: ModuleType) -> Callable[..., Outcome]:
    """One run of a program on the right disk."""

    def make(tape: Tape, program: str, orders: str = "moments") -> Outcome:
        target = broken.Target()
        session = partial(GuidedSession, orders=orders)
        script = Script((parse_program(program, target),), lambda _: NoFaults(), "close", session=session)
        return run(target, tape, schedule="fifo", script=script)

    return make


def stories(attempt: Callable[..., Outcome], *what: object) -> list[list[str]]:
    """The events of every run."""
    seen: list[list[str]] = []

    def told(outcome: Outcome) -> None:
        assert outcome.failure is None
        seen.append([str(event) for event in outcome.trace.events])

    assert explore(lambda tape: attempt(tape, *what), path=Path(only=QUIET), after_run=told).is_exhausted
    return seen


def test_requests_come_in_any_order(attempt: Callable[..., Outcome]) -> None:
    firsts = {next(line for line in story if line.startswith("submit")) for story in stories(attempt, "w0 | w1")}
    assert firsts == {"submit A0 write 512 at 0", "submit B0 write 512 at 512"}


def test_a_prelude_is_over_before_anything_is_a_choice(attempt: Callable[..., Outcome]) -> None:
    seen = stories(attempt, "w0+1 f; w0 | w1")
    assert len(seen) > 1
    assert len({tuple(story[: story.index("return P1 flush")]) for story in seen}) == 1


def test_at_the_ends_there_are_fewer_orders_than_at_all_moments(attempt: Callable[..., Outcome]) -> None:
    ends, moments, everything = (stories(attempt, "f | r0", orders) for orders in ("ends", "moments", "any"))
    assert len(ends) < len(moments) < len(everything)
    for few, many in ((ends, moments), (moments, everything)):
        assert {tuple(story) for story in few} <= {tuple(story) for story in many}


def test_a_cancel_comes_at_every_moment_and_never_to_what_has_ended(attempt: Callable[..., Outcome]) -> None:
    results = {line for story in stories(attempt, "w0!") for line in story if line.startswith(("return", "raise"))}
    assert results == {"return A0 write 512 at 0", "raise A0 write 512 at 0 CancelledError"}
    assert len(stories(attempt, "w0")) < len(stories(attempt, "w0!")) < 20


def test_a_run_of_a_search_replays_from_its_draws(attempt: Callable[..., Outcome]) -> None:
    path = Path(only=QUIET)
    while True:
        outcome = attempt(PathTape(path), "w0! | f")
        assert attempt(ReplayTape(outcome.draws), "w0! | f").trace.digest() == outcome.trace.digest()
        if not path.advance():
            break


def test_what_happened_is_known_by_its_footprint(attempt: Callable[..., Outcome]) -> None:
    seen: list[Footprint] = []

    def keep(one: Footprint, other: Footprint) -> bool:
        seen.extend((one, other))
        return False

    explore(lambda tape: attempt(tape, "w0! | f"), path=Path(only=QUIET, commute=keep))
    assert {print_.kind for print_ in seen} == {"step", "end", "come", "cancel"}
    assert all((print_.io is not None) == (print_.kind == "end") for print_ in seen)
    assert all(print_.orders == (print_.io is not None and print_.io.kind == "flush") for print_ in seen)
    assert any(print_.tells for print_ in seen)
    assert {print_.wakes for print_ in seen if print_.kind == "end"} == {True}


def test_a_plain_callback_of_anything_runs_as_it_does_in_every_loop() -> None:
    loop, seen = GuidedLoop(ReplayTape([])), list[int]()

    async def use() -> None:
        loop.call_soon(seen.append, 1)
        await asyncio.sleep(0)

    loop.run_until_complete(use())
    assert seen == [1]
