"""The name of an I/O is its operation, its range, and which time it is."""

from faults.foreign.naming import Names


def test_the_same_range_again_is_another_io() -> None:
    names = Names()
    assert names.name("write", "bmap", 512, 512) == "write bmap 512@512 #1"
    assert names.name("write", "bmap", 512, 512) == "write bmap 512@512 #2"
    assert names.name("write", "bmap", 1024, 512) == "write bmap 512@1024 #1"


def test_a_flush_has_no_range_and_is_counted() -> None:
    names = Names()
    assert [names.name("flush", "", 0, 0) for _ in range(2)] == ["flush #1", "flush #2"]


def test_names_do_not_depend_on_the_order_of_different_ios() -> None:
    ios = [("write", "data", 0, 512), ("read", "data", 0, 512), ("flush", "", 0, 0), ("write", "data", 512, 512)]
    one, other = Names(), Names()
    assert sorted(one.name(*io) for io in ios) == sorted(other.name(*io) for io in reversed(ios))
