"""What the harness needs to know of the code under test, and nothing else.

A *target* is an asyncio storage driver: it can be created on a storage, opened on one, asked, and
closed. Whoever has one of another kind writes a class of this shape; ``faults.vdi`` is the one for aiovdi.
Whoever derives it from ``Target`` may leave out what has a body here.
"""

from typing import Any, Protocol

from faults.simulation.image import Content
from faults.simulation.tape import Tape

__all__ = ["Disk", "Target"]


class Disk(Protocol):
    """An opened driver."""

    async def pread(self, length: int, offset: int, /) -> bytes: ...
    async def pwrite(self, data: bytes, offset: int, /, *, fua: bool = False) -> None: ...
    async def write_zeroes(self, length: int, offset: int, /, *, fua: bool = False) -> None: ...
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
    grows: bool = True
    """Whether the storage below may be resized. One that may not has the length of ``blank()`` for good."""
    extends_with_zeros: bool = True
    """Whether zeros are where the storage below has grown; if not, old bytes are."""
    writes_through: bool = False
    """Whether every write, and every write of zeros, is durable when it returns."""
    drains: bool = False
    """Whether ``close`` may be called while requests are under way: they finish, and new ones are refused."""

    stops_for_good: bool = False
    """Whether a disk whose flush or FUA write has failed refuses every later flush, until it is opened again."""

    def blank(self) -> bytes:
        """A new, empty image."""

    async def open(self, storage: Any) -> Disk:
        """Open the image for writing."""

    def region(self, offset: int) -> str:
        """Which part of the image an offset lies in."""

    def read_image(self, content: Content) -> Any:
        """The whole disk, read by somebody else's reader: ``bytes``, or for a large one an ``Image``.

        Raises ValueError: the image cannot be opened, or contradicts itself.
        """

    def audit_closed(self, content: Content) -> None:
        """Besides what ``read_image`` looks at: what a close promises that has succeeded after a change.

        Raises ValueError: it was not kept.
        """

    def audit_changed(self, before: Content, after: Content) -> None:
        """What must differ between an image and what is left of it, once a change was acknowledged.

        Raises ValueError: it does not.
        """

    def is_expected(self, error: BaseException) -> bool:
        """Whether a request may raise this once a fault was injected or the disk has stopped."""

    def stops(self, error: BaseException) -> bool:
        """Whether this error says that the disk takes no more writes until it is opened again."""

    def is_closed(self, error: BaseException) -> bool:  # noqa: ARG002
        """Whether this error says that the disk is closed, or closing; asked of a target that ``drains``."""
        return False

    def leaks(self, disk: Any) -> list[str]:
        """What an idle disk still holds that it should not: locks, buffers, pins."""

    def squeeze(self, disk: Any) -> None:
        """Let the disk forget what it may at any moment, such as cached metadata."""

    def shaped(self, tape: Tape) -> "Target":  # noqa: ARG002
        """This target, or one like it of another geometry that the tape chooses; the benign choice is this one."""
        return self
