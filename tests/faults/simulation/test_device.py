"""What readers see, and how it is kept. What a power loss leaves is tried by the litmus tests."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from faults.simulation.device import Device
from faults.simulation.image import LARGE, Image

WRITES = st.lists(st.tuples(st.integers(0, 4000), st.binary(min_size=1, max_size=1500)), max_size=8)


def write(device: Device, offset: int, data: bytes) -> None:
    device.end(device.issue_write(offset, data))


@given(st.binary(max_size=3000), WRITES, st.integers(0, 5000), st.integers(0, 5000))
def test_a_device_reads_as_a_file_does(content: bytes, writes: list[tuple[int, bytes]], at: int, length: int) -> None:
    device, file = Device.holding(content), bytearray(content)
    for offset, data in writes:
        write(device, offset, data)
        file.extend(bytes(max(0, offset - len(file))))
        file[offset : offset + len(data)] = data
    assert device.length == len(file)
    assert device.read(0, len(file) + 9) == file
    assert device.read(at, length) == file[at : at + length]


@given(st.binary(max_size=3000), WRITES)
def test_a_flush_makes_what_readers_see_durable(content: bytes, writes: list[tuple[int, bytes]]) -> None:
    device = Device.holding(content)
    for offset, data in writes:
        write(device, offset, data)
    assert device.stable() == content
    device.end_flush(device.tick())
    assert device.stable() == device.read(0, device.length)
    assert not device.versions
    assert not device.lengths


def test_a_large_device_is_told_without_its_holes_and_reads_the_same() -> None:
    device = Device.holding(b"a" * 700 + bytes(8 * LARGE) + b"z" * 300)
    stable = device.stable()
    assert isinstance(stable, Image)
    assert bytes(stable) == device.read(0, device.length)
    assert isinstance(Device.holding(b"a" * 700).stable(), bytes)


def test_a_write_is_seen_when_it_ends_and_not_before() -> None:
    device = Device.holding(bytes(512))
    operation = device.issue_write(0, b"new")
    assert device.read(0, 3) == bytes(3)
    device.end(operation)
    assert device.read(0, 3) == b"new"
    assert not device.in_flight


def test_what_lay_past_a_cut_reads_as_zeros_when_the_file_grows_again() -> None:
    device = Device.holding(b"x" * 2000)
    for length in (700, 2000):
        device.end(device.issue_resize(length))
    assert device.read(0, 2000) == b"x" * 700 + bytes(1300)


def test_a_write_that_fails_in_part_moves_the_end_to_its_last_unit_that_got_there() -> None:
    device = Device.holding(b"")
    device.end(device.issue_write(0, b"x" * 1536), only=lambda number: number < 2)
    assert device.length == 1024


def test_a_sparse_device_costs_nothing_for_what_was_never_written() -> None:
    device = Device.holding(bytes(1 << 20))
    device.end(device.issue_resize(1 << 50))
    assert not device.volatile
    assert device.read((1 << 50) - 8, 100) == bytes(8)


@pytest.mark.parametrize("visible", [True, False])
def test_pages_of_a_failed_flush_stay_visible_or_not_until_the_cache_is_dropped(visible: bool) -> None:
    device = Device.holding(b"o" * 512)
    write(device, 0, b"n" * 512)
    device.lose(device.tick(), keep=lambda _: False, visible=visible)
    assert device.read(0, 1) == (b"n" if visible else b"o")
    device.drop_cache(0, 512)
    assert device.read(0, 1) == b"o"


def test_a_dirty_page_is_not_dropped_with_the_cache() -> None:
    device = Device.holding(b"o" * 512)
    write(device, 0, b"n" * 512)
    device.drop_cache(0, 512)
    assert device.read(0, 1) == b"n"


def test_a_failed_flush_may_have_written_some_units() -> None:
    device = Device.holding(bytes(1024))
    write(device, 0, b"n" * 1024)
    device.lose(device.tick(), keep=lambda unit: unit == 1, visible=False)
    assert device.stable() == bytes(512) + b"n" * 512


def test_a_device_of_the_same_kind_keeps_its_options_and_nothing_else() -> None:
    options = {"order": "sequential", "flush_lies": True, "torn": "prefix", "grain": 8, "extends_stale": True}
    device = Device.holding(b"x", unit=4096, **options)
    write(device, 0, b"y")
    other = device.holds({0: b"z" * 4096}, 4096)
    assert {name: getattr(other, name) for name in ("unit", *options)} == {"unit": 4096, **options}
    assert other.stable() == b"z" * 4096
    assert not other.versions


def test_a_file_that_grows_again_shows_zeros_also_when_its_cut_was_given_up() -> None:
    device = Device.holding(b"old" * 512)
    device.end(device.issue_resize(512))
    device.lose(device.tick(), keep=lambda _: False, visible=False)
    device.end(device.issue_resize(1536))
    assert device.read(512, 1024) == bytes(1024)
    device.end_flush(device.tick())
    assert device.stable() == (b"old" * 171)[:512] + bytes(1024)
