"""Bytes of an earlier life in the file never become content of the disk."""

import pytest

import aiovdi
from tests.driver.gated import GatedStorage
from tests.driver.images import BLOCK, Naive, make_image

STALE = b"\xee" * BLOCK


def stale_image() -> bytes:
    """Block 2 lives in slot 2. Slots 0, 1, 3 and 4 hold what some lost allocation left."""
    slots = {0: STALE, 1: STALE, 2: b"2" * BLOCK, 3: STALE, 4: STALE}
    return make_image(entries={2: 2}, slots=slots, file_size=1024 + 5 * BLOCK, count=5)


backings = pytest.mark.parametrize(
    "traits",
    [
        {},
        {"extends_with_zeros": False},
        {"can_grow": False},
        {"can_grow": False, "extends_with_zeros": False},
    ],
    ids=["file", "extends with garbage", "block device", "raw device"],
)


def storage_with(traits: dict[str, bool]) -> GatedStorage:
    image = stale_image()
    if not traits.get("can_grow", True):
        image = image.ljust(1024 + 8 * BLOCK, b"\xee")
    return GatedStorage(image, **traits)


@backings
async def test_the_rest_of_a_new_block_reads_zeros(traits: dict[str, bool]) -> None:
    storage = storage_with(traits)
    async with aiovdi.open(storage, "r+") as disk:
        for block in (0, 1, 3, 4, 5, 6, 7):
            await disk.pwrite(b"new", block * BLOCK + 100)
            assert await disk.pread(BLOCK, block * BLOCK) == bytes(100) + b"new" + bytes(BLOCK - 103)
        assert await disk.pread(BLOCK, 2 * BLOCK) == b"2" * BLOCK
    assert b"\xee" not in Naive(storage.kill()).disk()


@backings
async def test_no_power_cut_shows_stale_bytes(traits: dict[str, bool]) -> None:
    storage = storage_with(traits)
    disk = await aiovdi.open(storage, "r+")
    disk._slots._window = disk._slots.window_max = 2

    def judge() -> None:
        for image in storage.crash_images(count=4):
            left = Naive(image)
            assert b"\xee" not in left.disk()
            assert b"\xa5" not in left.disk()
            assert not left.complaints()

    storage.after_effect.append(judge)
    for block in (7, 0, 3):
        await disk.pwrite(b"new" * 300, block * BLOCK + 100)
    await disk.close()


async def test_dirty_slots_are_filled_before_the_file_grows() -> None:
    storage = GatedStorage(stale_image())
    async with aiovdi.open(storage, "r+") as disk:
        for block in (0, 1):
            await disk.pwrite(b"new", block * BLOCK)
    left = Naive(storage.kill())
    assert left.mapped == {0: 0, 1: 1, 2: 2}
    assert len(left.image) == 1024 + 3 * BLOCK


async def test_slots_are_never_cleaned_by_discard() -> None:
    storage = GatedStorage(stale_image())
    async with aiovdi.open(storage, "r+") as disk:
        for block in (0, 1, 3):
            await disk.pwrite(b"new", block * BLOCK)
    assert not storage.ended("discard")
