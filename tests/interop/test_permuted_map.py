"""Images that QEMU wrote out of order read back right, also in one request that spans many blocks."""

import random
import subprocess
from collections.abc import Callable
from pathlib import Path

import aiovdi

MiB = 1 << 20
BLOCKS = 24


async def test_an_image_with_a_permuted_map_reads_right_in_one_request(
    tmp_path: Path, peer: Callable[[str], str]
) -> None:
    image = tmp_path / "disk.vdi"
    subprocess.run([peer("qemu-img"), "create", "-q", "-f", "vdi", image, f"{BLOCKS}M"], check=True)
    order = [block for block in range(BLOCKS) if block % 5]  # every fifth block stays unmapped
    random.Random(1).shuffle(order)
    commands = [f"write -q -P {block + 1} {block}M 1M" for block in order]
    subprocess.run(
        [peer("qemu-io"), "-f", "vdi", *(word for line in commands for word in ("-c", line)), image], check=True
    )
    truth = b"".join(bytes([block + 1 if block % 5 else 0]) * MiB for block in range(BLOCKS))
    async with aiovdi.open(image) as disk:
        extents = [extent async for extent in disk.extents()]
        assert len([extent for extent in extents if extent.data]) > 8, "the map is not permuted"
        assert await disk.pread(disk.size, 0) == truth
        assert await disk.pread(7 * MiB + 3, MiB - 1) == truth[MiB - 1 :][: 7 * MiB + 3]
        buffer = bytearray(disk.size - 700)
        assert await disk.preadinto(buffer, 700) == len(buffer)
        assert buffer == truth[700:]
