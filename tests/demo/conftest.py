"""Images before and after, and a child that has the bug of 2011."""

import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

import aiovdi
from aiovdi.units import MiB

BROKEN = Path(__file__).with_name("broken.py")


@pytest.fixture
def new_image(tmp_path: Path) -> Callable[[str], Awaitable[Path]]:
    """``await new_image("a")`` is an empty image of 16 MiB."""

    async def create(name: str) -> Path:
        path = tmp_path / f"{name}.vdi"
        await aiovdi.create(path, 16 * MiB)
        return path

    return create


@pytest.fixture
def broken_child() -> tuple[str, ...]:
    """The command of a child that loses what it has acknowledged."""
    return sys.executable, str(BROKEN)
