"""Writes in flight on one unit: on which of its contents each may lie, and in which order they may have come.

Rule: a write lies on any content but those that had been superseded when it was issued, and writes in flight
on one unit come in any order. Of more than ``DEPTH_MAX`` each is taken alone.
"""

from collections.abc import Iterator, Sequence
from itertools import permutations
from typing import NamedTuple, TypeAlias

from faults.simulation.device import Device

__all__ = ["DEPTH_MAX", "Overlay", "Stack", "merged", "overlaid", "stacks"]

DEPTH_MAX = 3


class Overlay(NamedTuple):
    """What a write in flight does to one unit."""

    start: int
    """The first byte within the unit."""
    piece: bytes
    floor: int
    """The number of the oldest content that it may lie on."""


Stack: TypeAlias = tuple[Overlay, ...]
"""Writes that have come one after the other, the last one on top."""


def stacks(overlays: Sequence[Overlay]) -> Iterator[Stack]:
    """None of them, each, and several in each order."""
    for depth in range(1 + (len(overlays) if len(overlays) <= DEPTH_MAX else 1)):
        yield from permutations(overlays, depth)


def merged(device: Device, content: bytes, stack: Stack) -> bytes:
    """``content`` of a unit with ``stack`` on it."""
    for start, piece, _ in stack:
        content = device.merge(content, start, piece)
    return content


def overlaid(device: Device, contents: Sequence[bytes], overlays: Sequence[Overlay]) -> list[bytes]:
    """Each of ``contents``, numbered from the oldest; then each with what may lie on it. The newest comes first."""
    left = list(reversed(contents))
    for stack in stacks(overlays):
        if stack:
            floor = max([overlay.floor for overlay in stack])
            left += [merged(device, content, stack) for content in reversed(contents[floor:])]
    return left
