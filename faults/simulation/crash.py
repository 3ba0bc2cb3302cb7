"""Which states a power loss, or a ``kill -9``, may leave behind. Arbitrary subsets of units, not prefixes.

A power loss leaves each unit at what is durable, at any version since, or with a write that was in
flight merged into one of those that it could have met. The choices are independent, so the space of
images is a product, and one image is one choice a unit. Choice 0 keeps the newest that had ended.

A device that keeps some order leaves fewer. ``sequential``: changes persist in the order in which they
ended, those of one write from its first unit on, the length before the units. ``safe_append``: the
length never covers a unit that was appended and is not there. Such a space is a union of products.

A device that is worse leaves more: a unit that was being written may be torn; see ``tearing``.

``kill -9`` takes the process and not the page cache: what had ended stays, and of what was in
flight each unit may have got there or not, whole: memory tears none.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import product
from math import prod
from typing import TypeVar

from faults.simulation.device import Device, Operation, UnitIndex
from faults.simulation.overlays import Overlay, overlaid
from faults.simulation.tape import Tape
from faults.simulation.tearing import tears

__all__ = ["CrashSpace", "CrashUnion", "kill_space", "power_loss_space"]

T = TypeVar("T")


@dataclass(frozen=True)
class CrashSpace:
    """All states that may be left: for each unit and for the length its possible contents, the benign one first."""

    device: Device
    units: dict[UnitIndex, list[bytes]]
    lengths: list[int]

    @property
    def count(self) -> int:
        """How many images there are (some may be equal where a length cuts units off)."""
        return prod(len(contents) for contents in self.units.values()) * len(self.lengths)

    def images(self) -> Iterator[Device]:
        """All of them."""
        for length in range(len(self.lengths)):
            for choices in product(*(range(len(contents)) for contents in self.units.values())):
                yield self.image(dict(zip(self.units, choices, strict=True)), length)

    def image(self, units: dict[UnitIndex, int], length: int = 0) -> Device:
        """The image with these choices; 0 where a unit has none."""
        durable = dict(self.device.durable)
        for unit, contents in self.units.items():
            durable[unit] = contents[units.get(unit, 0)]
        end = self.lengths[length]
        return self.device.holds(_cut(durable, end, self.device.blank), end)

    def draw(self, tape: Tape) -> Device:
        """One image of the tape's choosing: all is kept, or all that may be lost is, or one unit, or each by itself."""
        mode = tape.draw("crash.mode", 4) if self.units else 0
        chosen = {}
        if mode == 1:
            chosen = {unit: min(len(contents) - 1, self._oldest(unit)) for unit, contents in self.units.items()}
        elif mode == 2:
            chosen = {unit: tape.draw("crash.unit", len(contents)) for unit, contents in sorted(self.units.items())}
        elif mode == 3:
            unit = sorted(self.units)[tape.draw("crash.one", len(self.units))]
            chosen = {unit: tape.draw("crash.unit", len(self.units[unit]))}
        return self.image(chosen, tape.draw("crash.length", len(self.lengths)))

    def _oldest(self, unit: UnitIndex) -> int:
        """The choice that loses everything: what is durable comes right after the versions."""
        return len(self.device.versions.get(unit, ()))


@dataclass(frozen=True)
class CrashUnion:
    """The states of several spaces, the most benign first."""

    parts: list[CrashSpace]

    @property
    def count(self) -> int:
        """How many images there are, where no two parts have one in common."""
        return sum(part.count for part in self.parts)

    def images(self) -> Iterator[Device]:
        """All of them."""
        for part in self.parts:
            yield from part.images()

    def draw(self, tape: Tape) -> Device:
        """One image of the tape's choosing."""
        return self.parts[tape.draw("crash.part", len(self.parts))].draw(tape)


def power_loss_space(device: Device) -> CrashSpace | CrashUnion:
    """What power loss may leave now.

    Raises:
        ValueError: the disk tears units in no way that there is, or tears them and promises ``safe_append``.
    """
    if device.order == "sequential":
        return CrashUnion(list(_in_sequence(device)))
    touching = _touching(device)
    units = {
        unit: _power_contents(device, unit, touching.get(unit, []))
        for unit in sorted(device.versions.keys() | touching.keys())
    }
    if device.torn != "whole" and device.order == "safe_append":
        raise ValueError(f"torn: found {device.torn!r}, expected 'whole' where an appended unit is there or is not")
    lengths = [device.length, *(length for length, _ in reversed(device.lengths)), device.durable_length]
    space = CrashSpace(device, units, _distinct([*lengths, *_lengths_in_flight(device)]))
    return (
        CrashUnion([_safely_appended(space, end) for end in space.lengths]) if device.order == "safe_append" else space
    )


