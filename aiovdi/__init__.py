"""aiovdi: an asyncio block-device driver for VDI virtual disks that keeps its promises.

::

    import aiovdi

    await aiovdi.create("disk.vdi", 10 << 30)
    async with aiovdi.open("disk.vdi", "r+") as disk:
        await disk.pwrite(b"hello", 4096)
        await disk.flush()
        data = await disk.pread(5, 4096)

The house, from the cellar up; each part imports only what stands above it in this list:

    units, errors, settling    bytes and their names; what can go wrong; I/O that cannot be recalled
    format/                    bytes to meaning and back: header, bmap, layout, audit. No I/O
    nbd/                       the same for the NBD protocol, both roles
    storage/                   one port for positional I/O, and its back ends
    driver/                    the disk: read path, write path, allocation, metadata, locks
    server/                    an NBD server for a disk, or for anything with its few methods
    jobs/                      check, convert, compare: whole images
    demo/                      a process that is killed, and a judge of what it leaves
    cli/                       the command line, with the names and exit codes of qemu-img
"""

from aiovdi.driver.creating import CompatibilityWarning, create
from aiovdi.driver.disk import Disk
from aiovdi.driver.extents import Extent
from aiovdi.driver.info import Info
from aiovdi.driver.opening import open_disk as open  # noqa: A004
from aiovdi.errors import (
    BadSignature,
    CorruptImage,
    DiskFailed,
    FormatError,
    ImageClosed,
    ImageLocked,
    OutOfRange,
    ReadOnlyImage,
    StorageError,
    UnsupportedFeature,
    UnsupportedVersion,
    VDIError,
)
from aiovdi.storage.base import Storage

__all__ = [
    "open",
    "create",
    "Disk",
    "Extent",
    "Info",
    "Storage",
    "CompatibilityWarning",
    "VDIError",
    "FormatError",
    "BadSignature",
    "UnsupportedVersion",
    "UnsupportedFeature",
    "CorruptImage",
    "ImageClosed",
    "ReadOnlyImage",
    "ImageLocked",
    "OutOfRange",
    "DiskFailed",
    "StorageError",
]
