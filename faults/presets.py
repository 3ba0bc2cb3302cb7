"""Kinds of disks, by the names under which ``docs/device-model.md`` describes them.

Each is a set of options for ``Device``. All but ``lying_flush`` keep every rule of the model: a
driver that holds on ``strict_512`` must hold on them too.
"""

from typing import Any

from faults.device import Device

__all__ = ["PRESETS", "device"]

PRESETS: dict[str, dict[str, Any]] = {
    "strict_512": {},
    "atomic_4k": {"unit": 4096},
    "sequential": {"order": "sequential"},
    "safe_append": {"order": "safe_append"},
    "write_through": {"writes_through": True},
    "lying_flush": {"flush_lies": True},
}


def device(preset: str, content: bytes = b"") -> Device:
    """A disk of that kind on which ``content`` is durable.

    Raises:
        ValueError: there is no such preset.
    """
    if preset not in PRESETS:
        raise ValueError(f"preset: found {preset!r}, expected one of {', '.join(PRESETS)}")
    return Device.holding(content, **PRESETS[preset])