def _in_sequence(device: Device) -> Iterator[CrashSpace]:
    """Everything that has ended, with what is in flight; then one change less at a time."""
    changes = [
        (version.ended, unit, number)
        for unit, all_of in device.versions.items()
        for number, version in enumerate(all_of)
    ]
    changes += [(ended, -1, number) for number, (_, ended) in enumerate(device.lengths)]
    in_flight = _landing(device, _all_contents)
    whole = device.holds(dict(device.volatile), device.length)
    yield CrashSpace(whole, in_flight, _distinct([device.length, *_lengths_in_flight(device)]))
    for _, unit, number in sorted(changes, reverse=True):
        if unit < 0:
            before = device.lengths[number - 1][0] if number else device.durable_length
            whole = whole.holds(whole.durable, before)
            torn = {}
        else:
            before_it = device.versions[unit][number - 1].content if number else device.durable.get(unit, device.blank)
            contents = _distinct([before_it, *tears(device, [before_it, device.versions[unit][number].content], [])])
            torn = {unit: contents} if len(contents) > 1 else {}  # the change that comes next
            whole = whole.holds({**whole.durable, unit: before_it}, whole.durable_length)
        yield CrashSpace(whole, torn, [whole.durable_length])


def _safely_appended(space: CrashSpace, end: int) -> CrashSpace:
    """The part of ``space`` with this length, in which no appended unit below it is missing."""
    device = space.device
    units = {}
    for unit, contents in space.units.items():
        first = sum(1 for version in device.versions.get(unit, ()) if version.appends)
        units[unit] = contents
        if unit * device.unit >= end:
            units[unit] = contents[:1]  # cut off anyway
        elif first:
            versions = device.versions[unit]
            since = max(number for number, version in enumerate(versions) if version.appends)
            older = {device.durable.get(unit, device.blank), *(version.content for version in versions[:since])}
            units[unit] = [
                content for content in contents if content not in older - {v.content for v in versions[since:]}
            ]
        elif unit * device.unit >= device.length and end > device.length:
            units[unit] = contents[1:]  # the write in flight that moves the end, with its data
    return CrashSpace(device, units, [end])


def kill_space(device: Device) -> CrashSpace:
    """What ``kill -9`` of the process may leave now: the page cache lives on, and is taken as durable here."""
    survivor = device.holds(dict(device.volatile), device.length)
    return CrashSpace(survivor, _landing(device, overlaid), _distinct([device.length, *_lengths_in_flight(device)]))


def _landing(
    device: Device, contents_of: Callable[[Device, list[bytes], list[Overlay]], list[bytes]]
) -> dict[UnitIndex, list[bytes]]:
    """What readers see of each unit to which a write is in flight, and what that may make of it."""
    return {
        unit: _distinct(
            contents_of(
                device,
                [device.volatile.get(unit, device.blank)],
                [Overlay(start, piece, 0) for _, start, piece in writes],
            )
        )
        for unit, writes in sorted(_touching(device).items())
    }


def _touching(device: Device) -> dict[UnitIndex, list[tuple[Operation, int, bytes]]]:
    """The writes in flight, by unit."""
    touching: dict[UnitIndex, list[tuple[Operation, int, bytes]]] = {}
    for operation in device.in_flight:
        for unit, start, piece in device.pieces(operation):
            touching.setdefault(unit, []).append((operation, start, piece))
    return touching


def _power_contents(device: Device, unit: UnitIndex, writes: list[tuple[Operation, int, bytes]]) -> list[bytes]:
    versions = device.versions.get(unit, [])
    bases = [device.durable.get(unit, device.blank), *[version.content for version in versions]]
    if not writes and device.torn == "whole":
        bases.reverse()  # the newest first
        return bases if len(bases) == 2 and bases[0] != bases[1] else _distinct(bases)
    overlays = []
    for operation, start, piece in writes:
        # What had ended before the write was issued cannot be missing below it.
        floor = sum(version.ended < operation.issued for version in versions)
        overlays.append(Overlay(start, piece, floor))
    return _all_contents(device, bases, overlays)


def _all_contents(device: Device, bases: list[bytes], overlays: list[Overlay]) -> list[bytes]:
    """Those of ``bases`` (the oldest first) with ``overlays``, the newest first; then what may be torn."""
    whole = overlaid(device, bases, overlays)
    return _distinct(whole if device.torn == "whole" else [*whole, *tears(device, bases, overlays)])


def _lengths_in_flight(device: Device) -> list[int]:
    lengths = []
    for operation in device.in_flight:
        if operation.kind == "resize":
            lengths.append(operation.offset)
        elif (end := operation.offset + len(operation.data)) > device.length:
            # The end moves by itself, and may have come as far as any unit of the write.
            lengths += [end, *range((end - 1) // device.unit * device.unit, device.length, -device.unit)]
    return lengths


def _distinct(values: list[T]) -> list[T]:
    return list(dict.fromkeys(values))


def _cut(durable: dict[UnitIndex, bytes], length: int, blank: bytes) -> dict[UnitIndex, bytes]:
    """Nothing lies past the end."""
    unit = len(blank)
    edge, keep = length // unit, length % unit
    if max(durable, default=-1) < edge:
        return durable
    kept = {index: content for index, content in durable.items() if index < edge}
    if keep and edge in durable:
        kept[edge] = durable[edge][:keep] + blank[keep:]
    return kept
