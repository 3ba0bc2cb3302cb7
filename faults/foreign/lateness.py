"""How late an event is: mostly not at all, for else hardly anything would meet what it belongs to."""

from faults.simulation.tape import Generator

__all__ = ["LATENESS", "late", "very_late"]

LATENESS = 32
"""Steps that an event may be late, and one."""

_PUNCTUAL = 0.65
_SLOW = 0.8


def late(generator: Generator, outcomes: int) -> int:
    """Mostly not; else a little more often than much, and now and then as much as there is."""
    if generator.random() < _PUNCTUAL:
        return 0
    return outcomes - 1 if generator.random() < 0.2 else 1 + int(generator.random() ** 2 * (outcomes - 1))


def very_late(generator: Generator, outcomes: int) -> int:
    """Of I/Os that are slow today: mostly as much as there is."""
    return outcomes - 1 if generator.random() < _SLOW else late(generator, outcomes)
