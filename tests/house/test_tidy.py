"""What a reviewer would say each time, said by a program: no leftovers, no call that has a better one here."""

import ast
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest

Sources = Callable[[str], list[Any]]

LEFTOVER = re.compile(r"\b(T[O]DO|F[I]XME|X[X]X)\b")  # the brackets keep it from finding itself

# What aiovdi does not call, what it calls instead, and the modules with a reason of their own.
BANNED = {
    "divmod": ("units.segments: an offset is divided in one place", {"aiovdi/units.py", "aiovdi/format/fields.py"}),
    "print": ("an exception or a return value; only the command line speaks", {"aiovdi/cli"}),
    "time.sleep": ("asyncio.sleep: nothing blocks the loop", set()),
    "asyncio.get_event_loop": ("asyncio.get_running_loop: a disk belongs to one loop", set()),
    "asyncio.ensure_future": ("create_task on the running loop", set()),
    "asyncio.as_completed": ("settling.settle_all: its order is not an accident", set()),
    "asyncio.gather": ("settling.settle_all: it returns when every part has ended", set()),
}  # format/fields.py splits a version word, which is no offset


def calls(tree: ast.AST) -> Iterator[tuple[str, int]]:
    """Dotted name, as it is written, and line of every call."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name | ast.Attribute):
            yield ast.unparse(node.func), node.lineno


def names_from_banned_modules(tree: ast.AST) -> Iterator[tuple[str, int]]:
    """``from time import sleep`` would hide a call from its ban: such an import counts as the call."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            yield from ((f"{node.module}.{alias.name}", node.lineno) for alias in node.names)


def is_within(path: str, places: set[str]) -> bool:
    return any(path == place or path.startswith(f"{place}/") or path == f"{place}.py" for place in places)


def banned_calls(path: str, tree: ast.AST) -> Iterator[str]:
    for name, line in [*calls(tree), *names_from_banned_modules(tree)]:
        if name in BANNED and not is_within(path, BANNED[name][1]):
            yield f"{path}:{line}: {name}; wanted: {BANNED[name][0]}"


@pytest.mark.parametrize("code", ["import time\ntime.sleep(1)", "from asyncio import gather", "def f():\n  print()"])
def test_a_banned_call_is_seen_in_every_form(code: str) -> None:
    assert list(banned_calls("aiovdi/x.py", ast.parse(code)))


def test_no_call_that_has_a_better_one_here(sources: Sources) -> None:
    complaints = [complaint for each in sources("aiovdi") for complaint in banned_calls(each.path, each.tree)]
    assert not complaints, "\n".join(complaints)


@pytest.mark.parametrize("folder", ["aiovdi", "faults", "tests", "benchmarks"])
def test_nothing_is_left_for_later(sources: Sources, folder: str) -> None:
    leftovers = [
        f"{each.path}:{number}: {line.strip()}"
        for each in sources(folder)
        for number, line in enumerate(each.text.splitlines(), 1)
        if LEFTOVER.search(line)
    ]
    assert not leftovers, "\n".join(leftovers)


@pytest.mark.parametrize("folder", ["aiovdi", "faults", "tests", "benchmarks"])
def test_every_file_opens_with_its_idea(sources: Sources, folder: str) -> None:
    silent = [each.path for each in sources(folder) if not ast.get_docstring(each.tree)]
    assert not silent, "\n".join(silent)


@pytest.mark.parametrize("folder", ["aiovdi", "faults", "tests", "benchmarks"])
def test_no_error_is_caught_without_being_named(sources: Sources, folder: str) -> None:
    nameless = [
        f"{each.path}:{node.lineno}"
        for each in sources(folder)
        for node in ast.walk(each.tree)
        if isinstance(node, ast.ExceptHandler) and node.type is None
    ]
    assert not nameless, "\n".join(nameless)


def test_the_name_of_a_test_is_a_sentence(sources: Sources) -> None:
    terse = [
        f"{each.path}:{node.lineno}: {node.name}"
        for each in sources("tests")
        for node in ast.walk(each.tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and node.name.startswith("test_")
        and node.name.count("_") < 3
    ]
    assert not terse, "\n".join(terse)
