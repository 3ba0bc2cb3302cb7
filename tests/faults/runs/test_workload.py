"""Workloads are data from the tape: zero is the smallest, and no two writes carry the same bytes."""

from collections import Counter
from itertools import pairwise

import pytest

from faults.judges.oracle import PARTIAL_WRITES_MAX
from faults.runs.workload import (
    AGAIN,
    KINDS,
    PATIENCE_MAX,
    RAGGED_MAX,
    SECTOR,
    WAITS_MAX,
    Habits,
    Profile,
    Request,
    Workload,
    payload,
)
from faults.simulation.tape import ExploringTape, ReplayTape, Tape

SIZE, BLOCK = 12 * 4096, 4096


def drawn(tape: Tape, profile: Profile = Profile(), session: int = 0) -> Workload:  # noqa: B008
    return Habits(tape, profile, size=SIZE, block_size=BLOCK).workload(session)


def requests(seed: int, profile: Profile = Profile()) -> list[Request]:  # noqa: B008
    return [request for client in drawn(ExploringTape(seed), profile) for request in client]


def test_zero_is_one_write_of_one_sector() -> None:
    assert drawn(ReplayTape([])) == [[Request("A0", "write", 0, 512)]]


def test_every_request_lies_on_the_disk() -> None:
    for seed in range(500):
        for request in requests(seed):
            assert request.kind in KINDS
            assert request.kind == "flush" or 0 < request.length <= SIZE - request.offset


def test_all_kinds_and_sizes_and_cancels_come_up() -> None:
    many = [request for seed in range(300) for request in requests(seed)]
    kinds = Counter(request.kind for request in many)
    assert set(kinds) == set(KINDS)
    assert kinds["write"] > kinds["read"] > kinds["discard"]
    assert {request.cancels for request in many} == {0, 1, 2}
    assert any(request.length % SECTOR for request in many)
    assert max(request.length for request in many) == 2 * BLOCK
    assert any(request.offset // BLOCK != (request.offset + request.length - 1) // BLOCK for request in many)


def test_some_runs_crowd_one_block_and_some_use_the_whole_disk() -> None:
    widths = [max(request.offset + request.length for request in requests(seed)) for seed in range(200)]
    assert any(width <= BLOCK for width in widths)
    assert any(width > 8 * BLOCK for width in widths)


def test_some_runs_do_without_a_kind_entirely() -> None:
    wide = Profile(clients=40, requests=8)
    assert any("read" not in {request.kind for request in requests(seed, wide)} for seed in range(30))


def test_a_thousand_clients_are_a_thousand_names() -> None:
    tape = ExploringTape(1)
    while len(workload := drawn(tape, Profile(clients=2000, requests=3))) < 1000:
        pass
    names = [request.name for client in workload for request in client]
    assert len(set(names)) == len(names)


def test_the_names_of_sessions_differ() -> None:
    first, second = (drawn(ExploringTape(5), session=session) for session in (0, 1))
    assert {r.name for c in first for r in c}.isdisjoint(r.name for c in second for r in c)


def test_no_more_parts_of_sectors_are_written_than_the_oracle_can_order() -> None:
    assert RAGGED_MAX <= PARTIAL_WRITES_MAX
    for seed in range(300):
        many = requests(seed, Profile(clients=50))
        ragged = [r for r in many if r.kind not in ("read", "flush") and (r.offset % SECTOR or r.length % SECTOR)]
        assert len(ragged) <= RAGGED_MAX


def test_a_profile_without_a_weight_has_none_of_the_kind() -> None:
    only_writes = Profile(weights=(1, 0, 0, 0, 0, 0, 0), unaligned=False)
    many = [request for seed in range(50) for request in requests(seed, only_writes)]
    assert {request.kind for request in many} == {"write"}
    assert not any(request.offset % SECTOR or request.length % SECTOR for request in many)


@pytest.mark.parametrize(("offset", "length"), [(0, 512), (700, 1), (511, 514), (1024, 2048)])
def test_every_sector_of_a_payload_names_itself_and_its_write(offset: int, length: int) -> None:
    whole = payload(Request("B7", "write", 0, 8192))
    assert payload(Request("B7", "write", offset, length)) == whole[offset : offset + length]
    assert whole[512:].startswith(b"B7 in sector 1;")


def test_what_zeroes_carries_zeros() -> None:
    assert payload(Request("A0", "zero", 3, 5)) == payload(Request("A0", "discard", 3, 5)) == bytes(5)


def test_a_request_reads_as_words() -> None:
    assert str(Request("A0", "write", 512, 1024)) == "A0 write 1024 at 512"
    assert str(Request("B1", "flush")) == "B1 flush"


def test_some_runs_meet_at_a_few_places_that_are_far_apart() -> None:
    places = [{request.offset // BLOCK for request in requests(seed) if request.length} for seed in range(300)]
    assert any(len(blocks) > 2 and blocks <= {0, 3, 6, 9} for blocks in places)


def test_only_what_is_cancelled_is_patient() -> None:
    many = [request for seed in range(300) for request in requests(seed)]
    assert {request.patience for request in many if request.cancels} == set(range(PATIENCE_MAX))
    assert {request.patience for request in many if not request.cancels} == {0}


def test_what_follows_a_failure_is_drawn_too() -> None:
    many = [request for seed in range(100) for request in requests(seed) if request.kind != "flush"]
    assert {request.again for request in many} == set(AGAIN)


def test_some_runs_have_a_favourite_among_the_kinds() -> None:
    wide = Profile(clients=12, requests=8)
    often = [Counter(request.kind for request in requests(seed, wide)).most_common(1)[0][0] for seed in range(150)]
    assert {"zero", "discard", "fua", "flush"} <= set(often)


def test_some_clients_like_to_send_the_same_right_behind_a_change_to_the_same_place() -> None:
    pairs: Counter[str] = Counter()
    for seed in range(300):
        for client in drawn(ExploringTape(seed)):
            for first, second in pairwise(client):
                is_change = first.kind not in ("read", "flush")
                pairs[second.kind] += is_change and second.offset // SECTOR in (0, first.offset // SECTOR)
    assert min(pairs[kind] for kind in ("flush", "read", "fua")) > 40


def test_in_some_runs_all_meet_at_the_borders_of_blocks() -> None:
    def is_at_a_border(request: Request) -> bool:
        return (request.offset // SECTOR + 1) % (BLOCK // SECTOR) <= 2

    crowds = [[is_at_a_border(request) for request in requests(seed) if request.kind != "flush"] for seed in range(200)]
    assert sum(len(crowd) > 5 and all(crowd) for crowd in crowds) > 10


def test_cancels_come_when_a_request_waits_for_the_first_time_and_up_to_the_last() -> None:
    many = [request for seed in range(300) for request in requests(seed)]
    assert {request.waits for request in many if request.cancels} == set(range(WAITS_MAX + 1))
    assert {request.waits for request in many if not request.cancels} == {0}


def test_what_follows_a_failure_elsewhere_lies_on_the_disk() -> None:
    follows = [request.repeated(SIZE) for seed in range(300) for request in requests(seed) if request.again]
    assert all(each.offset >= 0 and each.offset + each.length <= SIZE for each in follows)
    assert Request("A0", "write", 512, 512, again="read", away=BLOCK).repeated(BLOCK).offset == 512
