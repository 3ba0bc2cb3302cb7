"""Memory that is used again, within bounds."""

from aiovdi.server.payloads import Payloads
from aiovdi.units import KiB, MiB


def test_what_was_given_back_is_used_again_for_the_same_length_only() -> None:
    payloads = Payloads()
    memory = payloads.take(1 * MiB)
    payloads.give(memory)
    assert payloads.take(1 * MiB + 1) is not memory
    assert payloads.take(1 * MiB) is memory
    assert payloads.take(1 * MiB) is not memory
    assert len(memory) == 1 * MiB


def test_two_that_look_alike_are_two() -> None:
    payloads = Payloads()
    pair = [payloads.take(128 * KiB) for _ in range(2)]
    for memory in pair:
        payloads.give(memory)
    assert {id(payloads.take(128 * KiB)) for _ in range(2)} == {id(memory) for memory in pair}


def test_no_more_is_kept_than_it_may() -> None:
    payloads = Payloads()
    for memory in [payloads.take(1 * MiB) for _ in range(40)]:
        payloads.give(memory)
    assert sum(map(len, payloads._spare)) == 16 * MiB
    payloads.give(payloads.take(15 * MiB))
    assert sum(map(len, payloads._spare)) == 16 * MiB


def test_what_is_small_or_too_large_is_not_kept() -> None:
    payloads = Payloads()
    for length in (64 * KiB, 17 * MiB):
        payloads.give(payloads.take(length))
    assert not payloads._spare
