"""Buffers that become bytes without a copy."""

import pytest

from aiovdi.driver import blank
from aiovdi.driver.blank import filled


@pytest.mark.parametrize("length", [0, 1, 511, 4096, 1 << 20])
def test_what_is_put_into_a_blank_is_what_it_holds(length: int) -> None:
    whole = blank.blank(length)
    content = bytes(range(256)) * (length // 256 + 1)
    with whole.getbuffer() as view:
        assert bytes(view) == bytes(length)
        view[:] = content[:length]
    assert whole.getvalue() == content[:length]


@pytest.mark.parametrize("make", [filled, blank._filled_portably])
@pytest.mark.parametrize("length", [1, 65_537, 1 << 20])
def test_bytes_are_filled_in_place_and_those_before_stay_as_they_were(make: object, length: int) -> None:
    assert callable(make)
    made = []
    for value in range(8):

        def fill(view: memoryview, value: int = value) -> bool:
            assert len(view) == length
            assert not view.readonly
            view[:] = bytes([value]) * length
            return True

        made.append(make(length, fill))
    assert made == [bytes([value]) * length for value in range(8)]
    assert len({hash(each) for each in made}) == 8


@pytest.mark.parametrize("make", [filled, blank._filled_portably])
def test_bytes_that_were_not_filled_are_never_seen(make: object) -> None:
    assert callable(make)
    assert make(100, lambda _: False) is None


def test_the_view_cannot_be_used_once_the_bytes_are_out() -> None:
    views = []

    def fill(view: memoryview) -> bool:
        views.append(view)
        view[:] = b"x" * 10
        return True

    assert filled(10, fill) == b"x" * 10
    with pytest.raises(ValueError, match="released"):
        views[0][0] = 1


@pytest.mark.parametrize("kind", [blank.Gathering, blank.PortableGathering])
def test_parts_are_gathered_in_order(kind: type[blank.PortableGathering]) -> None:
    whole = kind(3 * 1000 + 1)
    for at in range(0, 3000, 1000):
        whole.append(bytes([at // 1000 + 1]) * 1000, at)
    whole.append(b"!", 3000)
    assert whole.result() == b"\1" * 1000 + b"\2" * 1000 + b"\3" * 1000 + b"!"


def test_a_part_out_of_place_or_missing_is_refused() -> None:
    with pytest.raises(AssertionError):
        blank.Gathering(10).append(b"x", 1)
    with pytest.raises(AssertionError):
        blank.Gathering(10).append(b"x" * 11, 0)
    with pytest.raises(AssertionError):
        blank.Gathering(10).result()
