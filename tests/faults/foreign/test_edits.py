"""Each edit is simpler than what it edits, and a request leaves with all that was drawn for it."""

from faults.foreign.edits import calmer, fewer_requests, lower, punctual
from faults.runs.workload import Habits, Profile
from faults.simulation.tape import Draw, ExploringTape, ReplayTape

PROFILE = Profile(clients=3, requests=3, unaligned=False)


def workload(seed: int) -> tuple[list[Draw], list[list[str]]]:
    """What was drawn for a workload, and its requests without their names."""
    tape = ExploringTape(seed)
    drawn = Habits(tape, PROFILE, size=1 << 20, block_size=1 << 16).workload(0)
    return tape.draws, requests(drawn)


def requests(drawn: object) -> list[list[str]]:
    return [[str(request).partition(" ")[2] for request in client] for client in drawn]  # type: ignore[attr-defined]


def test_a_word_is_made_benign_at_once() -> None:
    draws = [Draw("next A", 9, 3), Draw("fail A", 2, 1), Draw("next B", 9, 1), Draw("end", 3, 0)]
    assert [[draw.value for draw in edit] for edit in calmer(draws)] == [[0, 1, 0, 0], [3, 0, 1, 0]]


def test_without_a_request_the_others_stay_as_they_are() -> None:
    for seed in range(30):
        draws, before = workload(seed)
        edits = list(fewer_requests(draws))
        assert len(edits) == sum(len(client) for client in before) - (before == [before[0]] and len(before[0]) == 1)
        for edit in edits:
            after = requests(Habits(ReplayTape(edit), PROFILE, size=1 << 20, block_size=1 << 16).workload(0))
            left = [one for client in before for one in client]
            for one in (one for client in after for one in client):
                left.remove(one)
            assert len(left) == 1


def test_halves_of_what_is_late_come_before_each_alone() -> None:
    draws = [Draw(f"next {name}", 9, 2) for name in "ABCD"]
    edits = [[draw.value for draw in edit] for edit in punctual(draws)]
    assert edits[:2] == [[0, 0, 2, 2], [2, 2, 0, 0]]
    assert len(edits) == 6


def test_a_choice_goes_down_by_all_by_half_and_by_one() -> None:
    assert [edit[0].value for edit in lower([Draw("length", 99, 9)], 0)] == [0, 4, 8]
    assert list(lower([Draw("length", 99, 0)], 0)) == []


def test_with_a_request_goes_what_was_counted_up_to_it() -> None:
    draws = [Draw("requests", 4, 1), Draw("kind", 7, 1), Draw("kind", 7, 2), Draw("end", 3, 1), Draw("life", 3, 2)]
    edits = [[(draw.label, draw.value) for draw in edit] for edit in fewer_requests(draws)]
    assert len(edits) == 6
    assert [edit[-1][1] for edit in edits] == [2, 0, 1] * 2
    assert edits[0][:2] == [("requests", 0), ("kind", 2)]
