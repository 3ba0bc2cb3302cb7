"""What a disk holds, for readers and for the time after a power loss. The rules are ``docs/device-model.md``.

A *unit* (512 bytes) is written whole or not at all, but on a disk that is worse. The device keeps, for each
unit, what is durable and the versions since, in the order in which they took effect; a flush makes a prefix of
them durable; a power loss leaves each unit at any of them, on its own. Length is kept in the same way.

Rule 1: pristine state only. What fails, and how, is decided elsewhere; the device is told what
took effect.
Rule 2: an operation has an issue and an end, which are instants of one count. "Before" always
means that one ended before the other was issued; what overlaps in time has no order.
Rule 3: sparse, because images are: a unit that was never written is not there and reads as zeros, or as what
the disk held before where it is one that shows it.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from faults.simulation.image import LARGE, Content, Image

__all__ = ["STALE", "Device", "Operation", "UnitIndex", "Version"]

STALE = b"\xee"
"""Each byte that some other file left behind."""

UnitIndex = int
Instant = int


class Version(NamedTuple):
    """Content that a unit took on."""

    content: bytes
    ended: Instant
    appends: bool = False
    """The unit lay past the end until then."""


@dataclass(eq=False)
class Operation:
    """A write (of ``data`` at ``offset``) or a resize (to ``offset``) that was issued."""

    kind: str
    offset: int
    data: bytes
    issued: Instant


@dataclass
class Device:
    """One disk, or one file on it. ``presets`` names the usual combinations of its options."""

    unit: int = 512
    durable: dict[UnitIndex, bytes] = field(default_factory=dict)
    durable_length: int = 0
    writes_through: bool = False
    """What has ended is durable."""
    flush_lies: bool = False
    """Flush and FUA succeed and make nothing durable."""
    order: str = "any"
    """In which order things persist: ``any``, ``sequential``, or ``safe_append``. ``crash`` says what they mean."""
    torn: str = "whole"
    """How a unit that is being written is left: ``whole``, ``prefix``, ``suffix``, ``garbage``. See ``tearing``."""
    grain: int = 64
    """Bytes; a unit is torn between two of these."""
    extends_stale: bool = False
    """What an extension adds and nobody wrote reads as ``STALE``, and not as zeros."""

    def __post_init__(self) -> None:
        self.volatile = dict(self.durable)
        self.length = self.durable_length
        self.versions: dict[UnitIndex, list[Version]] = {}
        """Since what is durable, in order of effect."""
        self.lengths: list[tuple[int, Instant]] = []
        self.in_flight: list[Operation] = []
        self.unreadable: set[UnitIndex] = set()
        """Units whose reading fails until they are written again."""
        self._now: Instant = 0
        self.blank = self.unit * STALE if self.extends_stale else bytes(self.unit)
        """A unit that was never written."""

    @classmethod
    def holding(cls, content: bytes, *, unit: int = 512, **options: Any) -> "Device":
        """A device on which ``content`` is durable."""
        device = cls(unit=unit, **options)
        for at in range(0, len(content), unit):
            piece = content[at : at + unit]
            if device.extends_stale or piece.strip(b"\0"):
                device.durable[at // unit] = piece + device.blank[len(piece) :]
        device.durable_length = len(content)
        device.__post_init__()
        return device

    def holds(self, durable: dict[UnitIndex, bytes], length: int) -> "Device":
        """A device of this kind, on which this is durable and nothing else has happened."""
        kind = self.writes_through, self.flush_lies, self.order, self.torn, self.grain, self.extends_stale
        device = Device(self.unit, durable, length, *kind)
        device.unreadable |= self.unreadable
        return device

    # Reading

    def read(self, offset: int, length: int) -> bytes:
        """What a reader sees now; short at the end."""
        return self._join(self.volatile, offset, min(length, self.length - offset))

    def is_readable(self, offset: int, length: int) -> bool:
        """Whether no unit of the range has a latent error."""
        units = range(offset // self.unit, -(-(offset + length) // self.unit))
        return not any(unit in units for unit in self.unreadable)

    def stable(self) -> Content:
        """Everything that is durable now."""
        if self.durable_length < LARGE or self.extends_stale:
            return self._join(self.durable, 0, self.durable_length)
        return Image.of_units(self.durable, self.unit, self.durable_length)

    def _join(self, units: dict[UnitIndex, bytes], offset: int, length: int) -> bytes:
        if length <= 0:
            return b""
        first, last = offset // self.unit, (offset + length - 1) // self.unit
        start = offset - first * self.unit
        if first == last:
            return units.get(first, self.blank)[start : start + length]
        return b"".join([units.get(unit, self.blank) for unit in range(first, last + 1)])[start : start + length]

    # Operations

    def issue_write(self, offset: int, data: bytes) -> Operation:
        """From now on the write may persist, whether or not it ever ends."""
        return self._issue("write", offset, data)

    def issue_resize(self, length: int) -> Operation:
        """From now on the length may be ``length``."""
        return self._issue("resize", length, b"")

    def _issue(self, kind: str, offset: int, data: bytes) -> Operation:
        operation = Operation(kind, offset, data, self.tick())
        self.in_flight.append(operation)
        return operation

    def end(self, operation: Operation, *, only: Callable[[int], bool] | None = None) -> None:
        """``operation`` took effect; of a failed write, ``only`` those of its units (counted from its first)."""
        self.in_flight.remove(operation)
        now = self.tick()
        if operation.kind == "resize":
            if only is None or only(0):
                self._set_length(operation.offset, now)
        else:
            self._end_write(operation, now, only)
        if self.writes_through:
            self._make_durable(self.tick())

    def _end_write(self, operation: Operation, now: Instant, only: Callable[[int], bool] | None) -> None:
        end = 0
        for number, (unit, start, piece) in enumerate(self.pieces(operation)):
            if only is None or only(number):
                content = self.merge(self.volatile.get(unit, self.blank), start, piece)
                self._put(unit, content, now, appends=unit * self.unit >= self.length)
                end = unit * self.unit + start + len(piece)
        if end > self.length:
            self._set_length(end, now)

    def pieces(self, operation: Operation) -> Iterator[tuple[UnitIndex, int, bytes]]:
        """The units that a write touches, the first byte within each, and its bytes there."""
        at, offset, data = 0, operation.offset, operation.data
        while at < len(data):
            unit = (offset + at) // self.unit
            start = offset + at - unit * self.unit
            step = min(self.unit - start, len(data) - at)
            yield unit, start, data[at : at + step]
            at += step

    def merge(self, content: bytes, start: int, piece: bytes) -> bytes:
        """``content`` of a unit with ``piece`` written into it."""
        if len(piece) == self.unit:
            return piece
        return content[:start] + piece + content[start + len(piece) :]

    def _put(self, unit: UnitIndex, content: bytes, now: Instant, *, appends: bool = False) -> None:
        self.volatile[unit] = content
        self.unreadable.discard(unit)
        self.versions.setdefault(unit, []).append(Version(content, now, appends))

    def _set_length(self, length: int, now: Instant) -> None:
        if length < self.length:
            self._cut(length, now)
        elif length > self.length:
            self._grow(now)
        self.length = length
        self.lengths.append((length, now))

    def _cut(self, length: int, now: Instant) -> None:
        """What lies past the end is gone; should the file grow again, it is blank there."""
        edge = length // self.unit
        keep = length - edge * self.unit
        for unit in [unit for unit in self.volatile if unit >= edge]:
            content = self.volatile[unit][:keep] + self.blank[keep:] if unit == edge else self.blank
            if content != self.volatile[unit]:
                self._put(unit, content, now)

    def _grow(self, now: Instant) -> None:
        """Zeros are past the end, also where a cut was given up since and the medium still has what was there."""
        for unit in [unit for unit in self.durable if unit * self.unit >= self.length and unit not in self.versions]:
            if self.durable[unit] != self.blank:
                self._put(unit, self.blank, now)

    # Durability

    def tick(self) -> Instant:
        """The next instant."""
        self._now += 1
        return self._now

    def end_flush(self, begun: Instant) -> None:
        """A flush that was issued at ``begun`` succeeded: what had ended by then is durable."""
        if not self.flush_lies:
            self._make_durable(begun)

    def _make_durable(self, begun: Instant) -> None:
        self.persist(list(self.versions), before=begun)
        kept = [pair for pair in self.lengths if pair[1] >= begun]
        if len(kept) < len(self.lengths):
            self.durable_length = self.lengths[len(self.lengths) - len(kept) - 1][0]
            self.lengths = kept

    def persist(self, units: Iterable[UnitIndex], *, before: Instant) -> None:
        """Make the last version of each of ``units`` that had ended before an instant durable."""
        for unit in units:
            versions = self.versions.get(unit, [])
            covered = sum(version.ended < before for version in versions)
            if covered:
                self.durable[unit] = versions[covered - 1].content
                self._drop(unit, covered)

    def persist_write(self, operation: Operation) -> None:
        """``operation`` was FUA and has ended: it is durable, and with it the length up to its end."""
        if self.flush_lies:
            return
        before = self.tick()
        self.persist([unit for unit, _, _ in self.pieces(operation)], before=before)
        end = operation.offset + len(operation.data)
        if end > self.durable_length and self.lengths:
            self.durable_length = min(end, self.length)
            if self.durable_length == self.length:
                self.lengths.clear()

    def lose(self, begun: Instant, *, keep: Callable[[UnitIndex], bool], visible: bool) -> None:
        """A flush failed, and the kernel marked what it could not write as clean.

        Units for which ``keep`` holds were written. Of the others nobody will ever try again; readers
        go on to see the new content if it is still ``visible``, until ``drop_cache``.
        """
        for unit in list(self.versions):
            if keep(unit):
                self.persist([unit], before=begun)
                continue
            covered = sum(version.ended < begun for version in self.versions[unit])
            is_last = covered == len(self.versions[unit])
            self._drop(unit, covered)
            if is_last and not visible:
                self.volatile[unit] = self.durable.get(unit, self.blank)

    def drop_cache(self, offset: int, length: int) -> None:
        """Clean pages are forgotten: readers see what the medium holds."""
        for unit in range(offset // self.unit, -(-(offset + length) // self.unit)):
            if unit in self.volatile and unit not in self.versions:
                self.volatile[unit] = self.durable.get(unit, self.blank)

    def live_on(self, content: dict[UnitIndex, bytes], length: int) -> None:
        """The process is gone and the host is not: readers see this now, of what was in flight too.

        What was durable, and what the host has given up, stays as it is.
        """
        self.in_flight.clear()
        now = self.tick()
        for unit in sorted(content):
            if content[unit] != self.volatile.get(unit, self.blank):
                self._put(unit, content[unit], now, appends=unit * self.unit >= self.length)
        if length != self.length:
            self._set_length(length, now)
        if self.writes_through:
            self._make_durable(self.tick())

    def _drop(self, unit: UnitIndex, count: int) -> None:
        del self.versions[unit][:count]
        if not self.versions[unit]:
            del self.versions[unit]
