"""Which states a power loss, or a ``kill -9``, may leave behind. Arbitrary subsets of units, not prefixes.

A power loss leaves each unit at what is durable, at any version since, or with a write that was in
flight merged into one of those that it could have met. The choices are independent, so the space of
images is a product, and one image is one choice a unit. Choice 0 keeps the newest that had ended.

``kill -9`` takes the process and not the page cache: what had ended stays, and of what was in
flight each unit may have got there or not.
"""

from dataclasses import dataclass
from itertools import permutations
from math import prod
from typing import TypeVar

from faults.device import Device, Operation, UnitIndex
from faults.tape import Tape

__all__ = ["CrashSpace", "kill_space", "power_loss_space"]

T = TypeVar("T")

_OVERLAYS_MAX = 3
"""Writes in flight on one unit whose orders are all looked at; of more, each alone."""


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

    def image(self, units: dict[UnitIndex, int], length: int = 0) -> Device:
        """The image with these choices; 0 where a unit has none."""
        durable = dict(self.device.durable)
        for unit, contents in self.units.items():
            durable[unit] = contents[units.get(unit, 0)]
        end = self.lengths[length]
        return _cut(Device(unit=self.device.unit, durable=durable, durable_length=end))

    def draw(self, tape: Tape) -> Device:
        """One image of the tape's choosing: everything kept, all that may be lost is, or each unit by itself."""
        mode = tape.draw("crash.mode", 3)
        chosen = {}
        if mode == 1:
            chosen = {unit: min(len(contents) - 1, self._oldest(unit)) for unit, contents in self.units.items()}
        elif mode == 2:
            chosen = {unit: tape.draw("crash.unit", len(contents)) for unit, contents in sorted(self.units.items())}
        return self.image(chosen, tape.draw("crash.length", len(self.lengths)))

    def _oldest(self, unit: UnitIndex) -> int:
        """The choice that loses everything: what is durable comes right after the versions."""
        return len(self.device.versions.get(unit, ()))


def power_loss_space(device: Device) -> CrashSpace:
    """What power loss may leave now."""
    touching = _touching(device)
    units = {
        unit: _power_contents(device, unit, touching.get(unit, []))
        for unit in sorted(device.versions.keys() | touching.keys())
    }
    lengths = [device.length, *(length for length, _ in reversed(device.lengths)), device.durable_length]
    return CrashSpace(device, units, _distinct([*lengths, *_lengths_in_flight(device)]))


def kill_space(device: Device) -> CrashSpace:
    """What ``kill -9`` of the process may leave now: the page cache lives on, and is taken as durable here."""
    survivor = Device(unit=device.unit, durable=dict(device.volatile), durable_length=device.length)
    zeros = bytes(device.unit)
    units = {
        unit: _overlaid(
            device, [(0, survivor.durable.get(unit, zeros))], [(start, piece, 0) for _, start, piece in pieces]
        )
        for unit, pieces in sorted(_touching(device).items())
    }
    return CrashSpace(survivor, units, _distinct([device.length, *_lengths_in_flight(device)]))


def _touching(device: Device) -> dict[UnitIndex, list[tuple[Operation, int, bytes]]]:
    """The writes in flight, by unit."""
    touching: dict[UnitIndex, list[tuple[Operation, int, bytes]]] = {}
    for operation in device.in_flight:
        for unit, start, piece in device.pieces(operation):
            touching.setdefault(unit, []).append((operation, start, piece))
    return touching


def _power_contents(device: Device, unit: UnitIndex, writes: list[tuple[Operation, int, bytes]]) -> list[bytes]:
    versions = device.versions.get(unit, [])
    bases = [device.durable.get(unit, bytes(device.unit)), *(version.content for version in versions)]
    numbered = list(enumerate(bases))[::-1]  # the newest first
    overlays = []
    for operation, start, piece in writes:
        # What had ended before the write was issued cannot be missing below it.
        floor = sum(version.ended < operation.issued for version in versions)
        overlays.append((start, piece, floor))
    return _overlaid(device, numbered, overlays)


def _overlaid(device: Device, bases: list[tuple[int, bytes]], overlays: list[tuple[int, bytes, int]]) -> list[bytes]:
    """Each base alone, then with the overlays that may lie on it, in any order."""
    contents = [content for _, content in bases]
    most = len(overlays) if len(overlays) <= _OVERLAYS_MAX else 1
    for count in range(1, most + 1):
        for chosen in permutations(overlays, count):
            floor = max(overlay[2] for overlay in chosen)
            for number, content in bases:
                if number >= floor:
                    merged = content
                    for start, piece, _ in chosen:
                        merged = device.merge(merged, start, piece)
                    contents.append(merged)
    return _distinct(contents)


def _lengths_in_flight(device: Device) -> list[int]:
    lengths = []
    for operation in device.in_flight:
        if operation.kind == "resize":
            lengths.append(operation.offset)
        elif (end := operation.offset + len(operation.data)) > device.length:
            lengths.append(end)
    return lengths


def _distinct(values: list[T]) -> list[T]:
    return list(dict.fromkeys(values))


def _cut(device: Device) -> Device:
    """Nothing lies past the end."""
    edge, keep = device.durable_length // device.unit, device.durable_length % device.unit
    durable = {unit: content for unit, content in device.durable.items() if unit < edge}
    if keep and edge in device.durable:
        durable[edge] = device.durable[edge][:keep].ljust(device.unit, b"\0")
    return Device(unit=device.unit, durable=durable, durable_length=device.durable_length)
