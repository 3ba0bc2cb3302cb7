"""Most events are punctual, some are a little late, a few as late as can be."""

from random import Random

from faults.foreign.lateness import LATENESS, late, very_late


def test_lateness_has_all_that_there_is_and_mostly_none() -> None:
    drawn = [late(Random(seed), LATENESS) for seed in range(4000)]
    assert set(drawn) == set(range(LATENESS))
    assert 0.6 < drawn.count(0) / len(drawn) < 0.7
    assert drawn.count(1) > drawn.count(LATENESS - 2)


def test_what_is_slow_waits_for_nearly_everything_else() -> None:
    drawn = [very_late(Random(seed), LATENESS) for seed in range(1000)]
    assert drawn.count(LATENESS - 1) > 750
    assert drawn.count(0) > 0
