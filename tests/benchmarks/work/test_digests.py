"""One digest for each seed, equal for equal seeds."""

from benchmarks.work import digests


def test_every_seed_has_its_digest() -> None:
    three = digests.main("5", "3")["digests"]
    assert len(set(three)) == 3
    assert digests.main("6", "2")["digests"] == three[1:]
