"""Every run exactly once, the benign one first, and a verdict that claims no more than was done."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import combinations_with_replacement
from math import comb

import pytest

from faults.explore import Exploration, PrefixTape, explore
from faults.plan import FewFaults, NoFaults, Plan
from faults.run import Script, run
from faults.tape import ReplayTape, Tape
from faults.vdi import VDI
from faults.workload import Request


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


def test_a_prefix_is_followed_and_then_all_is_benign() -> None:
    tape = PrefixTape([1, 2])
    assert [tape.draw("next", 5) for _ in range(4)] == [1, 2, 0, 0]


# The real driver: pairs of requests on one block, and on two blocks whose entries share a sector of the map

BLOCK = 1024
DISK = VDI(blocks=2, block_size=BLOCK)
KINDS = {
    "write": ("write", 0, 512),
    "FUA write": ("fua", 0, 512),
    "write of a whole block": ("write", 0, BLOCK),
    "zeroes": ("zero", 0, BLOCK),
    "discard": ("discard", 0, BLOCK),
    "read": ("read", 0, BLOCK),
    "flush": ("flush", 0, 0),
}
What = tuple[str, int, int]


def elsewhere(what: What) -> What:
    """The same in the second block."""
    kind, offset, length = what
    return kind, offset + BLOCK if length else 0, length


PAIRS: dict[str, tuple[What, What]] = {
    f"{one}, {other} in one block": (KINDS[one], KINDS[other]) for one, other in combinations_with_replacement(KINDS, 2)
}
PAIRS |= {
    f"{one}, {other} in two blocks": (KINDS[one], elsewhere(KINDS[other]))
    for one, other in combinations_with_replacement([kind for kind in KINDS if kind != "flush"], 2)
}
PAIRS |= {
    "writes to two sectors of one block": (("write", 0, 512), ("write", 512, 512)),
    "writes to two parts of a sector": (("write", 0, 100), ("write", 200, 100)),
    "a write across both blocks and one to the second": (("write", 512, 1024), ("write", BLOCK, 512)),
    "zeroes across both blocks and a write to the first": (("zero", 0, 2 * BLOCK), ("write", 0, 512)),
}


def without_faults(_: Tape) -> Plan:
    return NoFaults()


DANGERS = {
    "nothing else happens": (Script(plan=without_faults, end="close"), 0, 1),
    "one I/O fails": (Script(plan=FewFaults, end="close"), 0, 0),
    "the first is cancelled": (Script(plan=without_faults, end="close"), 1, 0),
    "the second is cancelled": (Script(plan=without_faults, end="close"), 2, 0),
    "the power goes": (Script(plan=without_faults, end="power", lives=12), 0, 0),
}
"""Script, who is cancelled, and how many deviations there is time for.

With ``--campaign`` there are two more, and failing I/Os under the pairs in two blocks too.
"""


@pytest.mark.parametrize("danger", DANGERS)
def test_the_driver_holds_in_every_interleaving_of_every_pair_and(danger: str, campaign: bool) -> None:
    script, cancelled, deviations = DANGERS[danger]
    deviations += 2 * campaign
    is_short = danger == "one I/O fails" and not campaign
    for pair, whats in PAIRS.items():
        if is_short and pair.endswith("in two blocks"):
            continue
        workload = [
            [Request(name, *what, cancels=int(cancelled == number))]
            for number, (name, what) in enumerate(zip("AB", whats, strict=True), 1)
        ]
        fixed = Script(workloads=(workload,), plan=script.plan, end=script.end, lives=script.lives)
        exploration = explore(
            lambda tape, fixed=fixed: run(DISK, tape, schedule="fifo", script=fixed), deviations=deviations
        )
        assert exploration.failure is None, f"{pair}: {exploration.failure}"
        assert exploration.verdict == f"exhausted within {deviations} deviations", pair
