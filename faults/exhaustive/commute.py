"""Which two things that happen may change places without anybody being able to tell.

Things that happen are the steps of tasks, and *events*: an I/O ends, a request comes, a task is cancelled.
A step goes on until the task waits, and takes the callbacks with it that run before anything else can.
Each leaves a footprint, and two footprints are all that is looked at here.

1. Two steps never commute: they share the driver's memory, and nobody can see what they touch there.
2. The end of a flush, of an FUA write, or of whatever changes the length commutes with nothing: it orders
   everything else on the device. So does a cancel, in the driver.
3. Ends of two other I/Os commute unless their ranges meet and one of them changes something.
4. Such an end and a step commute unless the step looks at that range, issues a change, or tells a user
   of a result: a crash between the two could tell. The coming of a request touches nobody.
5. Where tasks run in the order in which they became ready, as asyncio runs them, two things that each
   make a task ready do not commute, whatever they are: the order of the queue is their trace.
"""

from dataclasses import dataclass, field

from faults.simulation.plan import IO

__all__ = ["Footprint", "commute", "commute_unqueued"]

UNIT = 512


@dataclass(slots=True)
class Footprint:
    """What one thing that happened has touched."""

    kind: str = "step"
    """``step``, ``end``, ``come``, or ``cancel``."""
    io: IO | None = None
    """That has ended."""
    issued: list[IO] = field(default_factory=list)
    looks: list[tuple[int, int]] = field(default_factory=list)
    """Ranges (offset, length) of the storage that were read, or changed, on the spot."""
    orders: bool = False
    """What has ended orders everything else on the device."""
    tells: bool = False
    """A user was told of a result, or the session closed."""
    wakes: bool = False
    """A task became ready."""


def commute(one: Footprint, other: Footprint) -> bool:
    """Whether the two may change places, where tasks run in the order in which they became ready."""
    return not (one.wakes and other.wakes) and commute_unqueued(one, other)


def commute_unqueued(one: Footprint, other: Footprint) -> bool:
    """Whether they may, where any task that is ready may run next."""
    if one.kind == other.kind == "step" or "cancel" in (one.kind, other.kind) or one.orders or other.orders:
        return False
    if "come" in (one.kind, other.kind):
        return True
    if one.io is not None and other.io is not None:
        return not _meet(one.io, other.io)
    return _is_apart(one.io, other) if one.io is not None else other.io is None or _is_apart(other.io, one)


def _is_apart(io: IO, step: Footprint) -> bool:
    """The end of ``io``, and a step."""
    if any(_overlap(io.offset, io.length, *looked) for looked in step.looks):
        return False
    return io.kind == "read" or not (step.tells or any(each.kind != "read" for each in step.issued))


def _meet(one: IO, other: IO) -> bool:
    changes = one.kind != "read" or other.kind != "read"
    return changes and _overlap(one.offset, one.length, other.offset, other.length)


def _overlap(offset: int, length: int, other: int, other_length: int) -> bool:
    """Whether they have a unit in common."""
    return offset // UNIT < -(-(other + other_length) // UNIT) and other // UNIT < -(-(offset + length) // UNIT)
