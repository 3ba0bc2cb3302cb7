"""A tape decides everything: recorded it says the same again, and what it no longer knows is benign."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from faults.simulation.tape import Draw, ExploringTape, ReplayTape, Tape, dump, likely, load

DRAWS = st.lists(st.builds(Draw, st.text(max_size=9), st.integers(2, 2000), st.integers(0, 1)))


def values(tape: Tape, *questions: tuple[str, int]) -> list[int]:
    return [tape.draw(label, outcomes) for label, outcomes in questions]


QUESTIONS = [(label, outcomes) for outcomes in (2, 3, 1000) for label in ("next", "fail", "next")] * 5


def test_the_same_seed_draws_the_same() -> None:
    assert values(ExploringTape(7), *QUESTIONS) == values(ExploringTape(7), *QUESTIONS)
    assert values(ExploringTape("7"), *QUESTIONS) == values(ExploringTape("7"), *QUESTIONS)


def test_different_seeds_draw_differently() -> None:
    assert len({tuple(values(ExploringTape(seed), *QUESTIONS)) for seed in range(50)}) == 50


@given(st.integers(), st.lists(st.integers(1, 5000), min_size=1, max_size=40))
def test_a_draw_is_within_its_outcomes(seed: int, sizes: list[int]) -> None:
    tape = ExploringTape(seed)
    assert all(0 <= tape.draw("any", outcomes) < outcomes for outcomes in sizes)


def test_every_outcome_is_drawn_about_as_often() -> None:
    tape = ExploringTape(1)
    counts = [0] * 4
    for _ in range(4000):
        counts[tape.draw("any", 4)] += 1
    assert min(counts) > 900


def test_no_choice_is_no_draw() -> None:
    tape = ExploringTape(1)
    assert tape.draw("only", 1) == 0
    assert tape.draw("none", 0) == 0
    assert tape.draws == []


def test_a_pick_decides_and_its_answer_is_what_is_recorded() -> None:
    tape = ExploringTape(1)
    assert tape.draw("next", 9, lambda _, outcomes: outcomes - 1) == 8
    assert tape.draws == [Draw("next", 9, 8)]


def test_a_replay_asks_no_policy() -> None:
    tape = ReplayTape([Draw("next", 9, 4)])
    assert tape.draw("next", 9, lambda *_: pytest.fail("a policy was asked")) == 4


def test_a_chance_of_none_and_of_all_are_certain() -> None:
    tape = ExploringTape(3)
    assert not any(tape.chance("never", 0.0) for _ in range(100))
    assert all(tape.chance("always", 1.0) for _ in range(100))


def test_a_record_replays_and_records_itself_again() -> None:
    first = ExploringTape(11)
    values(first, *QUESTIONS)
    again = ReplayTape(first.draws)
    assert values(again, *QUESTIONS) == [draw.value for draw in first.draws]
    assert again.draws == first.draws
    assert again.misses == 0


def test_a_replay_matches_by_label_so_that_new_draws_do_not_shift_old_ones() -> None:
    recorded = [Draw("next", 5, 3), Draw("fail", 2, 1), Draw("next", 5, 2)]
    edited = ReplayTape(recorded)
    assert values(edited, ("new", 4), ("next", 5), ("next", 5), ("fail", 2)) == [0, 3, 2, 1]
    assert edited.misses == 1


def test_what_a_record_does_not_answer_is_benign_and_counted() -> None:
    tape = ReplayTape([])
    assert values(tape, ("next", 5), ("fail", 2)) == [0, 0]
    assert tape.misses == 2


def test_an_answer_that_no_longer_fits_is_the_nearest_and_counted() -> None:
    tape = ReplayTape([Draw("next", 9, 8)])
    assert tape.draw("next", 3) == 2
    assert tape.misses == 1


@given(DRAWS)
def test_a_record_survives_being_written_down(draws: list[Draw]) -> None:
    assert load(dump(draws)) == draws


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"labels": [], "draws": [[0, 2, 1]]}', '{"labels": ["a"]}', "null"])
def test_what_is_no_record_is_said_to_be_none(text: str) -> None:
    with pytest.raises(ValueError):
        load(text)


def test_likely_is_what_choices_would_have_chosen() -> None:
    for weights, outcomes in (((1, 8, 8, 3), 4), ((2, 6, 0), 3), ((1, 4, 3, 3), 2), ((5,), 1)):
        one, other = random.Random(7), random.Random(7)
        expected = [one.choices(range(outcomes), weights[:outcomes])[0] for _ in range(300)]
        assert [likely(*weights)(other, outcomes) for _ in range(300)] == expected


def test_what_weighs_nothing_is_never_chosen() -> None:
    chance = random.Random(1)
    assert {likely(0, 3, 0)(chance, 3) for _ in range(200)} == {1}
