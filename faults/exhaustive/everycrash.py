"""Every image of every crash of a run, judged in the run itself.

A crash ends a run, but nothing of it is needed for the judgement except what is on the device and what
the users were promised. So the search looks at both before each I/O ends and when all is over, forms
every image that power loss or ``kill -9`` could leave, and goes on as if nothing had been.

Rule 1: two crashes with the same images and the same promises are one; it is judged once in a search.
Rule 2: what is left out is counted. A space of more images than ``IMAGES_MAX`` is not looked at.
Rule 3: a crash that shows a failure is told in draws of the tape, so that the run replays as one that
really ends there.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import product
from typing import NamedTuple

from faults.judges.oracle import Oracle, Violation
from faults.runs.session import CLOSINGS
from faults.runs.world import World
from faults.simulation.crash import CrashSpace, kill_space, power_loss_space
from faults.simulation.device import Device
from faults.simulation.image import Content
from faults.simulation.tape import Draw

__all__ = ["IMAGES_MAX", "LIVES_MAX", "Crash", "EveryCrash"]

Audit = Callable[[Content], object]

IMAGES_MAX = 4_096
LIVES_MAX = 10_000
"""More I/Os than a run has: the bound of the draw that says how many end before the crash."""

_ONE_BY_ONE = 2
"""The mode of ``crash.mode`` in which each unit is drawn."""


class Crash(NamedTuple):
    """One crash of one run that showed a failure."""

    power: bool
    ended: int | None
    """I/Os that had ended; None: the session was over."""
    choices: list[tuple[int, int]]
    """For each unit, in order, of how many contents it kept which."""
    length: tuple[int, int]

    def draws(self, before: list[Draw]) -> list[Draw]:
        """The tape of a run that ends here; ``before`` is what it drew until then."""
        image = [Draw("crash.mode", _ONE_BY_ONE + 1, _ONE_BY_ONE)]
        image += [Draw("crash.unit", count, chosen) for count, chosen in self.choices if count > 1]
        image += [Draw("crash.length", *self.length)]
        if self.ended is None:
            return [*before, Draw("power after close", 2, int(self.power)), *image]
        closes = Draw("closes", len(CLOSINGS), CLOSINGS.index("closes"))  # it comes that far, or not
        return [Draw("life", LIVES_MAX, self.ended), closes, *before, *image]


@dataclass
class EveryCrash:
    """What a search has seen of crashes."""

    kinds: tuple[str, ...] = ("power", "kill")
    images: int = 0
    """That were judged."""
    spaces: set[int] = field(default_factory=set)
    """By hash: with what was promised, so that each is judged once."""
    left_out: int = 0
    """Spaces that are too large."""
    found: Crash | None = None

    def look(self, world: World, ended: int | None, audit: Audit | None = None) -> None:
        """Judge every crash that could come now. Raises Violation.

        Args:
            ended: how many I/Os have; None: the session is over.
            audit: looks at each image besides. Raises Violation.
        """
        for kind in self.kinds:
            power = kind == "power"
            space = power_loss_space(world.device) if power else kill_space(world.device)
            assert isinstance(space, CrashSpace)  # a disk that keeps no order
            future = world.oracle.foretell(power=power)
            if self._is_new(space, future, is_audited=audit is not None):
                self._judge(world, space, _Judge(world, future, audit, power), ended)

    def _is_new(self, space: CrashSpace, future: Oracle, *, is_audited: bool) -> bool:
        if space.count > IMAGES_MAX:
            self.left_out += 1
            return False
        key = hash(
            (
                frozenset(space.device.durable.items()),
                tuple((unit, frozenset(contents)) for unit, contents in space.units.items()),
                frozenset(space.lengths),
                frozenset(future.settled.items()),
                is_audited,
            )
        )
        is_new = key not in self.spaces
        self.spaces.add(key)
        return is_new

    def _judge(self, world: World, space: CrashSpace, judge: "_Judge", ended: int | None) -> None:
        counts = [len(contents) for contents in space.units.values()]
        for chosen, length, image in _images(space):
            self.images += 1
            if (broken := judge.broken(image)) is not None:
                choices = list(zip(counts, chosen, strict=True))
                self.found = Crash(judge.power, ended, choices, (len(space.lengths), length))
                raise world.violation(*broken)


class _Judge(NamedTuple):
    """Of the images of one crash."""

    world: World
    future: Oracle
    audit: Audit | None
    power: bool

    def broken(self, image: Device) -> tuple[str, str] | None:
        """The kind of failure that ``image`` shows, and what it is."""
        how = "after power loss" if self.power else "after kill"
        left = image.stable()
        try:
            content = self.world.target.read_image(left)
            if self.audit is not None:
                self.audit(left)
            self.future.observe(content, how)
        except ValueError as error:
            return "structure", f"{how}: {error}"
        except Violation as violation:
            return "violation", str(violation)
        return None


def _images(space: CrashSpace) -> Iterator[tuple[tuple[int, ...], int, Device]]:
    for length in range(len(space.lengths)):
        for chosen in product(*(range(len(contents)) for contents in space.units.values())):
            yield chosen, length, space.image(dict(zip(space.units, chosen, strict=True)), length)
