"""The requests of the process that is going to die, drawn from a seed.

They crowd together on purpose: one in four turns to another block, often one that was never written
to, and the rest go to the blocks of a moment ago, whose entries may still be on their way.
"""

import dataclasses
import json
import random
from bisect import bisect_right
from collections import deque
from dataclasses import dataclass
from itertools import accumulate
from typing import NamedTuple

from aiovdi.demo.ledger import Kind
from aiovdi.storage import Aio, Cache
from aiovdi.units import SECTOR

__all__ = ["Draw", "Draws", "Workload"]

_WEIGHTS = {
    Kind.WRITE: 60,
    Kind.WRITE_FUA: 3,
    Kind.READ: 20,
    Kind.WRITE_ZEROES: 6,
    Kind.DISCARD: 4,
    Kind.FLUSH: 2,
}
_FRESH = 0.25
_OPENED_MAX = 0.5
_LONG = 0.05
_SHORT_SECTORS = 16
_LONG_SECTORS = 256
_CROWD = 8


@dataclass(frozen=True, kw_only=True)
class Workload:
    """What one process is to do."""

    image: str
    seed: int
    requests: int
    """How many it makes before it closes the disk; it is killed then at the latest."""
    depth: int = 32
    """Requests at a time."""
    first: int = 1
    """Number of its first request. The numbers of all processes that write to an image differ."""
    cache: Cache = "writeback"
    aio: Aio | None = None
    lifetime: int = 0
    """Calls of the storage after which a process ends itself, for children that are made so."""

    def dump(self) -> str:
        """One line of text."""
        return json.dumps(dataclasses.asdict(self))

    @classmethod
    def load(cls, line: str) -> "Workload":
        """The workload of that line."""
        return cls(**json.loads(line))


class Draw(NamedTuple):
    """A request to be made. Offset and length in bytes, multiples of 512."""

    kind: Kind
    offset: int
    length: int


class Draws:
    """Requests for a disk, one after the other.

    Args:
        workload: the same seed draws the same requests. Blocks without a slot are opened up one by one
            over its whole length, so that there is something to allocate until the end.
        size: the disk's, in bytes.
        block_size: the disk's, in bytes.
        free: runs ``(first, stop)`` of blocks without a slot. Where there are none, all blocks serve.
    """

    def __init__(self, workload: Workload, *, size: int, block_size: int, free: list[tuple[int, int]]) -> None:
        self._random = random.Random(workload.seed)
        self._size = size
        self._block_size = block_size
        self._free = free or [(0, -(-size // block_size))]
        self._ends = list(accumulate(stop - first for first, stop in self._free))
        self._pace = min(_OPENED_MAX, self._ends[-1] / workload.requests)
        self._opened = 1.0
        self._crowd: deque[int] = deque(maxlen=_CROWD)

    def next(self) -> Draw:
        """The next request."""
        self._opened = min(self._opened + self._pace, self._ends[-1])
        kind = self._random.choices(list(_WEIGHTS), list(_WEIGHTS.values()))[0]
        if kind is Kind.FLUSH:
            return Draw(kind, 0, 0)
        start = self._block() * self._block_size
        offset = start + SECTOR * self._random.randrange(min(self._block_size, self._size - start) // SECTOR)
        sectors = self._random.randint(1, _LONG_SECTORS if self._random.random() < _LONG else _SHORT_SECTORS)
        return Draw(kind, offset, min(sectors * SECTOR, self._size - offset))

    def _block(self) -> int:
        if not self._crowd or self._random.random() < _FRESH:
            self._crowd.append(self._free_block(self._random.randrange(int(self._opened))))
        return self._random.choice(self._crowd)

    def _free_block(self, index: int) -> int:
        """The block at this place among those that had no slot."""
        run = bisect_right(self._ends, index)
        return self._free[run][1] - (self._ends[run] - index)
