"""What a search runs, by a name under which another process, a file or a command finds it again.

``vdi``            aiovdi's driver
``bug:name``       a row of the corpus
``module:name``    a target (a class without arguments, or an object), or a story (a function)
``… meetings``     of a target, and then every run is one of ``runs.meetings``

A search knows nothing else of what it runs: a subject takes a tape and gives an outcome.
"""

import inspect
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from importlib import import_module
from typing import Any, cast

from faults.runs.meetings import fitting
from faults.runs.run import Outcome, run
from faults.runs.story import run_story
from faults.runs.workload import Profile
from faults.simulation.tape import Tape
from faults.target import Target

__all__ = ["MEETINGS", "Subject", "find", "meetings_of", "of"]

SHORT = {"vdi": "faults.vdi:VDI"}
BUG = "bug:"
MEETINGS = " meetings"
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


def meetings_of(subject: Subject) -> Subject:
    """Of its target, every run a meeting: the tape says which.

    Raises:
        ValueError: it is a story, which takes no requests; or the disk has no room for any.
    """
    target = subject.target
    if target is None:
        raise ValueError(f"{subject.name} is a story; a meeting needs a target that takes requests")
    profile = replace(subject.profile, meetings=1.0)
    if not fitting(target, profile):
        raise ValueError(f"{subject.name}: its {target.size} bytes have no room for any meeting")
    return of(subject.name + MEETINGS, target, profile)


def _made(name: str, kind: type) -> Any:
    try:
        return kind()
    except TypeError as error:
        raise ValueError(f"target {name!r}: {error}; expected a class without arguments") from error
