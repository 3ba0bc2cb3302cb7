"""``cache="unsafe"``: nothing is made durable, for images that may be lost with the machine.

The meaning is QEMU's: ``flush`` does nothing and ``fua`` is dropped, everything else is as below.
What ended still survives the death of this process.
"""

from collections.abc import Callable

from aiovdi.storage.base import Storage

__all__ = ["UnflushedStorage"]


class UnflushedStorage:
    """`Storage` that breaks line 5 of the port on purpose."""

    fileno: Callable[[], int]  # only where the storage below has it

    def __init__(self, inner: Storage) -> None:
        self._inner = inner
        self.alignment = inner.alignment
        self.can_grow = inner.can_grow
        self.extends_with_zeros = inner.extends_with_zeros
        self.pread_now = inner.pread_now
        self.pread_some = inner.pread_some
        self.begin_write = inner.begin_write
        self.discard = inner.discard
        self.resize = inner.resize
        self.drop_cache = inner.drop_cache
        self.close = inner.close
        if hasattr(inner, "fileno"):
            self.fileno = inner.fileno

    @property
    def size(self) -> int:
        return self._inner.size

    async def pwrite_some(self, data: memoryview, offset: int, *, fua: bool = False) -> int:  # noqa: ARG002
        return await self._inner.pwrite_some(data, offset)

    async def write_zeroes(self, length: int, offset: int, *, fua: bool = False) -> None:  # noqa: ARG002
        await self._inner.write_zeroes(length, offset)

    async def flush(self) -> None:
        """Nothing."""
