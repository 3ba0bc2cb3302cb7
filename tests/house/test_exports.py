"""The public names: what ``aiovdi.__all__`` promises is there, and nothing public is left out of it."""

import ast
import importlib
from collections.abc import Callable
from types import ModuleType
from typing import Any

import aiovdi
import aiovdi.errors

Sources = Callable[[str], list[Any]]


def test_every_name_that_aiovdi_promises_exists_once() -> None:
    assert [name for name in aiovdi.__all__ if not hasattr(aiovdi, name)] == []
    assert sorted(aiovdi.__all__) == sorted(set(aiovdi.__all__))


def test_every_public_name_of_aiovdi_is_promised() -> None:
    public = {name for name, value in vars(aiovdi).items() if name[0] != "_" and not isinstance(value, ModuleType)}
    assert public - set(aiovdi.__all__) == set()


def test_every_error_can_be_caught_by_its_name_in_aiovdi() -> None:
    assert [name for name in aiovdi.errors.__all__ if name not in aiovdi.__all__] == []


def test_all_errors_are_listed_by_their_module() -> None:
    defined = {name for name, value in vars(aiovdi.errors).items() if isinstance(value, type) and name[0] != "_"}
    assert {name for name in defined if issubclass(getattr(aiovdi.errors, name), Exception)} == set(
        aiovdi.errors.__all__
    )


def test_what_one_does_comes_before_what_can_go_wrong() -> None:
    is_error = [name in aiovdi.errors.__all__ for name in aiovdi.__all__]
    assert is_error == sorted(is_error), "the errors stand together, at the end of aiovdi.__all__"


def test_an_error_stands_after_its_base() -> None:
    place = {name: index for index, name in enumerate(aiovdi.__all__)}
    misplaced = [
        f"{name} before its base {base.__name__}"
        for name in aiovdi.errors.__all__
        for base in getattr(aiovdi.errors, name).__bases__
        if place[name] < place.get(base.__name__, 0)
    ]
    assert not misplaced, "\n".join(misplaced)


def test_every_module_keeps_the_promises_of_its_all(sources: Sources) -> None:
    broken = [
        f"{each.module}.{name}"
        for each in sources("aiovdi")
        if has_all(each.tree)
        for name in importlib.import_module(each.module).__all__
        if not hasattr(importlib.import_module(each.module), name)
    ]
    assert not broken, "\n".join(broken)


def has_all(tree: ast.Module) -> bool:
    return any(isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__" for node in tree.body)
