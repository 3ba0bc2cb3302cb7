"""Writes in flight on one unit, in bytes. What a power loss makes of them is said by the litmus tests."""

from hypothesis import given
from hypothesis import strategies as st

from faults.simulation.device import Device
from faults.simulation.overlays import DEPTH_MAX, Overlay, merged, overlaid, stacks

DEVICE = Device(unit=4)
A, B, C = Overlay(0, b"A", 0), Overlay(0, b"BB", 1), Overlay(2, b"C", 0)


def test_the_top_of_a_stack_hides_what_it_covers_and_no_more() -> None:
    assert merged(DEVICE, b"....", ()) == b"...."
    assert merged(DEVICE, b"....", (A, B, C)) == b"BBC."
    assert merged(DEVICE, b"....", (B, A)) == b"AB.."


def test_what_was_superseded_before_a_write_was_issued_is_not_below_it() -> None:
    assert overlaid(DEVICE, [b"old.", b"new."], [B]) == [b"new.", b"old.", b"BBw."]
    assert overlaid(DEVICE, [b"old.", b"new."], [A]) == [b"new.", b"old.", b"Aew.", b"Ald."]


@given(st.integers(0, 6))
def test_up_to_three_come_in_every_order_and_of_more_each_comes_alone(count: int) -> None:
    overlays = [Overlay(0, bytes([number]), 0) for number in range(count)]
    orders = [1, 2, 5, 16]
    assert len(orders) - 1 == DEPTH_MAX
    found = list(stacks(overlays))
    assert len(found) == len(set(found)) == (orders[count] if count <= DEPTH_MAX else 1 + count)
