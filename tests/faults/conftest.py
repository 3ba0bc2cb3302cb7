"""What the tests of the harness share."""

from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest


@pytest.fixture
def broken(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The module of small broken targets; ``broken:NAME`` is then a name that searches, in any process, find."""
    monkeypatch.syspath_prepend(str(Path(__file__).parent))
    return import_module("broken")
