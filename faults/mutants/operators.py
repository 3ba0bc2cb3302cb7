"""The mutants of a module: every operator at every place of every function, each once.

An *operator* is a kind of mistake. It looks at one node of the syntax tree and says which changes it would
make there. Docstrings, annotations and asserts are left alone, and so is what stands outside functions.
"""

import ast
import inspect
from collections.abc import Callable, Iterator
from typing import NamedTuple

from faults.mutants.edits import Edit, done
from faults.mutants.expressions import EXPRESSIONS
from faults.mutants.statements import STATEMENTS
from faults.mutants.timing import TIMING

__all__ = ["OPERATORS", "Mutant", "mutants_of"]

OPERATORS: dict[str, Callable[[ast.AST], Iterator[Edit]]] = {
    each.__name__: each for each in STATEMENTS + TIMING + EXPRESSIONS
}


class Mutant(NamedTuple):
    """A module with one mistake in it."""

    module: str
    function: str
    """Qualified: ``Class.method``."""
    line: int
    operator: str
    text: str
    """What is mistaken. With module, function and operator it names the mutant, however the lines move."""
    source: str
    """The whole module."""
    reach: int
    """A run that does not come by this line of the real module is the same with the mutant."""

    def __str__(self) -> str:
        return f"{self.module}:{self.line} {self.function}: {self.operator} {self.text}"


def describe() -> list[str]:
    """A line for each operator."""
    return [f"{name:10} {inspect.getdoc(each)}" for name, each in OPERATORS.items()]


def mutants_of(module: str, source: str) -> list[Mutant]:
    """Every mutant of ``module``, in the order of its lines; none is the module itself, none comes twice."""
    tree = ast.parse(source)
    seen = {ast.unparse(tree)}
    mutants = []
    for function, node in _functions(tree, ""):
        for edit, reach in _edits(node):
            with done(edit):
                mutated = ast.unparse(ast.fix_missing_locations(tree))
            if mutated not in seen:
                seen.add(mutated)
                mutants.append(Mutant(module, function, edit.line, edit.operator, edit.text, mutated, reach))
    return sorted(mutants, key=lambda each: each.line)


def _functions(node: ast.AST, path: str) -> Iterator[tuple[str, ast.stmt]]:
    """The outermost functions, with what stands in them."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.ClassDef):
            yield from _functions(child, f"{path}{child.name}.")
        elif isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
            yield f"{path}{child.name}", child


def _edits(function: ast.stmt) -> Iterator[tuple[Edit, int]]:
    """Every edit, and the line that a run must come by for it to matter."""
    for node, statement in _within(function, function):
        for of_statements in STATEMENTS + TIMING:
            yield from ((edit, edit.line) for edit in of_statements(node))
        for of_expressions in EXPRESSIONS:
            yield from ((edit, statement.lineno) for edit in of_expressions(node))


def _within(node: ast.AST, statement: ast.stmt) -> Iterator[tuple[ast.AST, ast.stmt]]:
    """``node`` and what stands in it, each with its statement; but for annotations, defaults, decorators, asserts."""
    yield node, statement
    is_function = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    for field, value in ast.iter_fields(node):
        if field in ("annotation", "returns") or (is_function and field != "body"):
            continue
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.AST) and not isinstance(child, ast.Assert):
                yield from _within(child, child if isinstance(child, ast.stmt) else statement)
