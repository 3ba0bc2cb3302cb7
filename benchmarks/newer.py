"""Peers that need a newer Python than this may be: any that is found, and a virtual environment made for the row.

Rule 1: nothing is installed into the environment that this runs in, and nothing stays.
Rule 2: a version is fixed, so that two reports speak of the same peer.
"""

import asyncio
import functools
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from benchmarks import child
from benchmarks.scratch import Scratch, Unavailable

__all__ = ["NEWER_PYTHON", "NewerPython", "Package", "find_python"]

OLDEST = (3, 12)
_NAME = re.compile(r"python3\.(1[2-9]|[2-9]\d)").fullmatch
_VERSION = "import sys; print('.'.join(map(str, sys.version_info[:3])))"


@functools.cache
def find_python(path: str | None = None) -> tuple[Path, str] | None:
    """This Python if it is new enough, or the newest of ``path`` (by default the search path); with its version."""
    if path is None and sys.version_info >= OLDEST:
        return Path(sys.executable), ".".join(map(str, sys.version_info[:3]))
    folders = (os.environ.get("PATH", "") if path is None else path).split(os.pathsep)
    candidates = [each for folder in folders for each in sorted(Path(folder).glob("python3.*")) if _NAME(each.name)]
    found = [(version, each) for each in candidates if (version := _version(each)) is not None]
    version, python = max(found, default=((0,), Path()))
    return (python, ".".join(map(str, version))) if version >= OLDEST else None


def _version(python: Path) -> tuple[int, ...] | None:
    """What it says; None if it is a wrapper that leads nowhere."""
    try:
        answer = subprocess.run([python, "-c", _VERSION], capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return None
    return tuple(map(int, answer.split(".")))


@dataclass(frozen=True)
class NewerPython:
    """A Python that the peers run on."""

    name: str = "the peers' Python"

    def missing(self) -> str | None:
        return None if find_python() else "no Python 3.12 or newer on the search path"

    def version(self) -> str:
        found = find_python()
        assert found is not None
        return found[1]


@dataclass(frozen=True)
class Package:
    """A package of the Python Package Index without dependencies."""

    name: str
    pinned: str

    def missing(self) -> str | None:
        return None if find_python() else f"{self.name} is not installed: it needs Python 3.12, and none was found"

    def version(self) -> str:
        return f"{self.pinned}, on Python {NEWER_PYTHON.version()}"

    async def python(self, scratch: Scratch) -> Path:
        """An interpreter that can import it.

        Raises:
            Unavailable: it could not be installed; the message says what the installer said.
        """
        try:
            return await scratch.once(f"{self.name}-{self.pinned}", self._install) / "bin" / "python"
        except child.CommandFailed as failed:
            raise Unavailable(f"{self.name} is not installed: {str(failed).splitlines()[-1]}") from failed

    async def _install(self, folder: Path) -> None:
        found = await asyncio.to_thread(find_python)
        assert found is not None
        await child.run(found[0], "-m", "venv", "--without-pip", folder)
        # By the pip of here: not every Python brings one, and this project was installed by it.
        pip = (sys.executable, "-m", "pip", "--python", folder / "bin" / "python", "--disable-pip-version-check")
        await child.run(*pip, "install", "--quiet", "--no-deps", f"{self.name}=={self.pinned}")


NEWER_PYTHON = NewerPython()
