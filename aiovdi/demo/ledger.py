"""What a process that is going to die says about its requests, and what each sector may hold afterwards.

Rule 1: a record is one ``write`` of 32 bytes to a pipe, which no kill can tear (pipe(7), PIPE_BUF).
Rule 2: a request is announced before it begins and after it returned, so whatever a kill finds in
between counts as under way, never as acknowledged.
Rule 3: what a write puts into a sector follows from the write's number and the sector's offset, and
spells both: a sector that turns up where it does not belong says where it came from.

Pure: no I/O. Offsets and lengths in bytes; times count records.
"""

import enum
import struct
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from aiovdi.units import SECTOR, MiB

__all__ = ["RECORD", "Allowed", "Event", "Kind", "Ledger", "Record", "Request", "content", "name_in"]

RECORD = struct.Struct("<BBxxxxxxQQQ")
"""Event, kind, number, offset, length."""

_NAME = struct.Struct("<16sQQ")
"""A mark, offset on the disk, number of the write; repeated to the end of the sector."""

_MARK = b"aiovdi demo"
_COPIES = SECTOR // _NAME.size


class Event(enum.IntEnum):
    """What a record tells."""

    BORN = 0
    """``number`` is the process's id."""
    SUBMITTED = 1
    RETURNED = 2
    RAISED = 3
    FOREIGN = 4
    """A read returned a sector that names another place: ``offset`` is where it was read."""
    CLOSING = 5
    CLOSED = 6
    ENDED = 7
    """Said by the nursery: ``number`` is the signal that ended the process, 0 if none did."""


class Kind(enum.IntEnum):
    """What a request does."""

    READ = 0
    WRITE = 1
    WRITE_FUA = 2
    WRITE_ZEROES = 3
    DISCARD = 4
    FLUSH = 5

    @property
    def label(self) -> str:
        """The word for people."""
        return self.name.lower().replace("_", " ")


class Record(NamedTuple):
    """One line of the story, as it goes through the pipe."""

    event: Event
    kind: Kind = Kind.READ
    number: int = 0
    offset: int = 0
    length: int = 0

    def pack(self) -> bytes:
        """The record's 32 bytes."""
        return RECORD.pack(*self)

    @classmethod
    def unpack(cls, raw: bytes) -> "Record":
        """The record in these 32 bytes."""
        event, kind, number, offset, length = RECORD.unpack(raw)
        return cls(Event(event), Kind(kind), number, offset, length)


@dataclass(slots=True, eq=False)
class Request:
    """One request and what became of it."""

    kind: Kind
    number: int
    offset: int
    length: int
    submitted: int
    ended: int | None = None
    """When it returned or raised."""
    acknowledged: bool = False

    @property
    def changes(self) -> bool:
        """Whether it can change what the disk reads."""
        return self.kind not in {Kind.READ, Kind.FLUSH}

    @property
    def stores(self) -> bool:
        """Whether it gives a slot to a block that has none."""
        return self.kind in {Kind.WRITE, Kind.WRITE_FUA}

    def blocks(self, block_size: int) -> range:
        """The blocks that it touches; it is not empty."""
        return range(self.offset // block_size, (self.offset + self.length - 1) // block_size + 1)

    def content(self, sector: int) -> bytes:
        """What it puts into ``sector``."""
        if self.kind in {Kind.WRITE_ZEROES, Kind.DISCARD}:
            return bytes(SECTOR)
        return content(self.number, sector * SECTOR, SECTOR)


class Allowed(NamedTuple):
    """What a sector may hold: what it held before, or what one of these requests puts there."""

    before: bool
    requests: list[Request]


class Ledger:
    """Every record of one process, in order.

    Args:
        block_size: in bytes.
        mapped: blocks that had a slot before.
    """

    def __init__(self, *, block_size: int = MiB, mapped: Iterable[int] = ()) -> None:
        self.requests: dict[int, Request] = {}
        self.under_way: dict[int, Request] = {}
        self.acknowledged = 0
        self.raised = 0
        self.records = 0
        self.last = Record(Event.BORN)
        self.foreign: list[int] = []
        """Offsets at which a read of the process itself found a sector of another place."""
        self._block_size = block_size
        self._slotted = set(mapped)
        """Blocks that have a slot for certain."""
        self._flushed_before = 0
        """The latest time at which a flush was submitted that has returned."""
        self._touching: defaultdict[int, list[Request]] = defaultdict(list)

    def take(self, record: Record) -> None:
        """Note the next record."""
        self.records += 1
        self.last = record
        match record.event:
            case Event.SUBMITTED:
                self._begin(Request(*record[1:], submitted=self.records))
            case Event.RETURNED | Event.RAISED:
                self._end(self.under_way.pop(record.number), record.event is Event.RETURNED)
            case Event.FOREIGN:
                self.foreign.append(record.offset)
            case _:
                pass

    def allocating(self) -> dict[Request, set[int]]:
        """Writes under way to blocks that have no slot for all we know, each with these blocks."""
        stores = [each for each in self.under_way.values() if each.stores]
        waiting = {each: set(each.blocks(self._block_size)) - self._slotted for each in stores}
        return {each: blocks for each, blocks in waiting.items() if blocks}

    @property
    def sectors(self) -> list[int]:
        """The sectors that any request may have changed, ascending."""
        return sorted(self._touching)

    def touching(self, sector: int) -> list[Request]:
        """The requests that change ``sector``, by submission."""
        return self._touching.get(sector, [])

    def allowed(self, sector: int) -> Allowed:
        """What ``sector`` may hold now, or after a kill now.

        A request is out of the question once another was submitted after its end and acknowledged.
        Of those that overlapped, any may have been the last.
        """
        touching = self.touching(sector)
        newest = max((each.submitted for each in touching if each.acknowledged), default=0)
        possible = [each for each in touching if each.ended is None or each.ended > newest]
        return Allowed(not newest, possible)

    def is_stable(self, request: Request) -> bool:
        """Whether a flush, or its own FUA, vouches for an acknowledged request."""
        if request.ended is None or not request.acknowledged:
            return False
        return request.kind is Kind.WRITE_FUA or request.ended < self._flushed_before

    def _begin(self, request: Request) -> None:
        assert request.number not in self.requests, "a number is given once"
        self.requests[request.number] = self.under_way[request.number] = request
        if request.changes:
            for sector in range(request.offset // SECTOR, (request.offset + request.length) // SECTOR):
                self._touching[sector].append(request)

    def _end(self, request: Request, acknowledged: bool) -> None:
        request.ended = self.records
        request.acknowledged = acknowledged
        self.acknowledged += acknowledged
        self.raised += not acknowledged
        if request.stores and acknowledged:
            self._slotted.update(request.blocks(self._block_size))
        if request.kind is Kind.FLUSH and acknowledged:
            self._flushed_before = max(self._flushed_before, request.submitted)


def content(number: int, offset: int, length: int) -> bytes:
    """What write ``number`` puts into ``length`` bytes at ``offset``, both multiples of 512."""
    return b"".join(_NAME.pack(_MARK, at, number) * _COPIES for at in range(offset, offset + length, SECTOR))


def name_in(sector: bytes) -> tuple[int, int] | None:
    """Offset and write number that a whole sector spells; None if it spells none."""
    _, offset, number = _NAME.unpack_from(sector)
    return (offset, number) if sector == _NAME.pack(_MARK, offset, number) * _COPIES else None
