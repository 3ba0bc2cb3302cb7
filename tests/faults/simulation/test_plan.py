"""Rules hit the I/O they name and no other."""

import errno

import pytest

from faults.simulation.plan import FINE, IO, Fate, FewFaults, NoFaults, Rule, Rules, parse_rule
from faults.simulation.tape import Draw, ReplayTape

WRITE = IO(1, "write", 1024, 512, "data")
BMAP = IO(2, "write", 512, 4, "bmap")
FLUSH = IO(3, "flush", 0, 0, "")


def hits(rule: str, *ios: IO) -> list[int]:
    """Which of ``ios``, by position, were failed."""
    plan = Rules([parse_rule(rule)])
    return [at for at, io in enumerate(ios) if plan.fate(io).errno]


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ("event=write", [0]),
        ("event=write:bmap", [1]),
        ("event=write nth=2", [1]),
        ("event=write nth=0", [0, 1, 3]),
        ("event=write nth=2 once=off", [1, 3]),
        ("event=flush", [2]),
        ("event=any nth=4", [3]),
        ("event=read", []),
        ("event=write offset=1100", [0]),
        ("event=write offset=1536", []),
        ("event=write:data nth=2", [3]),
    ],
)
def test_a_rule_hits_what_it_names(rule: str, expected: list[int]) -> None:
    assert hits(rule, WRITE, BMAP, FLUSH, WRITE) == expected


def test_a_state_lets_one_rule_wait_for_another() -> None:
    """As in blkdebug: the write after the first failed flush fails."""
    plan = Rules([parse_rule("event=flush new-state=2"), parse_rule("event=write state=2")])
    assert [bool(plan.fate(io).errno) for io in (WRITE, FLUSH, WRITE, WRITE)] == [False, True, True, False]
    assert plan.injected == 2


def test_a_rule_says_which_error_and_what_became_of_the_data() -> None:
    rule = parse_rule("event=write errno=ENOSPC effect=some")
    assert rule.fate == Fate(errno.ENOSPC, "some")
    assert parse_rule("event=write errno=5").fate.errno == errno.EIO
    assert parse_rule("event=flush pages=clean_new").fate.pages == "clean_new"


def test_a_disk_of_few_bytes_is_full_for_what_does_not_fit() -> None:
    plan = Rules([parse_rule("event=write budget=1000")])
    sizes = [512, 512, 400, 512, 88, 1]
    fates = [plan.fate(IO(number, "write", 0, size, "data")) for number, size in enumerate(sizes)]
    assert [fate.errno for fate in fates] == [0, errno.ENOSPC, 0, errno.ENOSPC, 0, errno.ENOSPC]
    assert plan.injected == 3


def test_a_short_io_is_no_error() -> None:
    plan = Rules([parse_rule("event=write short=on")])
    assert plan.fate(WRITE) == Fate(short=True)
    assert plan.injected == 0


@pytest.mark.parametrize(
    "text", ["", "nth=1", "event=write colour=red", "event=write errno=EWRONG", "event=write nth=x", "event='"]
)
def test_what_is_no_rule_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        parse_rule(text)


def test_without_a_plan_everything_succeeds() -> None:
    assert NoFaults().fate(WRITE) is FINE
    assert Rules([]).fate(WRITE) is FINE


def test_the_first_rule_that_is_due_decides() -> None:
    plan = Rules([Rule("write", Fate(errno.EIO)), Rule("any", Fate(errno.ENOSPC))])
    assert [plan.fate(WRITE).errno, plan.fate(WRITE).errno] == [errno.EIO, errno.ENOSPC]


def test_few_faults_are_no_more_than_their_limit() -> None:
    plan = FewFaults(ReplayTape([Draw("fail", 2, 1)] * 9), limit=2)
    assert [bool(plan.fate(WRITE).errno) for _ in range(5)] == [True, True, False, False, False]


@pytest.mark.parametrize(
    ("io", "text"),
    [
        (WRITE, "write #1 data 512 bytes at 1024"),
        (FLUSH, "flush #3"),
        (IO(4, "resize", 4096, 0, ""), "resize #4  to 4096"),
        (IO(5, "write", 0, 8, "bmap", fua=True), "write #5 bmap 8 bytes at 0 FUA"),
    ],
)
def test_an_io_reads_as_a_line(io: IO, text: str) -> None:
    assert str(io) == text


def test_a_fate_reads_as_words() -> None:
    assert [str(FINE), str(Fate(short=True))] == ["succeeds", "is short"]
    assert str(Fate(errno.EIO, "some")) == "fails with EIO, effect: some"
