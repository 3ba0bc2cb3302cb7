"""What the tape decides is within what the model allows, and most of it is one thing that fails, when there is work."""

import errno

from faults.simulation.plan import FINE, IO
from faults.simulation.storm import Storm
from faults.simulation.tape import Draw, ExploringTape, ReplayTape

WRITE = IO(1, "write", 1024, 512, "data")
BMAP = IO(2, "write", 512, 4, "bmap")
FLUSH = IO(3, "flush", 0, 0, "")


def test_an_empty_tape_is_a_calm_day() -> None:
    plan = Storm(ReplayTape([]))
    assert all(plan.fate(io) == FINE for io in (WRITE, BMAP, FLUSH) * 50)
    assert plan.injected == 0


def test_storms_differ_and_each_counts_what_it_injected() -> None:
    counts = []
    for seed in range(200):
        plan = Storm(ExploringTape(seed))
        fates = [plan.fate(io) for io in (WRITE, BMAP, FLUSH) * 20]
        counts.append(plan.injected)
        assert plan.injected == sum(fate.errno not in (0, errno.EINTR) for fate in fates)
    assert counts.count(0) > 60
    assert max(counts) > 12


def test_storms_know_every_fate_of_the_model() -> None:
    fates = {Storm(tape := ExploringTape(seed)).fate(io) for seed in range(9000) for io in (WRITE, FLUSH)}
    assert {fate.pages for fate in fates} == {"retry_ok", "clean_new", "clean_old"}
    assert {fate.effect for fate in fates} == {"none", "some", "all"}
    assert {fate.errno for fate in fates} == {0, errno.EIO, errno.ENOSPC, errno.EINTR}
    assert any(fate.short for fate in fates)
    assert tape


def test_a_storm_may_fail_fua_writes_and_nothing_else() -> None:
    draws = [Draw("storm", 4, 2), Draw("storm.only", 9, 8), Draw("storm.rate", 4, 3)]
    storm = Storm(ReplayTape([*draws, *[Draw("fail.fua", 2, 1)] * 3]))
    assert storm.fate(IO(1, "write", 0, 512, "data", True)).errno
    assert not storm.fate(IO(2, "write", 0, 512, "data", False)).errno
    assert storm.injected == 1


def numbered(count: int) -> list[IO]:
    kinds = (("write", "data"), ("write", "bmap"), ("read", "data"), ("flush", ""))
    return [IO(number, *_of(*kinds[number % len(kinds)])) for number in range(1, count + 1)]


def _of(kind: str, region: str) -> tuple[str, int, int, str]:
    return kind, 1024, 1024, region


def test_a_storm_that_begins_late_lets_everything_pass_until_then() -> None:
    draws = [Draw("storm", 6, 2), Draw("storm.only", 9, 3), Draw("storm.rate", 4, 3), Draw("quiet", 14, 6)]
    storm = Storm(ReplayTape([*draws, *[Draw("fail.write:data", 2, 1)] * 9]))
    struck = [io.number for io in numbered(20) if storm.fate(io).errno]
    assert struck == [8, 12, 16, 20]


def test_of_two_kinds_one_each_may_fail() -> None:
    """The first of the bmap writes, and the second of the data writes."""
    draws = [Draw("storm", 6, 1), Draw("storm.more", 3, 1)]
    draws += [Draw("storm.only", 9, 3), Draw("fail.nth", 8, 1), Draw("storm.only", 9, 4), Draw("fail.nth", 8, 0)]
    draws += [Draw("fail.write:data", 2, 0), Draw("fail.write:data", 2, 1), Draw("fail.write:bmap", 2, 1)]
    storm = Storm(ReplayTape(draws))
    assert [io.number for io in numbered(16) if storm.fate(io).errno] == [1, 8]


def test_short_ios_come_on_calm_days_too_and_are_no_failure() -> None:
    storm = Storm(ReplayTape([Draw("shorts", 4, 3), *[Draw("fail.short", 2, 1)] * 9]))
    fates = [storm.fate(io) for io in numbered(8)]
    assert [fate.short for fate in fates] == [True, True, False, True] * 2
    assert storm.injected == 0


def test_most_storms_strike_a_few_times_and_late() -> None:
    """So that a disk has work in progress when it is struck, and work left to do afterwards."""
    first, counts = [], []
    for seed in range(600):
        storm = Storm(ExploringTape(seed))
        struck = [io.number for io in numbered(40) if storm.fate(io).errno not in (0, errno.EINTR)]
        counts.append(len(struck))
        first += struck[:1]
    assert sum(1 <= count <= 3 for count in counts) > sum(count > 3 for count in counts)
    assert sum(number > 6 for number in first) > len(first) / 2
    assert any(number <= 2 for number in first)
