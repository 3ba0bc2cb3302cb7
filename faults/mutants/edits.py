"""A change of a syntax tree that can be taken back: one field of one node has another value for a moment.

So that a file is parsed once, and all its mutants are printed from the one tree.
"""

import ast
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

__all__ = ["KEPT", "Edit", "done", "each_statement", "head", "inline", "is_docstring", "without"]

KEPT = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Import, ast.ImportFrom, ast.Pass, ast.Assert)
"""Statements that no mutant changes."""


class Edit(NamedTuple):
    """What one mutant changes."""

    operator: str
    owner: ast.AST
    field: str
    value: Any
    """What the field of ``owner`` holds instead."""
    line: int
    text: str
    """The mutated source, in one line, and what it becomes where that is not clear from the operator."""


@contextmanager
def done(edit: Edit) -> Iterator[None]:
    """Within it the tree is the mutated one."""
    old = getattr(edit.owner, edit.field)
    setattr(edit.owner, edit.field, edit.value)
    try:
        yield
    finally:
        setattr(edit.owner, edit.field, old)


def inline(node: ast.AST) -> str:
    """The source of an expression or a statement, in one line."""
    return " ".join(ast.unparse(node).split())


def head(node: ast.AST) -> str:
    """The same; of a compound statement only its first line."""
    return inline(node) if not hasattr(node, "body") or isinstance(node, ast.expr) else ast.unparse(node).split("\n")[0]


def each_statement(node: ast.AST) -> Iterator[tuple[str, list[ast.stmt], int, ast.stmt]]:
    """The statements that stand directly in ``node``: the field that holds their block, the block, the place in it."""
    for field in ("body", "orelse", "finalbody"):
        block = getattr(node, field, None)
        for at, statement in enumerate(block if isinstance(block, list) else []):
            if not isinstance(statement, KEPT) and not is_docstring(statement):
                yield field, list(block or []), at, statement


def is_docstring(statement: ast.stmt) -> bool:
    """Whether it is nothing but a constant."""
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)


def without(block: list[ast.stmt], at: int, *instead: ast.stmt) -> list[ast.stmt]:
    """The block with others in the place of one of its statements, and never empty."""
    return [*block[:at], *instead, *block[at + 1 :]] or [ast.Pass()]
