"""Bug 2 of the 2011 report: a failure that is reported as success. Every physical I/O fails once, in turn."""

import errno
from collections.abc import Callable
from typing import Any

import pytest

import aiovdi
from aiovdi.driver.disk import Disk
from tests.driver.gated import GatedStorage
from tests.driver.images import BLOCK, Naive, make_image

NEW = b"N" * (2 * BLOCK)
OLD = b"O" * BLOCK

OPERATIONS: dict[str, Callable[[Disk], Any]] = {
    "allocating write": lambda disk: disk.pwrite(NEW, BLOCK),
    "allocating write with FUA": lambda disk: disk.pwrite(NEW, BLOCK, fua=True),
    "write in place": lambda disk: disk.pwrite(NEW[:BLOCK], 0),
    "write in place with FUA": lambda disk: disk.pwrite(NEW[:BLOCK], 0, fua=True),
    "write across both": lambda disk: disk.pwrite(NEW, 2048),
    "zeroes": lambda disk: disk.write_zeroes(BLOCK, 0, fua=True),
    "read": lambda disk: disk.pread(2 * BLOCK, 0),
}


@pytest.mark.parametrize("name", OPERATIONS)
@pytest.mark.parametrize("keep", [0, 512, None])
async def test_no_io_can_fail_without_its_request_failing(
    name: str, keep: int | None, no_leftovers: Callable[[Disk], None]
) -> None:
    failing = 0
    while await fails_honestly(failing, name, keep, no_leftovers):
        failing += 1
    assert failing >= 1


async def fails_honestly(failing: int, name: str, keep: int | None, no_leftovers: Callable[[Disk], None]) -> bool:
    """Let the I/O number ``failing`` of the request fail. False when it has no such I/O."""
    storage = GatedStorage(make_image(entries=[0], slots={0: OLD}), cold=True)
    disk = await aiovdi.open(storage, "r+")
    rule = storage.fail("any", skip=failing, keep=keep)
    try:
        await OPERATIONS[name](disk)
    except (aiovdi.StorageError, aiovdi.DiskFailed):
        assert rule.ios
    else:  # dropping the cache is a hint; every other I/O counts
        assert [io.op for io in rule.ios] in ([], ["drop"]), f"{name} succeeded although {rule.ios} failed"
    rule.lift()
    no_leftovers(disk)
    after = Naive(storage.kill())
    assert not after.complaints()
    for sector in range(0, after.disk_size, 512):
        assert set(after.disk()[sector : sector + 512]) in ({0}, {ord("N")}, {ord("O")})
    if disk._lifecycle.failure is None:
        await disk.close()
    else:
        with pytest.raises(aiovdi.DiskFailed):
            await disk.close()
    return bool(rule.ios)


async def test_the_error_of_the_device_keeps_its_number_and_its_place() -> None:
    storage = GatedStorage(make_image(entries=[0]))
    async with aiovdi.open(storage, "r+") as disk:
        storage.fail("write", range(1024 + 512, 1024 + 1024), error=errno.EREMOTEIO)
        with pytest.raises(aiovdi.StorageError) as caught:
            await disk.pwrite(b"x" * 512, 512)
        assert (caught.value.errno, caught.value.operation) == (errno.EREMOTEIO, "write")
        assert (caught.value.offset, caught.value.length) == (1024 + 512, 512)
