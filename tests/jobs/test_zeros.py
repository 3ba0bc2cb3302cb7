"""Zeros and differences in memory, against the same question asked byte by byte."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiovdi.jobs.zeros import data_runs, first_difference, is_zero

GRANULE = 512


def granules(pattern: str) -> bytes:
    """A granule a letter: ``.`` zeros, ``h`` data at its head, ``t`` data in its last byte only."""
    kinds = {".": bytes(GRANULE), "h": b"\1" * GRANULE, "t": bytes(GRANULE - 1) + b"\1"}
    return b"".join(kinds[letter] for letter in pattern)


@pytest.mark.parametrize("length", [0, 1, 65535, 65536, 65537, 200_000])
def test_zeros_of_any_length_are_zero(length: int) -> None:
    assert is_zero(memoryview(bytes(length)))


@pytest.mark.parametrize("at", [0, 1, 65535, 65536, 199_999])
def test_one_byte_anywhere_is_not_overlooked(at: int) -> None:
    content = bytearray(200_000)
    content[at] = 1
    assert not is_zero(memoryview(content))


@pytest.mark.parametrize(
    ("pattern", "runs"),
    [
        ("", []),
        ("...", []),
        ("hhh", [(0, 3)]),
        ("h.h", [(0, 1), (2, 1)]),
        (".tt.h.", [(1, 2), (4, 1)]),
        ("t", [(0, 1)]),
    ],
)
def test_runs_of_data_leave_out_the_granules_of_zeros(pattern: str, runs: list[tuple[int, int]]) -> None:
    found = list(data_runs(memoryview(granules(pattern)), GRANULE))
    assert found == [(start * GRANULE, length * GRANULE) for start, length in runs]


def test_a_last_granule_that_is_cut_short_counts_like_a_whole_one() -> None:
    assert list(data_runs(memoryview(granules("h") + bytes(8)), GRANULE)) == [(0, GRANULE)]
    assert list(data_runs(memoryview(granules(".") + b"\1" * 8), GRANULE)) == [(GRANULE, 8)]


@given(st.text("ht.", max_size=40))
def test_runs_and_zeros_together_are_the_whole(pattern: str) -> None:
    content = granules(pattern)
    copy = bytearray(len(content))
    for start, length in data_runs(memoryview(content), GRANULE):
        assert set(pattern[start // GRANULE : (start + length) // GRANULE]) <= set("ht")
        copy[start : start + length] = content[start : start + length]
    assert copy == content


@given(st.binary(max_size=300), st.integers(0, 299), st.binary(max_size=20))
def test_the_first_difference_is_the_first_one(content: bytes, at: int, more: bytes) -> None:
    changed = bytearray(content)
    for index in range(at, len(changed), 3):
        changed[index] ^= 0xFF
    expected = at if at < len(content) else None
    assert first_difference(content + more, memoryview(changed)) == expected
