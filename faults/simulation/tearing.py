"""A unit in the middle of being written when the power goes: rule 4 of the device model, on a disk that is worse.

``whole``    It is old or new; so it is by default.
``prefix``   Its first bytes are new, and the rest is old.
``suffix``   Its last bytes are new.
``garbage``  It is neither: the disk had begun, and cannot tell what it has.

Rule 1: a disk writes one content of a unit over another: the newest version over an older one, or a
write in flight over what it may lie on. Nothing else is torn.
Rule 2: the border lies at a multiple of ``grain`` bytes. One content stands for all garbage.
"""

from collections.abc import Iterator, Sequence

from faults.simulation.device import Device
from faults.simulation.overlays import Overlay, merged, stacks

__all__ = ["GARBAGE", "tears", "torn"]

GARBAGE = b"\xb5"
"""Each byte of a unit that is lost: no text, no block that a small image has, nor an entry that means none."""


def torn(device: Device, old: bytes, new: bytes) -> Iterator[bytes]:
    """What may be left of a unit while ``new`` is written over ``old``, besides the two.

    Raises:
        ValueError: there is no such way to tear as ``device.torn`` says.
    """
    borders = range(device.grain, device.unit, device.grain)
    if device.torn == "prefix":
        yield from (new[:border] + old[border:] for border in reversed(borders))
    elif device.torn == "suffix":
        yield from (old[:border] + new[border:] for border in borders)
    elif device.torn == "garbage":
        yield from [GARBAGE * device.unit] if old != new else []
    elif device.torn != "whole":
        raise ValueError(f"torn: found {device.torn!r}, expected whole, prefix, suffix or garbage")


def tears(device: Device, contents: Sequence[bytes], overlays: Sequence[Overlay]) -> Iterator[bytes]:
    """What may be torn of a unit that had ``contents``, the oldest first, and has ``overlays`` in flight."""
    for old, new in _strokes(device, contents, overlays):
        yield from torn(device, old, new)


def _strokes(device: Device, contents: Sequence[bytes], overlays: Sequence[Overlay]) -> Iterator[tuple[bytes, bytes]]:
    """What the disk may be writing over what."""
    newest = len(contents) - 1
    for number, content in enumerate(contents):
        for stack in stacks(overlays):
            if all(number >= overlay.floor for overlay in stack):
                whole = merged(device, content, stack)
                yield from ((merged(device, content, stack[:below]), whole) for below in range(len(stack)))
                if number < newest:  # the newest version comes, with what is in flight over it or without
                    yield from ((whole, merged(device, contents[newest], over)) for over in stacks(overlays))
