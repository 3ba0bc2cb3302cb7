"""Of orders that nobody can tell apart one is run; without somebody who knows what commutes, all are."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from math import comb

import pytest

from faults.exhaustive.explore import explore
from faults.exhaustive.path import Offer, Path, PathTape
from faults.simulation.tape import Tape

Step = tuple[int, str]


@dataclass
class Seen:
    """What a toy program did: who stepped, and where."""

    story: tuple[Step, ...]
    failure: str | None = None


def program(*chains: str, tape: Tape) -> Seen:
    """Each chain steps through its places, one letter a step."""
    assert isinstance(tape, PathTape)
    path, at, story = tape.path, [0] * len(chains), []
    while left := [number for number, chain in enumerate(chains) if at[number] < len(chain)]:
        if path.is_new:
            path.offer(Offer(left, range(len(left)), range(1, len(left))))
        chosen = left[tape.draw("next", len(left))]
        place = chains[chosen][at[chosen]]
        at[chosen] += 1
        story.append((chosen, place))
        if path.is_new:
            path.settle((chosen, place))
    return Seen(tuple(story))


def apart(one: Step, other: Step) -> bool:
    return one[0] != other[0] and one[1] != other[1]


def explored(*chains: str, path: Path) -> list[tuple[Step, ...]]:
    stories: list[tuple[Step, ...]] = []
    exploration = explore(
        lambda tape: program(*chains, tape=tape), path=path, after_run=lambda seen: stories.append(seen.story)
    )
    assert exploration.verdict == "exhausted"
    return stories


def class_of(story: Sequence[Step]) -> tuple[tuple[Step, ...], ...]:
    """Equal for stories in which everything that meets meets in the same order."""
    return tuple(tuple(step for step in story if step[1] == place) for place in sorted({step[1] for step in story}))


def test_chains_that_never_meet_have_one_order() -> None:
    assert len(explored("aaa", "bbb", path=Path(commute=apart))) == 1


def test_chains_that_always_meet_have_all() -> None:
    assert len(explored("aaa", "aaa", path=Path(commute=apart))) == comb(6, 3)


@pytest.mark.parametrize(
    "chains", [("ab", "ba"), ("axb", "bxa"), ("abc", "cab", "b"), ("aab", "ba", "ab"), ("ab", "bc", "ca")]
)
def test_no_order_that_could_be_told_apart_is_missed_and_none_is_run_twice(chains: tuple[str, ...]) -> None:
    everything = explored(*chains, path=Path())
    reduced = explored(*chains, path=Path(commute=apart))
    assert {class_of(story) for story in reduced} == {class_of(story) for story in everything}
    assert len({class_of(story) for story in reduced}) == len(reduced) < len(everything)


def in_ways(tape: Tape, *, ways: dict[str, int], place: Callable[[str, int], str]) -> Seen:
    """One step each for the names of ``ways``, which go in so many ways; where one steps may hang on how it goes."""
    assert isinstance(tape, PathTape)
    path, left, story = tape.path, list(ways), []
    while left:
        if path.is_new:
            path.offer(Offer([ord(each) for each in left], range(len(left))))
        chosen = left.pop(tape.draw("next", len(left)))
        how = tape.draw("fail", ways[chosen]) if ways[chosen] > 1 else 0
        story.append((how, chosen))
        if path.is_new:
            path.settle((ord(chosen), place(chosen, how)))
    return Seen(tuple(story))


def test_a_choice_within_a_step_keeps_who_sleeps() -> None:
    # "a" and "b" commute however they go.
    both = partial(in_ways, ways={"a": 2, "b": 2}, place=lambda name, _: name)
    seen = []
    exploration = explore(both, path=Path(commute=apart), after_run=lambda one: seen.append(frozenset(one.story)))
    assert len(seen) == len(set(seen)) == exploration.runs == 4


def test_who_may_go_in_two_ways_sleeps_only_while_both_commute() -> None:
    # "a" meets "b" when it fails, and only then.
    both = partial(in_ways, ways={"a": 3, "b": 1}, place=lambda name, how: "b" if how == 1 else name)
    seen = []
    explore(both, path=Path(commute=apart), after_run=lambda one: seen.append(one.story))
    assert {((1, "a"), (0, "b")), ((0, "b"), (1, "a"))} <= set(seen)


def test_only_some_outcomes_of_a_label_are_tried() -> None:
    seen: list[tuple[int, ...]] = []
    explore(
        lambda tape: Seen(((tape.draw("mode", 3), ""), (tape.draw("next", 2), ""))),
        path=Path(only={"mode": [2]}),
        after_run=lambda one: seen.append(tuple(step[0] for step in one.story)),
    )
    assert seen == [(2, 0), (2, 1)]


def test_the_deviations_of_an_offer_are_counted() -> None:
    assert len(explored("aaa", "aaa", path=Path(0))) == 1
    assert 1 < len(explored("aaa", "aaa", path=Path(1))) < comb(6, 3)


def test_a_run_that_is_not_the_one_it_was_is_noticed() -> None:
    sizes = iter([3, 3, 2, 2])
    with pytest.raises(ValueError, match="not deterministic"):
        explore(lambda tape: Seen(((tape.draw("next", next(sizes)), ""),)))
