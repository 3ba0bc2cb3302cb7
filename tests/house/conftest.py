"""The tests that keep the house read the code as syntax trees, each file once."""

import ast
import functools
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).resolve().parents[2]


class Source(NamedTuple):
    """One Python file of the repository."""

    path: str
    """Relative to the repository, with slashes."""
    module: str
    """Dotted name; of a package the folder's."""
    text: str
    tree: ast.Module


@pytest.fixture(scope="session")
def repository() -> Path:
    return ROOT


@pytest.fixture(scope="session")
def sources() -> Callable[[str], list[Source]]:
    """``sources("aiovdi")`` is every Python file below that folder of the repository, sorted by path."""

    @functools.cache
    def below(folder: str) -> list[Source]:
        return [_read(path) for path in sorted((ROOT / folder).rglob("*.py"))]

    return below


def _read(path: Path) -> Source:
    relative = path.relative_to(ROOT)
    parts = relative.with_suffix("").parts
    text = path.read_text(encoding="utf-8")
    module = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
    return Source(relative.as_posix(), module, text, ast.parse(text, filename=str(path)))
