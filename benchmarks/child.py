"""A command as a whole process, from spawn to exit: wall time and peak memory, with the output it gave."""

import asyncio
import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path

__all__ = ["AIOVDI", "Child", "CommandFailed", "run"]

AIOVDI = (sys.executable, "-m", "aiovdi")
"""How the command line of the code under test is called, without a wrapper script."""

_LAUNCHER = Path(__file__).with_name("launcher.py")


class CommandFailed(Exception):
    """A command that is part of a measurement did not succeed; its time means nothing."""


@dataclass(frozen=True)
class Child:
    """What a process took."""

    seconds: float
    peak_memory: int
    """Largest resident set in bytes; a command smaller than the launcher seems as large as that."""
    output: str


async def run(*command: str | os.PathLike[str]) -> Child:
    """Run ``command`` to its end.

    Raises:
        CommandFailed: it could not be started, or its exit status is not 0.
    """
    words = [os.fspath(word) for word in command]
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-I", "-S", str(_LAUNCHER), *words),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    stdout, stderr = await process.communicate()
    if process.returncode:  # the launcher's: there was no such command
        raise CommandFailed(f"{' '.join(words)}: {stderr.decode(errors='replace').strip()}")
    output, _, last = stdout.decode(errors="replace").rstrip("\n").rpartition("\n")
    took = json.loads(last)
    if took["returncode"]:
        raise CommandFailed(
            f"{' '.join(words)}: exit status {took['returncode']}: {stderr.decode(errors='replace').strip()}"
        )
    return Child(took["seconds"], took["peak_memory"], output)
