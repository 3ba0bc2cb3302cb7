"""A directory above simulated files: which names it has, for its users and for the time after a power loss.

What is done to a directory is a row of *changes* of its names: a file is created, gets a second name, is
renamed, or loses a name. Each change persists or not, on its own, until a flush of the directory covers it.

Rule 1: a change is whole. A rename never leaves the file without a name, or with both.
Rule 2: what persists lies over what is durable in the order in which it was done, so that what was superseded
stays so. With ``order="sequential"``, as in a journal, nothing persists without what was done before it.
Rule 3: names and contents are independent. A file may have its name and not its bytes, or its bytes and no name:
a flush of the one says nothing about the other. (POSIX fsync(); fsync(2) says it for Linux.)
Rule 4: "before" is as for a device: a flush covers what had ended when it was issued.
"""

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from errno import EEXIST, ENOENT
from itertools import compress, product
from math import prod
from typing import Any, TypeAlias

from faults.simulation.crash import CrashSpace, CrashUnion, kill_space, power_loss_space
from faults.simulation.device import Device
from faults.simulation.tape import Tape

__all__ = ["Change", "Directory", "DirectorySpace", "File", "kill_states", "power_loss_states"]


@dataclass(eq=False)
class File:
    """What names stand for: two names of one file stand for one of these."""

    device: Device


Names: TypeAlias = dict[str, File]


@dataclass(eq=False)
class Change:
    """``kind`` is ``create``, ``link``, ``rename`` (from ``name`` to ``other``), or ``unlink``."""

    kind: str
    name: str
    other: str
    issued: int
    ended: int = 0
    """0: not yet."""
    became: dict[str, File | None] = field(default_factory=dict)
    """What the names stood for after it; None: nothing."""


class Directory:
    """Names, and what is durable of them.

    Args:
        names: what is durable at first.
        order: in which changes persist: ``any`` or ``sequential``.
        below: options of the devices below new files.
    """

    def __init__(
        self,
        names: Mapping[str, File] | None = None,
        *,
        order: str = "any",
        below: Mapping[str, Any] | None = None,
    ) -> None:
        self.durable: Names = dict(names or {})
        self.names: Names = dict(self.durable)
        """What its users see."""
        self.order = order
        self.below = dict(below or {})
        self.changes: list[Change] = []
        """Since what is durable, as they ended."""
        self.in_flight: list[Change] = []
        self._now = 0

    def holds(self, names: Names) -> "Directory":
        """A directory of this kind with durable names."""
        return Directory(names, order=self.order, below=self.below)

    def tick(self) -> int:
        """The next instant."""
        self._now += 1
        return self._now

    def issue(self, kind: str, name: str, other: str = "") -> Change:
        """From now on the change may persist, whether or not it ever ends."""
        change = Change(kind, name, other, self.tick())
        self.in_flight.append(change)
        return change

    def end(self, change: Change) -> None:
        """It took effect.

        Raises:
            FileNotFoundError, FileExistsError: it cannot, and does not.
        """
        self.in_flight.remove(change)
        change.became = self.effect(change)
        change.ended = self.tick()
        self.changes.append(change)
        _apply(change, self.names)

    def fail(self, change: Change) -> None:
        """It will never take effect."""
        self.in_flight.remove(change)

    def effect(self, change: Change) -> dict[str, File | None]:
        """What ``change`` would make of its names now. Raises as ``end`` does."""
        name, other = change.name, change.other
        if change.kind == "create":
            return {self._free(name): File(Device(**self.below))}
        file = self._file(name)
        if change.kind == "link":
            return {self._free(other): file}
        return {name: None, other: file} if change.kind == "rename" else {name: None}

    def end_flush(self, begun: int) -> None:
        """A flush that was issued at ``begun`` succeeded: what had ended by then is durable."""
        for change in self.changes:
            if change.ended < begun:
                _apply(change, self.durable)
        self.changes = [change for change in self.changes if change.ended >= begun]

    def _file(self, name: str) -> File:
        if name not in self.names:
            raise FileNotFoundError(ENOENT, os.strerror(ENOENT), name)
        return self.names[name]

    def _free(self, name: str) -> str:
        if name in self.names:
            raise FileExistsError(EEXIST, os.strerror(EEXIST), name)
        return name


