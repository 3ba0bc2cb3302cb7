"""Kinds of disks, by the names under which ``docs/device-model.md`` describes them.

Each is a set of options for ``Device``. Those of ``PRESETS``, but for ``lying_flush``, keep every rule of the
model: a driver that holds on ``strict_512`` must hold on them too. Those of ``BEYOND`` are worse than the rules,
and no driver is asked to hold on them: they are for readers, for checkers, and for those who want to know.
"""

from typing import Any

from faults.simulation.device import Device

__all__ = ["BEYOND", "PRESETS", "device"]

PRESETS: dict[str, dict[str, Any]] = {
    "strict_512": {},
    "atomic_4k": {"unit": 4096},
    "sequential": {"order": "sequential"},
    "safe_append": {"order": "safe_append"},
    "write_through": {"writes_through": True},
    "lying_flush": {"flush_lies": True},
}

BEYOND: dict[str, dict[str, Any]] = {
    "torn_prefix": {"torn": "prefix"},
    "torn_suffix": {"torn": "suffix"},
    "torn_garbage": {"torn": "garbage"},
    "stale_extension": {"extends_stale": True},
}


def device(preset: str, content: bytes = b"") -> Device:
    """A disk of that kind on which ``content`` is durable.

    Raises:
        ValueError: there is no such preset.
    """
    kinds = PRESETS | BEYOND
    if preset not in kinds:
        raise ValueError(f"preset: found {preset!r}, expected one of {', '.join(kinds)}")
    return Device.holding(content, **kinds[preset])
