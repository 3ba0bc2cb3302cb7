"""A change of a syntax tree that can be taken back: one field of one node has another value for a moment.

So that a file is parsed once, and all its mutants are printed from the one tree.
"""

import ast
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

__all__ = ["Edit", "done", "head", "inline"]


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
