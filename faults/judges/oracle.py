"""What a disk may hold, sector by sector: a set of values, narrowed by what it promised and by nothing else.

For each sector the oracle keeps three sets:

``settled``  what a reader may see when nothing is under way: after an acknowledged write one value;
             after a failed or cancelled one, old or new.
``visible``  the same with the writes that are under way, each done or not, in any order.
``stable``   what may be there after a power loss now. A successful flush makes it what was settled when
             the flush began, and whatever was issued since.

The judge shares no code with the judged: nothing here knows a block, a slot or a map.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import permutations
from typing import Protocol

__all__ = ["PARTIAL_WRITES_MAX", "SECTOR", "Flush", "Oracle", "Read", "Sparse", "Violation", "Write", "describe"]

SECTOR = 512
_BLANK = bytes(SECTOR)
_STEP = 128
_BLANKS = bytes(_STEP * SECTOR)
PARTIAL_WRITES_MAX = 4
"""Writes to a part of a sector whose orders are all looked at. Workloads have no more of them."""


class Sparse(Protocol):
    """Content of which only a part is not zeros."""

    def __len__(self) -> int: ...
    def __getitem__(self, wanted: slice, /) -> bytes: ...
    def within(self, start: int, stop: int, /) -> Iterator[tuple[int, bytes]]:
        """Offset and bytes of each piece between these offsets; the rest is zeros."""


class Violation(AssertionError):
    """The disk broke a promise."""


@dataclass(eq=False)
class Write:
    """A write under way: its bytes, cut at sectors."""

    offset: int
    data: bytes
    name: str
    fua: bool = False
    rivals: "list[Write]" = field(default_factory=list)
    """Overlapping writes that were under way at some time while this one was."""
    before: dict[int, set[bytes]] = field(default_factory=dict)
    """What was settled in each sector when it was issued."""
    is_doubtful: bool = False
    """A flush failed before it ended, and may have taken back it, or the way to it; the driver does not know yet."""

    parts: dict[int, tuple[int, bytes]] = field(default_factory=dict)
    """For each sector the first byte within it, and the bytes there."""

    def __post_init__(self) -> None:
        at = 0
        while at < len(self.data):
            sector, start = divmod(self.offset + at, SECTOR)
            step = min(SECTOR - start, len(self.data) - at)
            self.parts[sector] = start, self.data[at : at + step]
            at += step

    def overlaps(self, other: "Write") -> bool:
        """Whether both touch a sector in common."""
        return (
            self.offset // SECTOR <= (other.offset + len(other.data) - 1) // SECTOR
            and other.offset // SECTOR <= (self.offset + len(self.data) - 1) // SECTOR
        )


@dataclass(eq=False)
class Read:
    """A read under way: what each sector may have held since it began."""

    offset: int
    length: int
    name: str
    allowed: dict[int, set[bytes]]
    quiet: set[int]
    """Sectors on which no write was under way since it began, and nothing was given up."""


@dataclass(eq=False)
class Flush:
    """A flush under way: what will be stable if it succeeds."""

    stable: dict[int, set[bytes]]
    quiet: set[int]
    """Sectors that were written, and on which no write was under way since it began."""


class Oracle:
    """Everything that may be true of one disk of ``size`` bytes, blank at first."""

    def __init__(self, size: int) -> None:
        self.size = size
        self._settled: dict[int, set[bytes]] = {}
        self._stable: dict[int, set[bytes]] = {}
        self._under_way: list[Write] = []
        self._by_sector: dict[int, list[Write]] = {}
        self._reads: list[Read] = []
        self._flushes: list[Flush] = []
        self.stops = False
        """The disk is one that makes nothing stable any more, and says so, once a flush or an FUA write has failed."""
        self._lost: dict[int, set[bytes]] = {}
        """What readers may see since something was given up in this session; no flush of a disk that stops means it."""
        self._is_untold = False
        """A flush has failed, and the driver does not know yet: it acknowledges what nobody can vouch for."""
        self._flushed: set[int] = set()
        """Sectors that no write has touched since a flush began, which succeeded."""
        self._seen: dict[int, bytes] = {}
        """What was read in this session, and no write has touched since."""
        self._given_up: set[int] = set()
        """Sectors of which the host may show what it will never write: when it forgets them, they go back."""

    @property
    def gave_up(self) -> bool:
        """Whether readers may see something that is on its way to no medium."""
        return bool(self._given_up)

    # Writes

    def begin_write(self, offset: int, data: bytes, name: str, *, fua: bool = False) -> Write:
        """From now on each sector may be old or new."""
        write = Write(offset, data, name, fua, is_doubtful=self._is_untold)
        for other in self._under_way:
            if write.overlaps(other):
                write.rivals.append(other)
                other.rivals.append(write)
        self._under_way.append(write)
        if self._is_untold:
            self._given_up.update(write.parts)  # the way to it may be
        for sector in write.parts:
            write.before[sector] = self._settled.get(sector, {_BLANK})
            self._by_sector.setdefault(sector, []).append(write)
            self._may_become(sector)
        return write

    def end_write(self, write: Write) -> None:
        """It was acknowledged: new, unless a rival came after it."""
        self._leave(write)
        for sector, part in write.parts.items():
            rivals = [rival.parts[sector] for rival in write.rivals if sector in rival.parts]
            values = self._visible_before(write, sector)
            self._settled[sector] = _results(values, part, rivals)
            self._lost.pop(sector, None)
            if write.is_doubtful:
                self._settled[sector] |= self._stable[sector]
            else:
                self._given_up.discard(sector)  # the host has it to write again
            if write.fua:
                # Its rivals may be durable or not: FUA says nothing about any other write.
                self._stable[sector] = _results(write.before[sector], part, rivals)

    def fail_write(self, write: Write) -> None:
        """It raised: each sector is old or new, in any order with its rivals."""
        self._leave(write)
        for sector, part in write.parts.items():
            rivals = [rival.parts[sector] for rival in write.rivals if sector in rival.parts]
            values = self._settled.get(sector, {_BLANK})
            self._settled[sector] = _orders(values, [part, *rivals])

    def _leave(self, write: Write) -> None:
        self._under_way.remove(write)
        for sector in write.parts:
            self._by_sector[sector].remove(write)
            if not self._by_sector[sector]:
                del self._by_sector[sector]

    def _may_become(self, sector: int) -> None:
        """A write was issued here: what is visible with it done may be stable, or read, from now on.

        It merges with what a reader would see, not with anything that is stable only: the content of a
        sector is handed down whole.
        """
        visible = self._visible(sector)
        self._stable[sector] = self._stable.get(sector, {_BLANK}) | visible
        self._flushed.discard(sector)
        self._seen.pop(sector, None)
        for flush in self._flushes:
            flush.stable[sector] = flush.stable.get(sector, {_BLANK}) | visible
            flush.quiet.discard(sector)
        for read in self._reads:
            if sector in read.allowed:
                read.allowed[sector] |= visible
                read.quiet.discard(sector)

    def _visible(self, sector: int) -> set[bytes]:
        values = self._settled.get(sector, {_BLANK})
        writes = [write.parts[sector] for write in self._by_sector.get(sector, ())]
        return _orders(values, writes) if writes else values

    def _visible_before(self, write: Write, sector: int) -> set[bytes]:
        """What ``write`` may have met: what is settled, and what is still under way there."""
        others = [other.parts[sector] for other in self._by_sector.get(sector, ()) if other is not write]
        values = self._settled.get(sector, {_BLANK})
        return _orders(values, others) if others and write.rivals else values

    # Reads

    def begin_read(self, offset: int, length: int, name: str) -> Read:
        """The read may see what is visible at any moment until it ends."""
        sectors = range(offset // SECTOR, -(-(offset + length) // SECTOR))
        quiet = {sector for sector in sectors if sector not in self._by_sector}
        read = Read(offset, length, name, {sector: set(self._visible(sector)) for sector in sectors}, quiet)
        self._reads.append(read)
        return read

    def end_read(self, read: Read, data: bytes | None) -> None:
        """Judge what it returned; None: it raised. Raises Violation."""
        self._reads.remove(read)
        if data is None:
            return
        if len(data) != read.length:
            raise Violation(f"{read.name} returned {len(data)} bytes of {read.length}")
        for sector, allowed in read.allowed.items():
            begin = max(read.offset, sector * SECTOR)
            end = min(read.offset + read.length, (sector + 1) * SECTOR)
            found = data[begin - read.offset : end - read.offset]
            part = slice(begin - sector * SECTOR, end - sector * SECTOR)
            if all(found != value[part] for value in allowed | self._visible(sector)):
                raise Violation(_wrong(read.name, sector, found, [value[part] for value in allowed]))
            if sector in read.quiet and len(found) == SECTOR and not self._given_up:
                self._has_seen(read.name, sector, found)

    def _has_seen(self, name: str, sector: int, found: bytes) -> None:
        """It stays until a newer write is issued. What a flush has covered is there after a crash too: what failed
        before the flush was done by then, or is not done later. Raises Violation."""
        if self._seen.setdefault(sector, found) != found:
            raise Violation(_wrong(f"{name}, with no write since the last read", sector, found, {self._seen[sector]}))
        if sector in self._flushed:
            self._settled[sector], self._stable[sector] = {found}, {found}

    # Flushes, crashes

    def begin_flush(self) -> Flush:
        """What is settled now will be stable if it succeeds; what is under way may be."""
        sectors = self._stable.keys() | self._settled.keys()
        flush = Flush({sector: self._kept(sector) for sector in sectors}, set(sectors).difference(self._by_sector))
        self._flushes.append(flush)
        return flush

    def _kept(self, sector: int) -> set[bytes]:
        """What a flush makes stable here."""
        visible = set(self._visible(sector))
        return (visible - self._lost.get(sector, set()) or visible) if self.stops else visible

    def end_flush(self, flush: Flush, *, succeeded: bool) -> None:
        """A flush that failed makes nothing stable."""
        self._flushes.remove(flush)
        if succeeded:
            self._stable = flush.stable
            self._flushed |= flush.quiet

    def fail_flush(self) -> None:
        """A flush of the storage failed and pages were given up: a reader may see what is stable, too."""
        self._is_untold = True
        self._given_up.update(self._stable)
        for sector, values in self._stable.items():
            settled = self._settled.get(sector, {_BLANK})
            self._lost.setdefault(sector, set()).update(values - settled)
            self._settled[sector] = settled | values
        for write in self._under_way:
            write.is_doubtful = True
        for sector in list(self._by_sector):
            self._may_become(sector)  # what is under way may land on what was given up
        for read in self._reads:
            read.quiet.clear()
            for sector, allowed in read.allowed.items():
                allowed.update(self._visible(sector))

    def tell_of_flush(self) -> None:
        """The driver knows now that a flush has failed: what it acknowledges from here on, it vouches for."""
        self._is_untold = False
        for write in self._under_way:
            write.is_doubtful = False

    def kill(self) -> None:
        """The process died: what was under way got there or did not. The host lives, so nothing else is lost."""
        for sector in list(self._by_sector):
            self._settled[sector] = self._visible(sector)
            self._flushed.discard(sector)
        self._end_writes()

    def lose_power(self) -> None:
        """Only what is stable is left, and all of it is stable now."""
        self._settled = {sector: set(values) for sector, values in self._stable.items()}
        self._given_up.clear()
        self._flushed.update(self._settled)
        self._end_writes()

    def foretell(self, *, power: bool) -> "Oracle":
        """What would be true after a crash now. Nothing changes here."""
        future = Oracle(self.size)
        future._settled = dict(self._stable if power else self._settled)
        if not power:
            future._settled |= {sector: self._visible(sector) for sector in self._by_sector}
        return future

    @property
    def settled(self) -> dict[int, frozenset[bytes]]:
        """What each sector may hold where nothing is under way; one that is missing holds zeros."""
        return {sector: frozenset(values) for sector, values in self._settled.items()}

    def _end_writes(self) -> None:
        self._seen.clear()
        self._is_untold = False
        self._lost.clear()
        self._under_way.clear()
        self._by_sector.clear()
        self._reads.clear()
        self._flushes.clear()

    def observe(self, content: bytes | Sparse, where: str) -> None:
        """Judge the whole disk, read when nothing is under way, and remember which of the values it was.

        Raises Violation.
        """
        settled = self._settled
        for sector, allowed in settled.items():
            found = content[sector * SECTOR : (sector + 1) * SECTOR]
            if found not in allowed:
                raise Violation(_wrong(where, sector, found, allowed))
        at = 0
        for sector in [*sorted(settled), len(content) // SECTOR]:
            if (wrong := _first_written(content, at, sector)) is not None:
                found = content[wrong * SECTOR : (wrong + 1) * SECTOR]
                raise Violation(_wrong(where, wrong, found, {_BLANK}))
            at = sector + 1

    def narrow(self, content: bytes | Sparse, *, stable: bool) -> None:
        """What was found when nothing was under way is what there is; after a power loss it is stable too."""
        for sector in list(self._settled):
            found = content[sector * SECTOR : (sector + 1) * SECTOR]
            self._settled[sector] = {found} | self._stable[sector] if sector in self._given_up else {found}
            self._lost.pop(sector, None)
            if stable:
                self._stable[sector] = {found}


def _first_written(content: bytes | Sparse, first: int, end: int) -> int | None:
    """The first of these sectors that is not blank. Large steps, because most of a disk was never written."""
    if not isinstance(content, bytes):
        pieces = content.within(first * SECTOR, end * SECTOR)
        written = ((offset, piece) for offset, piece in pieces if piece.count(0) < len(piece))
        return next(((offset + len(piece) - len(piece.lstrip(b"\0"))) // SECTOR for offset, piece in written), None)
    for at in range(first, end, _STEP):
        stop = min(at + _STEP, end)
        if content[at * SECTOR : stop * SECTOR] != _BLANKS[: (stop - at) * SECTOR]:
            return next(each for each in range(at, stop) if content[each * SECTOR : (each + 1) * SECTOR] != _BLANK)
    return None


def _merge(value: bytes, start: int, piece: bytes) -> bytes:
    return value[:start] + piece + value[start + len(piece) :]


def _orders(values: set[bytes], writes: list[tuple[int, bytes]]) -> set[bytes]:
    """``values`` with any of ``writes`` done, in any order."""
    # A write of the whole sector hides what came before it, so that only those of a part need their orders tried.
    found, parts = set(values), []
    for write in writes:
        if len(write[1]) == SECTOR:
            found.add(write[1])
        else:
            parts.append(write)
    if not parts:
        return found
    bases = list(found)
    for count in range(1, min(len(parts), PARTIAL_WRITES_MAX) + 1):
        for chosen in permutations(parts, count):
            for value in bases:
                merged = value
                for start, piece in chosen:
                    merged = _merge(merged, start, piece)
                found.add(merged)
    return found


def _results(values: set[bytes], write: tuple[int, bytes], rivals: list[tuple[int, bytes]]) -> set[bytes]:
    """``values`` with ``write`` done, and any of ``rivals`` done before or after it."""
    if len(write[1]) == SECTOR:
        return _orders({write[1]}, rivals) if rivals else {write[1]}
    results = set()
    for value in values:
        for before in _orders({value}, rivals):
            results |= _orders({_merge(before, *write)}, rivals)
    return results


def _wrong(where: str, sector: int, found: bytes, allowed: Iterable[bytes]) -> str:
    expected = " or ".join(sorted({describe(value) for value in allowed}))
    return f"{where}: sector {sector} holds {describe(found)}, expected {expected}"


def describe(content: bytes) -> str:
    """Whose bytes these are: every payload sector names its write."""
    if content.count(0) == len(content):
        return "zeros"
    text = bytes(content).rstrip(b"\0").partition(b";")[0]
    return (
        text.decode("ascii", "replace")
        if text.isascii() and text.decode("ascii").isprintable() and len(text) < 40
        else f"{len(content)} bytes {content[:16].hex()}…"
    )
