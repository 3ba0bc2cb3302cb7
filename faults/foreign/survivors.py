"""What a kill or a power loss leaves, as few choices: one for each run of units that share a past, and a tear.

A driver that writes a mebibyte at a time leaves thousands of units to choose for, and most of them have
the same choices. Neighbours within one part of the image that have as many possible contents are chosen
for together; a *tear* lets the choice hold for the first of them only, and the rest keep the newest.
"""

from collections.abc import Callable, Iterator

from faults.simulation.crash import CrashSpace, CrashUnion
from faults.simulation.device import Device, UnitIndex
from faults.simulation.tape import Generator, Tape

__all__ = ["draw_survivor"]

_TEARS = 0.1


def draw_survivor(space: CrashSpace | CrashUnion, tape: Tape, region: Callable[[int], str]) -> Device:
    """One image of ``space`` of the tape's choosing. Choice 0 keeps the newest that had ended."""
    if isinstance(space, CrashUnion):
        return draw_survivor(space.parts[tape.draw("crash.part", len(space.parts))], tape, region)
    unit = space.device.unit
    chosen = {}
    if space.units and tape.draw("crash.mode", 2):
        for run in _runs(space, region):
            where = f"{region(run[0] * unit)} {run[0] * unit}"
            choice = tape.draw(f"crash.unit {where}", len(space.units[run[0]]))
            tear = tape.draw(f"crash.tear {where}", len(run), _rarely) if choice else 0
            chosen.update(dict.fromkeys(run[:tear] if tear else run, choice))
    return space.image(chosen, tape.draw("crash.length", len(space.lengths)))


def _runs(space: CrashSpace, region: Callable[[int], str]) -> Iterator[list[UnitIndex]]:
    run: list[UnitIndex] = []
    for index, contents in sorted(space.units.items()):
        if run and not (
            index == run[-1] + 1
            and len(contents) == len(space.units[run[-1]])
            and region(index * space.device.unit) == region(run[-1] * space.device.unit)
        ):
            yield run
            run = []
        run.append(index)
    if run:
        yield run


def _rarely(generator: Generator, outcomes: int) -> int:
    return generator.randrange(outcomes) if generator.random() < _TEARS else 0
