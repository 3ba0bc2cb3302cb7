"""What a side needs to be here, and which version of it is. Peers are found at run time, never depended on.

Rule: a need says why it is missing in words that end the search: the package that brings it, or the
error that the import raised.
"""

import functools
import importlib
import importlib.metadata
import shutil
import subprocess
from dataclasses import dataclass
from typing import Protocol

from aiovdi.storage import uring

__all__ = ["IO_URING", "QEMU_IMG", "IoUring", "Library", "Need", "Program"]


class Need(Protocol):
    """Something that may be missing on this machine."""

    @property
    def name(self) -> str: ...

    def missing(self) -> str | None:
        """Why it cannot be used, or None."""

    def version(self) -> str:
        """Of what is here; only where nothing is missing."""


@dataclass(frozen=True)
class Program:
    """A command on the search path."""

    name: str
    debian_package: str

    def missing(self) -> str | None:
        found = shutil.which(self.name)
        return None if found else f"{self.name} is not installed (Debian: {self.debian_package})"

    @functools.cache  # noqa: B019  (frozen, and one of each)
    def version(self) -> str:
        answer = subprocess.run([self.name, "--version"], capture_output=True, text=True, check=True)
        return answer.stdout.splitlines()[0]


@dataclass(frozen=True)
class Library:
    """A Python package: what is imported, and the name under which it is installed."""

    module: str
    name: str

    @functools.cache  # noqa: B019
    def missing(self) -> str | None:
        try:
            importlib.import_module(self.module)
        except ImportError as error:
            return f"{self.name} is not installed ({error})"
        return None

    def version(self) -> str:
        return importlib.metadata.version(self.name)


@dataclass(frozen=True)
class IoUring:
    """The back end of the extra ``uring``, on a kernel that allows it."""

    name: str = "io_uring"

    def missing(self) -> str | None:
        return (
            None if uring.works() else "io_uring does not work here: the extra is not installed or the kernel refuses"
        )

    def version(self) -> str:
        return f"caio {importlib.metadata.version('caio')}"


QEMU_IMG = Program("qemu-img", debian_package="qemu-utils")
IO_URING = IoUring()