SpaceOf: TypeAlias = Callable[[Device], CrashSpace | CrashUnion]


@dataclass(frozen=True)
class DirectorySpace:
    """All states that may be left: which changes persisted, and for each file that has a name what is in it."""

    directory: Directory
    base: Names
    """The names to which changes were made."""
    ended: list[Change]
    in_flight: list[Change]
    space_of: SpaceOf
    """What may be left of a file."""

    @property
    def count(self) -> int:
        """How many states there are (some may be equal where the contents of files are)."""
        return sum(prod(self.space_of(file.device).count for file in _files(names)) for names in self.states())

    def states(self) -> list[Names]:
        """The different sets of names, that of the users first."""
        states: list[Names] = []
        for row in self._rows():
            if (names := self._after(row)) not in states:
                states.append(names)
        return states

    def images(self) -> Iterator[Directory]:
        """All of them."""
        for names in self.states():
            files = _files(names)
            for devices in product(*(list(self.space_of(file.device).images()) for file in files)):
                yield self._image(names, dict(zip(files, devices, strict=True)))

    def draw(self, tape: Tape) -> Directory:
        """One state of the tape's choosing. Zeros keep all that had ended, and nothing that had not."""
        if self.directory.order == "sequential":
            rows = list(self._rows())
            row = rows[tape.draw("crash.names", len(rows))]
        else:
            row = [change for change in self.ended if not tape.draw("crash.name", 2)]
            row += [change for change in self.in_flight if tape.draw("crash.name", 2)]
        names = self._after(row)
        return self._image(names, {file: self.space_of(file.device).draw(tape) for file in _files(names)})

    def _rows(self) -> Iterator[list[Change]]:
        """The changes that may have persisted, in their order."""
        landed = [list(compress(self.in_flight, mask)) for mask in product((0, 1), repeat=len(self.in_flight))]
        if self.directory.order == "sequential":
            yield from ([*self.ended, *late] for late in landed)
            yield from (self.ended[:count] for count in reversed(range(len(self.ended))))
        else:
            for mask in product((1, 0), repeat=len(self.ended)):
                yield from ([*compress(self.ended, mask), *late] for late in landed)

    def _after(self, row: list[Change]) -> Names:
        names = dict(self.base)
        for change in row:
            _apply(change, names)
        return names

    def _image(self, names: Names, devices: dict[File, Device]) -> Directory:
        files = {file: File(device) for file, device in devices.items()}
        return self.directory.holds({name: files[file] for name, file in names.items()})


def power_loss_states(directory: Directory) -> DirectorySpace:
    """What power loss may leave now."""
    landing = list(_landing(directory))
    return DirectorySpace(directory, directory.durable, list(directory.changes), landing, power_loss_space)


def kill_states(directory: Directory) -> DirectorySpace:
    """What ``kill -9`` of the process may leave now: what had ended stays, of names and of contents."""
    return DirectorySpace(directory, directory.names, [], list(_landing(directory)), kill_space)


def _landing(directory: Directory) -> Iterator[Change]:
    """The changes in flight that could take effect now, and what they would be."""
    for change in directory.in_flight:
        with suppress(FileNotFoundError, FileExistsError):
            yield replace(change, became=directory.effect(change))


def _apply(change: Change, names: Names) -> None:
    for name, file in change.became.items():
        if file is None:
            names.pop(name, None)
        else:
            names[name] = file


def _files(names: Names) -> list[File]:
    """Each file once, however many names it has."""
    return list(dict.fromkeys(names.values()))
