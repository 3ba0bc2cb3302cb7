"""Simpler runs to try: fewer requests, one fault at a place, an order with a delay; all made from a number."""

from faults.failures.simpler import (
    WORLD,
    Delayed,
    OneEnd,
    OneFault,
    Redrawn,
    Small,
    few_requests,
    thinned,
    with_value,
    without_a_group,
    workload,
)
from faults.simulation.tape import Draw, Tape

# Three requests of two kinds, with an offset each; then the world: an order and a fault.
RECORD = [
    Draw("requests", 4, 2),
    *[draw for n in range(3) for draw in (Draw("kind", 2, n % 2), Draw("offset", 9, 3 + n))],
    Draw("end", 3, 1),
    Draw("life", 9, 5),
    Draw("next", 3, 2),
    Draw("fail.read", 2, 1),
]


def values(tape: Tape, *labels: str) -> list[int]:
    return [tape.draw(label, 9 if label == "life" else 2) for label in labels]


def kinds(draws: list[Draw]) -> list[int]:
    return [draw.value for draw in draws if draw.label == "kind"]


def test_of_the_groups_that_a_draw_counts_each_is_left_out_in_turn() -> None:
    edits = list(without_a_group(RECORD, 0))
    assert [kinds(edit) for edit in edits] == [[1, 0], [0, 0], [0, 1]]
    assert all(edit[0].value == 1 for edit in edits)


def test_a_workload_has_no_order_and_no_fault_but_knows_its_end() -> None:
    assert {draw.label for draw in workload(RECORD)} == {"requests", "kind", "offset", "end", "life"}


def test_a_thinned_workload_is_made_from_a_number_and_has_one_request_left() -> None:
    for seed in range(5):
        thin = thinned(RECORD, 1, seed)
        assert thin == thinned(RECORD, 1, seed)
        assert len(kinds(thin)) == 1


def test_few_requests_come_first_in_one_place_with_a_graceful_end_and_none_comes_twice() -> None:
    several = few_requests(RECORD, (1,), 6)
    assert {draw.value for draw in several[0] if draw.label in ("offset", "end")} == {0}
    assert len({tuple(each) for each in several}) == len(several)
    assert any(draw.value for draw in several[-1] if draw.label == "offset")
    assert few_requests(RECORD, (2,), 1)[:2] == [[Draw("requests", 2, 1)], [Draw("clients", 2, 1)]]


def test_one_fault_strikes_at_its_place_and_nowhere_else() -> None:
    tape = OneFault(RECORD, 1, {"fail.effect": 1})
    assert values(tape, "storm", "fail.read", "next", "fail.flush", "fail.effect", "fail.read") == [1, 0, 0, 1, 1, 0]
    assert tape.has_struck
    assert not OneFault(RECORD, 1, {}).has_struck


def test_one_fault_keeps_the_workload_and_the_end_and_cancels_nobody() -> None:
    tape = OneFault([*RECORD, Draw("cancel", 2, 1)], 0, {})
    assert values(tape, "kind", "kind", "life", "cancel") == [0, 1, 5, 0]


def test_one_end_comes_after_so_many_ios_and_nothing_else_goes_wrong() -> None:
    tape = OneEnd(RECORD, 3, end=1, loss=1)
    assert values(tape, "kind", "kind", "end", "life", "storm", "fail.read", "next", "crash.mode") == [
        0,
        1,
        1,
        3,
        0,
        0,
        0,
        1,
    ]


def test_a_delay_picks_the_second_oldest_at_its_moments_only() -> None:
    tape = Delayed(RECORD, (0, 2))
    assert values(tape, "next", "next", "next", "timer", "fail.read") == [1, 0, 1, 0, 1]
    assert tape.choices == 4


def test_a_small_world_has_two_deviations_and_one_fault_at_most() -> None:
    seen = set()
    for seed in range(60):
        tape = Small(RECORD, seed)
        drawn = values(tape, "storm", *["next", "fail.flush"] * 40)
        orders, faults = sum(drawn[1::2]), sum(drawn[2::2])
        assert orders <= 2
        assert faults <= 1
        seen.add((orders > 0, faults > 0))
        assert values(tape, "kind", "kind") == [0, 1]
    assert len(seen) == 4


def test_a_world_drawn_anew_is_the_same_for_the_same_number() -> None:
    labels = ("kind", *["next", "torn"] * 20)
    one, same, other = (values(Redrawn(RECORD, WORLD, seed), *labels) for seed in (3, 3, 4))
    assert one == same != other
    assert one[0] == other[0] == 0


def test_a_value_is_changed_at_its_place_alone() -> None:
    changed = with_value(RECORD, 1, 7)
    assert [n for n, (old, new) in enumerate(zip(RECORD, changed, strict=True)) if old != new] == [1]
