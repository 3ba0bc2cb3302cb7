"""What the harness needs to know of the code under test, and nothing else.

A *target* is an asyncio storage driver: it can be created on a storage, opened on one, asked, and
closed. Whoever has one of another kind writes a class of this shape; ``faults.vdi`` is the one for aiovdi.
"""

from typing import Any, Protocol

__all__ = ["Disk", "Target"]


class Disk(Protocol):
    """An opened driver."""

    async def pread(self, length: int, offset: int, /) -> bytes: ...
    async def pwrite(self, data: bytes, offset: int, /, *, fua: bool = False) -> None: ...
    async def write_zeroes(self, length: int, offset: int, /) -> None: ...
    async def discard(self, length: int, offset: int, /) -> None: ...
    async def flush(self) -> None: ...
    async def close(self) -> None: ...


class Target(Protocol):
    """How a driver is made and judged."""

    name: str
    size: int
    """Of the disk, in bytes; a multiple of 512."""
    block_size: int
    """The unit in which the driver allocates, so that workloads meet at its borders."""

    def blank(self) -> bytes:
        """A new, empty image."""

    async def open(self, storage: Any) -> Disk:
        """Open the image for writing."""

    def region(self, offset: int) -> str:
        """Which part of the image an offset lies in."""

    def read_image(self, content: bytes) -> bytes:
        """The whole disk, read by somebody else's reader.

        Raises ValueError: the image cannot be opened, or contradicts itself.
        """

    def is_expected(self, error: BaseException) -> bool:
        """Whether a request may raise this once a fault was injected or the disk has stopped."""

    def stops(self, error: BaseException) -> bool:
        """Whether this error says that the disk takes no more writes until it is opened again."""

    def leaks(self, disk: Any) -> list[str]:
        """What an idle disk still holds that it should not: locks, buffers, pins."""
