"""What a disk may leave behind: the rules of ``docs/device-model.md``, each tried in a program of a few words.

The programs are in ``litmus.py``; here they are run, held against the page, and against two other opinions:
every way in which a cache may have written its units out, and the number that the rules promise.
"""

import re
from collections import Counter
from collections.abc import Iterator
from itertools import permutations, product
from math import prod
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from faults.simulation.crash import CrashSpace, power_loss_space
from faults.simulation.presets import BEYOND, PRESETS
from tests.faults.litmus import LITMUS, UNIT, Litmus, Writer, row


@pytest.mark.parametrize("litmus", LITMUS, ids=[litmus.rule for litmus in LITMUS])
def test_exactly_these_outcomes_are_possible_where(litmus: Litmus) -> None:
    outcomes = Writer(litmus.start, litmus.preset).run(litmus.program).outcomes()
    assert outcomes == set(litmus.allowed.split())
    assert not outcomes & set(litmus.forbidden.split())


PAGE = (Path(__file__).resolve().parents[2] / "docs" / "device-model.md").read_text(encoding="utf-8")


def published() -> list[tuple[str, str, str, str]]:
    """The examples of the page: preset (where none is named: the model itself), program, allowed, forbidden."""
    rows = [line.strip("| ").split("|") for line in PAGE.splitlines() if line.startswith("| `")]
    signs = [[" ".join(re.findall(r"`([^`]+)`", cell)) for cell in row] for row in rows]
    signs = [row if row[0] in PRESETS | BEYOND else ["strict_512", *row] for row in signs]
    return [(*row[:3], (*row, "")[3]) for row in signs if len(row) in (3, 4) and re.search("[@=]", row[1])]


@pytest.mark.parametrize(("preset", "program", "allowed", "forbidden"), published())
def test_the_published_page_says_what_is_so(preset: str, program: str, allowed: str, forbidden: str) -> None:
    outcomes = Writer("xx", preset).run(program).outcomes()
    assert outcomes == set(allowed.split())
    assert not outcomes & set(forbidden.split())


def test_the_published_page_tries_most_of_its_rules() -> None:
    assert len(published()) >= 24


def test_the_published_page_lists_each_of_these_tests_and_no_other() -> None:
    listed = PAGE.partition("## Every litmus test of a file")[2].partition("\n## ")[0]
    rows = [line for line in listed.splitlines() if line.startswith("| ")][1:]
    assert rows == [row(litmus) for litmus in LITMUS]


def test_no_rule_is_said_twice() -> None:
    assert len({litmus.rule for litmus in LITMUS}) == len(LITMUS) >= 100


def test_every_preset_has_a_litmus() -> None:
    assert {litmus.preset for litmus in LITMUS} >= (PRESETS | BEYOND).keys() - {"atomic_4k"}


def test_a_preset_that_keeps_the_rules_allows_nothing_that_they_forbid() -> None:
    for litmus in LITMUS:
        fails = {"Fnew", "Fold"} & set(litmus.program.split())  # what is durable at once is never lost
        if litmus.preset == "strict_512" and not fails:
            plain = Writer(litmus.start).run(litmus.program).outcomes()
            for preset in PRESETS.keys() - {"lying_flush", "atomic_4k"}:
                outcomes = Writer(litmus.start, preset).run(litmus.program).outcomes()
                assert outcomes <= plain, f"{litmus.rule}: {preset} adds {outcomes - plain}"


# A second opinion: every way in which a cache may have written its units out, one event at a time


@st.composite
def programs(draw: Any) -> list[str]:
    """Programs over three units, without halves and resizes, whose writes are told apart by their letters."""
    words, letters, in_flight = [], iter("ABCDEFGH"), []
    for _ in range(draw(st.integers(1, 9))):
        choice = draw(st.sampled_from(["issue", "issue", "end", "fua", "fail", "flush"]))
        if choice == "issue" and (letter := next(letters, None)):
            at, length = draw(st.integers(0, 2)), draw(st.integers(1, 2))
            in_flight.append(letter * min(length, 3 - at))
            words.append(f"{in_flight[-1]}@{at}")
        elif choice == "flush":
            words.append("F")
        elif in_flight and choice in ("end", "fua", "fail"):
            name = in_flight.pop(draw(st.integers(0, len(in_flight) - 1)))
            words.append(name + {"end": ".", "fua": "!", "fail": "-"}[choice])
    return words


