"""What an image is, in the terms of ``qemu-img info``."""

import json
import subprocess
import uuid
from collections.abc import Callable
from pathlib import Path

import pytest

import aiovdi
from aiovdi.format.header import ImageType
from aiovdi.storage import UnflushedStorage
from aiovdi.storage.memory import MemoryStorage
from aiovdi.units import MiB
from tests.driver.gated import GatedStorage
from tests.driver.images import BLOCK, make_image


async def test_the_facts_are_those_of_the_header() -> None:
    image = make_image(blocks=8, entries=[2, 0], count=5, bmap_offset=1024)
    async with aiovdi.open(GatedStorage(image)) as disk:
        info = disk.info
    assert (info.format, info.version, info.image_type) == ("vdi", "1.1", ImageType.DYNAMIC)
    assert (info.virtual_size, info.cluster_size, info.block_count) == (8 * BLOCK, BLOCK, 8)
    assert (info.blocks_allocated, info.bmap_offset, info.data_offset) == (5, 1024, 1536)
    assert (info.uuid_create, info.uuid_modify) == (uuid.UUID(int=1), uuid.UUID(int=2))
    assert info.uuid_parent == uuid.UUID(int=0)
    assert not info.dirty_flag
    assert info.filename == "GatedStorage"


@pytest.mark.parametrize("storage", [MemoryStorage, lambda image: UnflushedStorage(MemoryStorage(image))])
async def test_a_storage_without_a_descriptor_takes_its_length(storage: Callable[[bytes], aiovdi.Storage]) -> None:
    image = make_image(entries=[0])
    async with aiovdi.open(storage(image)) as disk:
        assert disk.info.actual_size == len(image)


async def test_size_and_space_agree_with_qemu(tmp_path: Path, peer: Callable[[str], str]) -> None:
    path = tmp_path / "disk.vdi"
    await aiovdi.create(path, 100 * MiB)
    async with aiovdi.open(path, "r+") as disk:
        await disk.pwrite(b"x" * MiB, 50 * MiB)
    output = subprocess.run([peer("qemu-img"), "info", "--output=json", str(path)], check=True, capture_output=True)
    theirs = json.loads(output.stdout)
    async with aiovdi.open(path) as disk:
        ours = disk.info
    assert (ours.format, ours.virtual_size) == (theirs["format"], theirs["virtual-size"])
    assert ours.cluster_size == theirs["cluster-size"]
    assert ours.actual_size == theirs["actual-size"]
    assert ours.filename == str(path)
