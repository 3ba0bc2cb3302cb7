"""R1 and R4: QEMU and VirtualBox allocate at the header's count without looking, so it may never be too low."""

import asyncio

import pytest

import aiovdi
from tests.driver.gated import GatedStorage
from tests.driver.images import BLOCK, HEADER, Naive, make_image

#  R1   A: count := 3 in flight         B: count := 4 in flight
#       B's write lands first, then A's: the header says 3 and the map names slot 3.
#  R4   the entry is on stable storage, the count that covers it is not.


@pytest.mark.parametrize("window", [1, 2, 3])
@pytest.mark.parametrize("ticks", [1, 4])
async def test_the_count_covers_the_map_at_every_instant_and_after_every_power_cut(window: int, ticks: int) -> None:
    storage = GatedStorage(make_image(blocks=16, entries={3: 1}), ticks=ticks)
    disk = await aiovdi.open(storage, "r+")
    disk._slots._window = disk._slots.window_max = window
    judged = 0

    def judge() -> None:
        nonlocal judged
        for image in [storage.kill(), *storage.crash_images(seed=judged, count=4)]:
            assert not Naive(image).complaints()
            judged += 1

    storage.after_effect.append(judge)
    await asyncio.gather(*(disk.pwrite(bytes([n + 1]), n * BLOCK) for n in range(16)))
    await disk.close()
    assert judged > 100
    assert Naive(storage.durable()).count == 16


async def test_header_writes_are_never_in_flight_together() -> None:
    storage = GatedStorage(make_image(blocks=64), ticks=3)
    disk = await aiovdi.open(storage, "r+")
    disk._slots._window = disk._slots.window_max = 1
    most = 0

    def count() -> None:
        nonlocal most
        most = max(most, sum(io.op == "write" and io.offset in HEADER for io in storage.in_flight))

    storage.after_effect.append(count)
    await asyncio.gather(*(disk.pwrite(b"x", n * BLOCK) for n in range(64)))
    await disk.close()
    assert most == 1


async def test_a_count_that_was_too_low_is_mended_before_the_first_change() -> None:
    storage = GatedStorage(make_image(entries={0: 5}, count=2))
    disk = await aiovdi.open(storage, "r+")
    data = storage.hold("write", range(1024, 1 << 30))
    write = asyncio.create_task(disk.pwrite(b"x", 0))
    await data.caught()
    assert not Naive(storage.durable()).complaints()
    data.release()
    await write
    await disk.close()
    assert Naive(storage.kill()).count == 6


async def test_the_count_never_exceeds_the_number_of_blocks() -> None:
    storage = GatedStorage(make_image(blocks=3))
    async with aiovdi.open(storage, "r+") as disk:

        def judge() -> None:
            assert Naive(storage.kill()).count <= 3, "VirtualBox refuses it"

        storage.after_effect.append(judge)
        for block in range(3):
            await disk.pwrite(b"x", block * BLOCK)
        assert storage.size == 1024 + 3 * BLOCK