def brute_force(words: list[str], shape: str = "") -> set[str]:
    """Written from the rules alone. A state is what readers see and what the medium holds.

    Between any two events the cache may write any units out. A flush fails to end where it has not
    written out all that it must; since it must only ever wait, those states are dropped. ``shape`` is what a unit
    looks like that is torn: ``{new}`` and ``{old}`` stand for its halves.
    """
    states = {("xxx", "xxx")}
    flying: dict[str, tuple[int, str]] = {}
    for word in words:
        states = {after for state in states for after in written_out(*state)}
        name, mark = word.rstrip(".!-"), word[-1]
        if "@" in word:
            letters, _, at = word.partition("@")
            flying[letters] = int(at), min(states)[0]  # readers see the same in every state
        elif word == "F":
            states = {(seen, medium) for seen, medium in states if seen == medium}
        elif mark == "-":
            del flying[name]
        else:
            at, _ = flying.pop(name)
            states = {
                (over(seen, name, at), over(medium, name, at) if mark == "!" else medium) for seen, medium in states
            }
    outcomes = set()
    for seen, medium in states:
        for _, kept in written_out(seen, medium):
            outcomes |= landed(seen, kept, flying, shape)
    return outcomes


def written_out(seen: str, medium: str) -> Iterator[tuple[str, str]]:
    for choice in product(*({new, old} for new, old in zip(seen, medium, strict=True))):
        yield seen, "".join(choice)


def over(content: str, letters: str, at: int) -> str:
    return content[:at] + letters + content[at + len(letters) :]


def landed(seen: str, medium: str, flying: dict[str, tuple[int, str]], shape: str) -> set[str]:
    """Of the writes in flight, any units, in any order; and of each unit, what was being written to it."""
    choices = []
    for unit, (new, old) in enumerate(zip(seen, medium, strict=True)):
        writes = {name[0]: before[unit] for name, (at, before) in flying.items() if at <= unit < at + len(name)}
        strokes = {(old, new)} | {(old, letter) for letter in writes} | set(permutations(writes, 2))
        # The newest version comes over a write that it did not supersede.
        strokes |= {(letter, new) for letter, before in writes.items() if new not in (old, before)}
        torn = {shape.format(old=below, new=above) for below, above in strokes if shape and below != above}
        choices.append({old, *writes, *torn})
    return {"".join(choice) for choice in product(*choices)}


@given(programs())
def test_the_enumerator_agrees_with_brute_force(words: list[str]) -> None:
    assert Writer("xxx").run(" ".join(words)).outcomes() == brute_force(words)


SHAPES = {"torn_prefix": "({new}{old})", "torn_suffix": "({old}{new})", "torn_garbage": "?"}


@pytest.mark.parametrize("preset", SHAPES)
@given(words=programs())
def test_the_enumerator_of_torn_units_agrees_with_brute_force(preset: str, words: list[str]) -> None:
    writer = Writer("xxx", preset).run(" ".join(words))
    touched = Counter(unit for each in writer.device.in_flight for unit, _, _ in writer.device.pieces(each))
    assume(max(touched.values(), default=0) <= 3)  # of more, each is tried alone
    assert writer.outcomes() == brute_force(words, SHAPES[preset])


@given(programs())
def test_the_number_of_images_is_the_product_of_the_versions_and_one(words: list[str]) -> None:
    """For what has ended: a unit may hold each version since it was durable, or what is durable."""
    writer = Writer("xxx").run(" ".join(words))
    for name in list(writer.issued):
        writer.end(name, ".")
    space = power_loss_space(writer.device)
    assert isinstance(space, CrashSpace)
    expected = prod(len(versions) + 1 for versions in writer.device.versions.values())
    assert space.count == expected == len({image.stable() for image in space.images()})


@pytest.mark.parametrize(("preset", "tears"), [("torn_prefix", 3), ("torn_suffix", 3), ("torn_garbage", 0)])
@given(words=programs())
def test_a_unit_of_four_grains_is_torn_in_three_places_over_each_older_version(
    preset: str, tears: int, words: list[str]
) -> None:
    """For what has ended: n versions are n + 1 contents, and the newest may be torn over each of the n older ones."""
    writer = Writer("xxx", preset)
    writer.device.grain = UNIT // 4
    writer.run(" ".join(words))
    for name in list(writer.issued):
        writer.end(name, ".")
    numbers = [len(versions) for versions in writer.device.versions.values()]
    expected = prod(n + 1 + (tears * n or 1) for n in numbers)
    images = [image.stable() for image in power_loss_space(writer.device).images()]
    assert len(images) == len(set(images)) == expected
