"""Every module has a test module of the mirrored name.

``aiovdi/x/y.py`` is tried by ``tests/x/test_y.py``, ``faults/x/y.py`` by ``tests/faults/x/test_y.py``. A folder
inside ``faults`` may be one thing, such as the variants of the driver: then ``tests/faults/test_x.py`` tries it whole.

An ``__init__`` that only collects names has nothing to try; one with code is tried under its
package's name.
"""

import ast
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import Any

Sources = Callable[[str], list[Any]]

# Modules that are tried under another name, each with its reason.
ELSEWHERE = {
    "aiovdi/__init__.py": "tests/house/test_exports.py",  # its public names are what that one tries
}


def mirror(path: str) -> str:
    source = PurePosixPath(path)
    name = source.parent.name if source.stem == "__init__" else source.stem
    folder = source.parent.relative_to("aiovdi") if source.parts[0] == "aiovdi" else source.parent
    return str("tests" / folder / f"test_{name}.py")


def mirror_of_folder(path: str) -> str:
    """Of a module in a folder inside ``faults``; of any other its own mirror."""
    source = PurePosixPath(path)
    folder = source.parent
    if source.parts[0] == "faults" and len(source.parts) > 2:
        return str("tests" / folder.parent / f"test_{folder.name}.py")
    return mirror(path)


def has_code(tree: ast.Module) -> bool:
    collecting = (ast.Expr, ast.Import, ast.ImportFrom, ast.Assign)  # docstring, names, __all__
    return not all(isinstance(node, collecting) for node in tree.body)


def has_tests(path: Path) -> bool:
    """A function or class that pytest collects, also one that inherits its tests from a contract."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    names = [node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)]
    return any(name.startswith(("test", "Test")) for name in names)


def test_every_module_has_a_test_module_of_the_mirrored_name(sources: Sources, repository: Path) -> None:
    missing = []
    for each in [*sources("aiovdi"), *sources("faults")]:
        if each.path in ELSEWHERE or not each.path.endswith("__init__.py") or has_code(each.tree):
            wanted = ELSEWHERE.get(each.path, mirror(each.path))
            if not (repository / wanted).is_file():
                wanted = mirror_of_folder(each.path)
            if not (repository / wanted).is_file():
                missing.append(f"{each.path}: there is no {wanted}")
            elif not has_tests(repository / wanted):
                missing.append(f"{each.path}: {wanted} tests nothing")
    assert not missing, "\n".join(missing)


def test_every_exception_from_the_mirror_is_still_needed(repository: Path) -> None:
    needless = [
        path for path in ELSEWHERE if not (repository / path).is_file() or (repository / mirror(path)).is_file()
    ]
    assert not needless, "\n".join(needless)
