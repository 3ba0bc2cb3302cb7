"""The per-block allocation lock: later writes to a block wait until its bmap entry is on the storage.

Without it two writers of one fresh block each fill a slot, and the last to publish hides the other;
or the second follows an entry that only memory has (bug 1b of the 2011 report). It is held for the
allocation only: a writer that finds the block mapped when its turn comes lets go before it writes.
"""

import asyncio
from typing import Self

from aiovdi.units import BlockIndex

__all__ = ["AllocationLocks"]


class AllocationLocks:
    """One lock for each block that is being allocated, made when needed and gone when free."""

    def __init__(self) -> None:
        self._locks: dict[BlockIndex, _Lock] = {}

    def of(self, block: BlockIndex) -> "_Turn":
        """A context in which nobody else allocates ``block``. First come, first served."""
        return _Turn(self._locks, block)

    def __len__(self) -> int:
        return len(self._locks)


class _Lock(asyncio.Lock):
    users = 0  # holder and waiters


class _Turn:
    def __init__(self, locks: dict[BlockIndex, _Lock], block: BlockIndex) -> None:
        self._locks = locks
        self._block = block

    async def __aenter__(self) -> Self:
        self._lock = self._locks.get(self._block) or self._locks.setdefault(self._block, _Lock())
        self._lock.users += 1
        try:
            await self._lock.acquire()
        except BaseException:
            self._leave()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        self._lock.release()
        self._leave()

    def _leave(self) -> None:
        self._lock.users -= 1
        if not self._lock.users:
            del self._locks[self._block]
