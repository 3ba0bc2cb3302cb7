"""A turn in a Python of its own: one of the modules of ``benchmarks.work``, and the figures that it prints."""

import json
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from benchmarks import child
from benchmarks.row import Figures, Measure
from benchmarks.scratch import Scratch

__all__ = ["ask", "working"]

_REPOSITORY = Path(__file__).resolve().parents[1]


async def ask(
    name: str, *words: object, python: str | Path = sys.executable, environment: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """What ``benchmarks.work.name`` answers.

    Args:
        python: which interpreter; it finds this repository, and whatever else is its own.
        environment: what it gets besides this process's own.

    Raises:
        CommandFailed: it did not come to its end; the message has its last words.
    """
    settings = {"PYTHONPATH": str(_REPOSITORY)} | dict(environment or {})
    assignments = [f"{key}={value}" for key, value in settings.items()]
    done = await child.run("env", *assignments, python, "-m", f"benchmarks.work.{name}", *map(str, words))
    answer: dict[str, Any] = json.loads(done.output.splitlines()[-1])
    return answer


@asynccontextmanager
async def working(scratch: Scratch, *, words: tuple[object, ...]) -> AsyncIterator[Measure]:  # noqa: ARG001
    """A side whose turns are all the same question to this Python."""

    async def measure() -> Figures:
        return await ask(str(words[0]), *words[1:])

    yield measure
