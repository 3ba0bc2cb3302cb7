"""An allocating write costs what it writes: the rest of its block stays a hole."""

import asyncio
from pathlib import Path

import aiovdi
from aiovdi.storage import Aio

MiB = 1 << 20


async def test_4000_small_writes_in_4000_blocks_touch_16_mib(image: Path, aio: Aio) -> None:
    await aiovdi.create(image, 4096 * MiB)
    blocks = iter(range(4000))

    async def writer(disk: aiovdi.Disk) -> None:
        for block in blocks:
            await disk.pwrite(block.to_bytes(4, "big") * 1024, block * MiB + 8192)

    async with aiovdi.open(image, "r+", aio=aio) as disk:
        async with asyncio.TaskGroup() as group:
            for _ in range(32):
                group.create_task(writer(disk))
        await disk.flush()
        touched = image.stat().st_blocks * 512
        assert 4000 * 4096 <= touched <= 4000 * 4096 + 2 * MiB, "more than the data, the map and the header"
    async with aiovdi.open(image) as disk:
        for block in range(0, 4000, 37):
            assert await disk.pread(4096, block * MiB + 8192) == block.to_bytes(4, "big") * 1024
            assert await disk.pread(8192, block * MiB) == bytes(8192)
