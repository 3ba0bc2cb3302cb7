"""What a search runs, by a name under which another process, a file or a command finds it again.

``vdi``            aiovdi's driver
``bug:name``       a row of the corpus
``module:name``    a target (a class without arguments, or an object), or a story (a function)

A search knows nothing else of what it runs: a subject takes a tape and gives an outcome.
"""

import inspect
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any, cast

from faults.runs.run import Outcome, run
from faults.runs.story import run_story
from faults.runs.workload import Profile
from faults.simulation.tape import Tape
from faults.target import Target

__all__ = ["Subject", "find", "of"]

SHORT = {"vdi": "faults.vdi:VDI"}
BUG = "bug:"
NEEDED = ("size", "block_size", "blank", "open", "read_image")
"""Of a target, so that a mistake is told by name."""


@dataclass(frozen=True)
class Subject:
    """Something that runs from a tape."""

    name: str
    run: Callable[[Tape], Outcome]
    profile: Profile = field(default_factory=Profile)
    target: Target | None = None
    """What is under test, if it is a driver and no story."""
    shrink: Callable[..., Any] | None = None
    """How its failures are made small, in the shape of ``faults.failures.shrink.shrink``; None: by that one."""


def find(name: str, profile: Profile = Profile()) -> Subject:  # noqa: B008
    """The subject of this name.

    Raises:
        ValueError: there is none; the message says what a name looks like.
    """
    full = (
        f"faults.corpus.catalogue:targets.{name.removeprefix(BUG)}" if name.startswith(BUG) else SHORT.get(name, name)
    )
    module, _, attribute = full.partition(":")
    try:
        thing: Any = import_module(module)
        for part in attribute.split("."):
            thing = getattr(thing, part)
    except (ImportError, AttributeError, ValueError) as error:
        known = ", ".join(SHORT)
        raise ValueError(f"target {name!r}: {error}; expected module:name, bug:name, or {known}") from error
    return of(name, thing, profile)


def of(name: str, thing: Any, profile: Profile = Profile()) -> Subject:  # noqa: B008
    """``thing`` as a subject: a target, a class that makes one, or a story.

    Raises:
        ValueError: it is nothing of that.
    """
    if inspect.iscoroutinefunction(thing):
        raise ValueError(f"target {name!r}: found a coroutine function, expected a story: a plain function of a Sim")
    if inspect.isfunction(thing):
        return Subject(name, lambda tape: run_story(thing, tape), profile)
    target = cast(Target, _made(name, thing) if inspect.isclass(thing) else thing)
    if missing := [each for each in NEEDED if not hasattr(target, each)]:
        raise ValueError(
            f"target {name!r}: found a {type(target).__name__} without {', '.join(missing)}; expected one of the "
            "shape of faults.target.Target, or a function of a faults.runs.story.Sim"
        )
    return Subject(name, lambda tape: run(target, tape, profile), profile, target)


def _made(name: str, kind: type) -> Any:
    try:
        return kind()
    except TypeError as error:
        raise ValueError(f"target {name!r}: {error}; expected a class without arguments") from error
