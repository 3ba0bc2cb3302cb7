"""Every run exactly once, the benign one first, and a verdict that claims no more than was done."""

from collections.abc import Callable
from dataclasses import dataclass
from math import comb

import pytest

from faults.exhaustive.explore import Exploration, explore
from faults.exhaustive.path import Redundant
from faults.simulation.tape import ReplayTape, Tape


@dataclass
class Seen:
    """What a toy program did."""

    story: tuple[int, ...]
    failure: str | None = None


def explored(program: Callable[[Tape], tuple[int, ...]], **options: int) -> tuple[list[tuple[int, ...]], Exploration]:
    stories: list[tuple[int, ...]] = []
    exploration = explore(
        lambda tape: Seen(program(tape)), after_run=lambda seen: stories.append(seen.story), **options
    )
    return stories, exploration


def interleave(tape: Tape) -> tuple[int, ...]:
    """Two chains of four steps each."""
    left, story = [4, 4], []
    while any(left):
        ready = [chain for chain in (0, 1) if left[chain]]
        chosen = ready[tape.draw("next", len(ready))]
        left[chosen] -= 1
        story.append(chosen)
    return tuple(story)


def test_all_interleavings_are_made_once_and_the_benign_one_first() -> None:
    stories, exploration = explored(interleave)
    assert len(stories) == len(set(stories)) == comb(8, 4) == exploration.runs
    assert stories[0] == (0, 0, 0, 0, 1, 1, 1, 1)
    assert exploration.verdict == "exhausted"
    assert exploration.is_exhausted


def test_a_limit_is_admitted() -> None:
    stories, exploration = explored(interleave, limit=10)
    assert len(stories) == 10
    assert exploration.verdict == "cut at 10"
    assert not exploration.is_exhausted


def test_a_limit_that_is_just_enough_exhausts() -> None:
    assert explored(interleave, limit=70)[1].verdict == "exhausted"


def test_no_run_deviates_more_often_than_it_may() -> None:
    def count(tape: Tape) -> tuple[int, ...]:
        return tuple(tape.draw("next", 3) for _ in range(5))

    stories, exploration = explored(count, deviations=2)
    everything = [story for story in explored(count)[0] if sum(map(bool, story)) <= 2]
    assert stories == everything
    assert exploration.verdict == "exhausted within 2 deviations"


def test_choices_that_are_not_of_order_are_no_deviations() -> None:
    def mixed(tape: Tape) -> tuple[int, ...]:
        return (tape.draw("fail", 2), tape.draw("next", 2), tape.draw("fail", 2))

    assert explored(mixed, deviations=0)[0] == [(0, 0, 0), (0, 0, 1), (1, 0, 0), (1, 0, 1)]


def test_later_draws_may_depend_on_earlier_ones() -> None:
    def tree(tape: Tape) -> tuple[int, ...]:
        first = tape.draw("next", 3)
        return (first, *(tape.draw("next", 2) for _ in range(first)))

    assert len(explored(tree)[0]) == 1 + 2 + 4


def test_it_stops_at_the_first_failure_with_a_tape_that_replays_it() -> None:
    def fails(tape: Tape) -> Seen:
        story = interleave(tape)
        return Seen(story, "broken" if story[:3] == (1, 0, 1) else None)

    exploration = explore(fails)
    assert exploration.failure == Seen((1, 0, 1, 0, 0, 0, 1, 1), "broken")
    assert exploration.tape is not None
    assert fails(ReplayTape(exploration.tape)) == exploration.failure
    assert exploration.verdict == f"failed in run {exploration.runs}"


def test_a_program_that_is_not_deterministic_is_noticed() -> None:
    sizes = iter([3, 3, 2, 2])
    with pytest.raises(ValueError, match="not deterministic"):
        explore(lambda tape: Seen((tape.draw("next", next(sizes)),)))


def test_a_run_that_turns_out_to_repeat_another_is_given_up_and_counted() -> None:
    def program(tape: Tape) -> tuple[int, ...]:
        story = interleave(tape)
        if story[:2] == (1, 0):
            raise Redundant
        return story

    stories, exploration = explored(program)
    assert exploration.repeats == comb(6, 3)
    assert exploration.runs == len(stories) == comb(8, 4) - comb(6, 3)
    assert exploration.verdict == "exhausted"


def test_a_limit_counts_what_was_given_up() -> None:
    def program(_: Tape) -> tuple[int, ...]:
        raise Redundant

    assert explored(program, limit=1)[1].verdict == "exhausted"
    assert explored(lambda tape: program(tape) if tape.draw("next", 3) else (), limit=2)[1].verdict == "cut at 2"


def test_an_interrupt_leaves_what_was_explored_so_far() -> None:
    def attempt(tape: Tape) -> Seen:
        if tape.draw("which", 5) == 3:
            raise KeyboardInterrupt
        return Seen(())

    found = explore(attempt)
    assert (found.runs, found.verdict, found.was_interrupted) == (3, "cut at 3", True)
    assert not explore(lambda _: Seen(()), limit=1).was_interrupted
