"""What a driver must offer to be tried. The one that is here offers it, and nothing of the harness asks more."""

import ast
import inspect
from pathlib import Path

import pytest

import faults.runs.clients
import faults.runs.session
from faults.target import Disk, Target
from faults.vdi import VDI


def members(protocol: type) -> set[str]:
    return {name for name in [*vars(protocol), *inspect.get_annotations(protocol)] if not name.startswith("_")}


def test_aiovdi_offers_what_a_target_must() -> None:
    assert [name for name in members(Target) if not hasattr(VDI(), name)] == []


def test_its_disk_offers_what_a_disk_must() -> None:
    disk = VDI().disk
    for name in members(Disk):
        assert inspect.iscoroutinefunction(getattr(disk, name)), name


@pytest.mark.parametrize(("variable", "protocol"), [("target", Target), ("disk", Disk)])
def test_a_session_asks_nothing_else_of(variable: str, protocol: type) -> None:
    asked = {
        node.attr
        for module in (faults.runs.session, faults.runs.clients)
        for node in ast.walk(ast.parse(Path(module.__file__).read_text(encoding="utf-8")))
        if isinstance(node, ast.Attribute) and ast.unparse(node.value).split(".")[-1] == variable
    }
    assert asked
    assert asked <= members(protocol)
