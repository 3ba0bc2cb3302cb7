"""The requests: the same from the same seed, within the disk, and with something to allocate until the end."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiovdi.demo.ledger import Kind
from aiovdi.demo.workload import Draw, Draws, Workload
from aiovdi.units import SECTOR, KiB, MiB


def draw(count: int, *, seed: int = 1, size: int = 64 * MiB, free: list[tuple[int, int]] | None = None) -> list[Draw]:
    workload = Workload(image="", seed=seed, requests=count)
    draws = Draws(workload, size=size, block_size=MiB, free=[(0, 64)] if free is None else free)
    return [draws.next() for _ in range(count)]


def test_the_same_seed_draws_the_same_requests() -> None:
    assert draw(100, seed=7) == draw(100, seed=7)
    assert draw(100, seed=7) != draw(100, seed=8)


@given(seed=st.integers(0, 2**32), sectors=st.integers(1, 5000))
def test_every_request_lies_within_the_disk_and_on_sectors(seed: int, sectors: int) -> None:
    size = sectors * SECTOR
    for kind, offset, length in draw(50, seed=seed, size=size, free=[]):
        assert offset % SECTOR == length % SECTOR == 0
        assert offset + length <= size
        assert length > 0 or kind is Kind.FLUSH


def test_every_kind_of_request_is_made() -> None:
    assert {each.kind for each in draw(500)} == set(Kind)


def test_only_free_blocks_are_chosen_and_the_last_of_them_late() -> None:
    free = [(3, 5), (40, 50)]
    blocks = [each.offset // MiB for each in draw(1200, free=free) if each.kind is not Kind.FLUSH]
    assert set(blocks) == {*range(3, 5), *range(40, 50)}
    assert blocks.index(49) > 1000


def test_requests_crowd_in_few_blocks_at_a_time() -> None:
    blocks = [each.offset // MiB for each in draw(1000)]
    assert max(len(set(blocks[at : at + 20])) for at in range(900)) <= 16


def test_a_workload_survives_its_way_to_the_child() -> None:
    workload = Workload(image='a "name"\nof two lines', seed=1, requests=2, cache="unsafe", aio="threads", first=9)
    assert "\n" not in workload.dump()
    assert Workload.load(workload.dump()) == workload


@pytest.mark.parametrize("block_size", [4 * KiB, MiB])
def test_a_full_image_gets_requests_everywhere(block_size: int) -> None:
    draws = Draws(Workload(image="", seed=1, requests=10), size=8 * block_size, block_size=block_size, free=[])
    assert {draws.next().offset // block_size for _ in range(500)} == set(range(8))
