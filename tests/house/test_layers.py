"""Each layer imports only what stands below it, and only one place talks to the terminal.

::

    cli                                   typer + rich; no logic
    demo                                  a story that is told by the driver and judged by a ledger
    aiovdi itself                         the public names
    jobs                                  check, convert, compare: whole images
    driver         server                 server states what it needs of a disk, and knows no driver
    storage
    nbd            format                 both are pure: bytes and their meaning, no I/O and no waiting
    errors, units, settling
"""

import ast
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest

Sources = Callable[[str], list[Any]]

BOTTOM = ("aiovdi.errors", "aiovdi.units", "aiovdi.settling")
DRIVER_AND_BELOW = (*BOTTOM, "aiovdi.format", "aiovdi.storage", "aiovdi.driver")

# What of aiovdi each layer may import, besides itself.
BELOW = {
    "aiovdi.errors": (),
    "aiovdi.units": (),
    "aiovdi.settling": (),
    "aiovdi.format": ("aiovdi.errors", "aiovdi.units"),  # settling is asyncio's
    "aiovdi.nbd": ("aiovdi.errors", "aiovdi.units"),  # pure, as format is
    "aiovdi.storage": (*BOTTOM, "aiovdi.nbd"),
    "aiovdi.driver": (*BOTTOM, "aiovdi.format", "aiovdi.storage"),
    "aiovdi.server": (*BOTTOM, "aiovdi.nbd"),  # what it serves is stated there, so it may be any disk
    "aiovdi.jobs": DRIVER_AND_BELOW,
    "aiovdi": (*DRIVER_AND_BELOW, "aiovdi.jobs"),
    "aiovdi.demo": (*DRIVER_AND_BELOW, "aiovdi.jobs", "aiovdi"),
    "aiovdi.cli": (*DRIVER_AND_BELOW, "aiovdi.nbd", "aiovdi.server", "aiovdi.jobs", "aiovdi", "aiovdi.demo"),
    "aiovdi.__main__": ("aiovdi.cli",),
}

# format and nbd are pure. Nothing of this kind may be imported there, and nothing awaited.
IMPURE = {"asyncio", "fcntl", "io", "mmap", "os", "pathlib", "random", "selectors", "shutil", "socket", "subprocess"}
IMPURE |= {"tempfile", "threading", "time"}

# They stand above aiovdi, or beside it.
ABOVE = {"benchmarks", "faults", "tests"}

# The core install is small: what is not of the standard library, and the layers that may know it.
FOREIGN = {
    "aiofiles": ("aiovdi.storage", "aiovdi.driver"),  # creating an image links and renames files
    "caio": ("aiovdi.storage",),
    "uvloop": ("aiovdi.cli",),
    "rich": ("aiovdi.cli",),
    "typer": ("aiovdi.cli",),
    "_typeshed": ("aiovdi.units",),  # types only; it does not exist when the program runs
}


def imported(tree: ast.AST, *, package: str, modules: frozenset[str]) -> Iterator[str]:
    """The full names of the modules that ``tree`` imports, also inside functions and ``if TYPE_CHECKING``."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            start = ".".join(package.split(".")[: 1 - node.level or None]) if node.level else ""
            origin = ".".join(filter(None, [start, node.module]))
            for alias in node.names:  # ``from aiovdi import errors`` imports a module, ``… import open`` does not
                yield name if (name := f"{origin}.{alias.name}") in modules else origin


def layer_of(module: str) -> str | None:
    """The row of ``BELOW`` that a module belongs to; None: a folder that has no row yet."""
    if module in BELOW:
        return module
    folder = ".".join(module.split(".")[:2])
    return folder if folder in BELOW else None


def package_of(source: Any) -> str:
    return source.module if source.path.endswith("__init__.py") else source.module.rpartition(".")[0]


@pytest.fixture
def imports(sources: Sources) -> list[tuple[str, str]]:
    """Every pair (importing module, imported module) of aiovdi."""
    files = sources("aiovdi")
    modules = frozenset(each.module for each in files)
    return sorted(
        {
            (each.module, name)
            for each in files
            for name in imported(each.tree, package=package_of(each), modules=modules)
        }
    )


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("import aiovdi.errors as e, os", {"aiovdi.errors", "os"}),
        ("from aiovdi import errors, open", {"aiovdi.errors", "aiovdi"}),
        ("from aiovdi.errors import VDIError", {"aiovdi.errors"}),
        ("from . import base", {"aiovdi.storage.base"}),
        ("from .base import Storage", {"aiovdi.storage.base"}),
        ("from ..errors import VDIError", {"aiovdi.errors"}),
        ("from .. import errors", {"aiovdi.errors"}),
        ("def f():\n    import asyncio", {"asyncio"}),
    ],
)
def test_no_form_of_import_is_overlooked(code: str, expected: set[str]) -> None:
    modules = frozenset({"aiovdi", "aiovdi.errors", "aiovdi.storage", "aiovdi.storage.base"})
    assert set(imported(ast.parse(code), package="aiovdi.storage", modules=modules)) == expected


def test_every_module_has_its_place_in_a_layer(sources: Sources) -> None:
    homeless = [each.path for each in sources("aiovdi") if layer_of(each.module) is None]
    assert not homeless, "\n".join(homeless)


def test_each_layer_imports_only_what_stands_below_it(imports: list[tuple[str, str]]) -> None:
    upward = [
        f"{importer} imports {name}"
        for importer, name in imports
        if name.split(".")[0] == "aiovdi"
        and (here := layer_of(importer)) is not None
        and (there := layer_of(name)) not in (here, *BELOW[here])
        and there is not None
    ]
    assert not upward, "\n".join(upward)


@pytest.mark.parametrize("layer", ["format", "nbd"])
def test_a_pure_layer_knows_neither_files_nor_time_nor_waiting(
    sources: Sources, imports: list[tuple[str, str]], layer: str
) -> None:
    impure = [
        f"{importer} imports {name}"
        for importer, name in imports
        if layer_of(importer) == f"aiovdi.{layer}" and name.split(".")[0] in IMPURE
    ]
    waiting = [
        f"{each.path}:{node.lineno}"
        for each in sources(f"aiovdi/{layer}")
        for node in ast.walk(each.tree)
        if isinstance(node, ast.AsyncFunctionDef | ast.Await | ast.AsyncFor | ast.AsyncWith)
    ]
    assert not impure, "\n".join(impure)
    assert not waiting, "\n".join(waiting)


def test_every_foreign_package_is_known_and_kept_to_its_layer(imports: list[tuple[str, str]]) -> None:
    strays = []
    for importer, name in imports:
        top = name.split(".")[0]
        at_home = {"aiovdi", *sys.stdlib_module_names, *ABOVE}
        if top not in at_home and layer_of(importer) not in FOREIGN.get(top, ()):
            strays.append(f"{importer} imports {name}")
    assert not strays, "\n".join(strays)


def test_aiovdi_does_not_know_its_harness(imports: list[tuple[str, str]]) -> None:
    strays = [f"{importer} imports {name}" for importer, name in imports if name.split(".")[0] in ABOVE]
    assert not strays, "\n".join(strays)
