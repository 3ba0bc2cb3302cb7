"""The harness is layered too, and those who judge share nothing with what they judge.

Each module of the core imports only from the rows below its own. Whatever is not named here searches,
shrinks, reports or alters the driver: it stands above, and the core does not know it.
"""

import ast
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest

Sources = Callable[[str], list[Any]]

ROWS = [
    {"simulation": "tape fences image device overlays tearing writelog", "judges": "oracle reader"},
    {"simulation": "trace loop crash directory presets corruption plan marks", "runs": "workload", "": "target"},
    {"simulation": "hold schedules storm", "exhaustive": "path explore"},
    {"simulation": "storage folder", "runs": "world clients glances closing"},
    {"runs": "session programs", "": "vdi"},
    {"runs": "script meetings attending"},
    {"runs": "run"},
]
"""From the bottom, by folder. Between the modules of a row there may be no ring."""

CORE = {
    ".".join(filter(None, ("faults", folder, name))): row
    for row, folders in enumerate(ROWS)
    for folder, names in folders.items()
    for name in names.split()
}
JUDGES = {"faults.judges.oracle", "faults.judges.reader"}
KNOWS_AIOVDI = "faults.vdi"

# What would make a run depend on more than its tape, and the one module with a reason of its own.
BANNED = {
    "random": "faults.simulation.tape",
    "time": "faults.simulation.fences",
    "threading": "faults.simulation.fences",
    "secrets": "",
    "uuid": "",
}
BANNED_CALLS = {"id", "repr", "hash"}


@pytest.fixture
def core(sources: Sources) -> list[Any]:
    return [each for each in sources("faults") if each.module in CORE]


def imports(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or ""


def test_the_core_is_all_there(core: list[Any]) -> None:
    assert {each.module for each in core} == set(CORE)


def test_each_module_of_the_core_imports_only_from_its_row_and_below(core: list[Any]) -> None:
    upward = [
        f"{each.module} imports {name}"
        for each in core
        for name in imports(each.tree)
        if name.split(".")[0] == "faults" and CORE.get(name, len(ROWS)) > CORE[each.module]
    ]
    assert not upward, "\n".join(upward)


def test_no_two_modules_of_the_core_need_each_other(core: list[Any]) -> None:
    needs = {each.module: {name for name in imports(each.tree) if name in CORE} for each in core}

    def reaches(start: str, end: str, seen: frozenset[str] = frozenset()) -> bool:
        return any(name == end or reaches(name, end, seen | {name}) for name in needs[start] - seen)

    assert [module for module in needs if reaches(module, module)] == []


def test_only_the_target_knows_aiovdi(core: list[Any]) -> None:
    strays = [
        f"{each.module} imports {name}"
        for each in core
        for name in imports(each.tree)
        if name.split(".")[0] == "aiovdi" and each.module != KNOWS_AIOVDI
    ]
    assert not strays, "\n".join(strays)


def test_the_core_needs_only_the_standard_library(core: list[Any]) -> None:
    strays = [
        f"{each.module} imports {name}"
        for each in core
        for name in imports(each.tree)
        if name.split(".")[0] not in {"faults", "aiovdi", *sys.stdlib_module_names}
    ]
    assert not strays, "\n".join(strays)


def test_the_judges_share_nothing_with_the_judged_nor_with_the_world(core: list[Any]) -> None:
    for each in core:
        if each.module in JUDGES:
            assert [name for name in imports(each.tree) if name.split(".")[0] in ("faults", "aiovdi")] == []


def test_chance_and_the_machine_stay_outside_the_core(core: list[Any]) -> None:
    strays = [
        f"{each.module} imports {name}"
        for each in core
        for name in imports(each.tree)
        if (top := name.split(".")[0]) in BANNED and BANNED[top] != each.module
    ]
    assert not strays, "\n".join(strays)


def test_chance_comes_from_the_tape_everywhere(sources: Sources) -> None:
    strays = [
        each.path
        for each in sources("faults")
        if "random" in set(imports(each.tree)) and each.module != BANNED["random"]
    ]
    assert not strays, "\n".join(strays)


def from_memory(tree: ast.AST) -> Iterator[int]:
    """Lines where the address of an object, or the order of a set, could show."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in BANNED_CALLS:
            yield node.lineno
        over = node.iter if isinstance(node, ast.For | ast.comprehension) else None
        is_set = isinstance(over, ast.Set | ast.SetComp) or (
            isinstance(over, ast.Call) and ast.unparse(over.func) in ("set", "frozenset")
        )
        if is_set and over is not None:
            yield over.lineno


@pytest.mark.parametrize(
    "code", ["id(x)", "repr(x)", "for x in {1, 2}: pass", "[x for x in set(y)]", "for x in {y for y in z}: pass"]
)
def test_what_differs_between_processes_is_seen_in_every_form(code: str) -> None:
    assert list(from_memory(ast.parse(code)))


def test_nothing_in_the_core_depends_on_addresses_or_on_the_order_of_a_set(core: list[Any]) -> None:
    strays = [f"{each.path}:{line}" for each in core for line in from_memory(each.tree)]
    assert not strays, "\n".join(strays)
