"""Mistakes that are made with whole statements: forgotten, or too early; a lock, a roll-back, a wait."""

import ast
import copy
from collections.abc import Callable, Iterator

from faults.mutants.edits import KEPT, Edit, each_statement, head, is_docstring, without

__all__ = ["STATEMENTS"]

_PLAIN = {
    "len",
    "min",
    "max",
    "range",
    "list",
    "dict",
    "set",
    "sorted",
    "bytes",
    "bytearray",
    "memoryview",
    "bit_length",
}
_LEAVES = (ast.Return, ast.Raise, ast.Continue, ast.Break)


def _commute(first: ast.stmt, second: ast.stmt) -> bool:
    """Whether the order of two plain assignments cannot matter: nothing is waited for, nor read of the other."""
    if not all(isinstance(each, ast.Assign | ast.AnnAssign | ast.AugAssign) for each in (first, second)):
        return False
    for each in (*ast.walk(first), *ast.walk(second)):
        if isinstance(each, ast.Await) or (isinstance(each, ast.Call) and not _is_harmless(each)):
            return False
    return not (_written(first) & _named(second) or _written(second) & _named(first))


def _is_harmless(call: ast.Call) -> bool:
    """A constructor, or a function of plain values."""
    name = ast.unparse(call.func).split("[")[0].rpartition(".")[2]
    return name.lstrip("_")[:1].isupper() or name in _PLAIN


def _named(statement: ast.stmt) -> set[str]:
    return {ast.unparse(each) for each in ast.walk(statement) if isinstance(each, ast.Name | ast.Attribute)}


def _written(statement: ast.stmt) -> set[str]:
    places = (each for each in ast.walk(statement) if isinstance(getattr(each, "ctx", None), ast.Store))
    return {ast.unparse(each.value if isinstance(each, ast.Subscript) else each) for each in places}


def delete(node: ast.AST) -> Iterator[Edit]:
    """A statement is missing. (Not one that gives a local variable its first value: that fails at once.)"""
    for field, block, at, statement in each_statement(node):
        is_local = isinstance(statement, ast.Assign | ast.AnnAssign) and all(
            isinstance(name, ast.Name | ast.Tuple) for name in getattr(statement, "targets", [None])
        )
        is_compound = hasattr(statement, "body") and not isinstance(statement, ast.If)
        if not is_local and not is_compound and not isinstance(statement, ast.AnnAssign | ast.Raise):
            yield Edit("delete", node, field, without(block, at), statement.lineno, head(statement))


def swap(node: ast.AST) -> Iterator[Edit]:
    """Two neighbouring steps come in the other order. (Not those that make the parts of an object.)"""
    if getattr(node, "name", "") == "__init__":
        return
    for field, block, at, second in each_statement(node):
        first = block[at - 1] if at else None
        if first is None or isinstance(first, (*KEPT, *_LEAVES)) or is_docstring(first):
            continue
        if not isinstance(second, _LEAVES) and not _commute(first, second):
            swapped = [*block[: at - 1], second, first, *block[at + 1 :]]
            yield Edit("swap", node, field, swapped, first.lineno, f"{head(first)} ⇄ {head(second)}")


def unlock(node: ast.AST) -> Iterator[Edit]:
    """What a ``with`` guards runs without the guard."""
    for field, block, at, statement in each_statement(node):
        if isinstance(statement, ast.With | ast.AsyncWith):
            yield Edit("unlock", node, field, without(block, at, *statement.body), statement.lineno, head(statement))


def swallow(node: ast.AST) -> Iterator[Edit]:
    """An error is not handed on: a ``raise`` is missing, or what failed is waited for and not looked at."""
    for field, block, at, statement in each_statement(node):
        if isinstance(statement, ast.Raise):
            edit = without(block, at, ast.Pass())
        elif isinstance(statement, ast.Expr | ast.Assign) and isinstance(statement.value, ast.Await):
            handler = ast.ExceptHandler(ast.Name("Exception", ast.Load()), None, [ast.Pass()])
            edit = without(block, at, ast.Try([statement], [handler], [], []))
        else:
            continue
        yield Edit("swallow", node, field, edit, statement.lineno, head(statement))


def rollback(node: ast.AST) -> Iterator[Edit]:
    """What an error should undo stays: a handler only hands the error on, or a ``finally`` is missing."""
    if isinstance(node, ast.ExceptHandler) and not isinstance(node.body[0], ast.Raise):
        yield Edit("rollback", node, "body", [ast.Raise()], node.body[0].lineno, head(node))
    if isinstance(node, ast.Try) and node.finalbody:
        text = "finally: " + "; ".join(map(head, node.finalbody))
        if node.handlers:
            yield Edit("rollback", node, "finalbody", [], node.lineno, text)
        else:
            yield Edit("rollback", node, "finalbody", [ast.Pass()], node.lineno, text)


def early(node: ast.AST) -> Iterator[Edit]:
    """A ``finally`` that runs only when all went well."""
    for field, block, at, statement in each_statement(node):
        if isinstance(statement, ast.Try) and statement.finalbody and not statement.handlers:
            flat = without(block, at, *statement.body, *statement.finalbody)
            text = "finally: " + "; ".join(map(head, statement.finalbody))
            yield Edit("early", node, field, flat, statement.lineno, text)


def once(node: ast.AST) -> Iterator[Edit]:
    """What must be looked at again after a wait is looked at once."""
    for field, block, at, statement in each_statement(node):
        if isinstance(statement, ast.While):
            single = ast.If(statement.test, statement.body, statement.orelse)
            if not any(isinstance(each, ast.Break | ast.Continue) for each in ast.walk(statement)):
                yield Edit("once", node, field, without(block, at, single), statement.lineno, head(statement))


def few(node: ast.AST) -> Iterator[Edit]:
    """Of what a loop goes over, only the first is done."""
    for field, block, at, statement in each_statement(node):
        if isinstance(statement, ast.For):
            first = ast.parse("list(0)[:1]", mode="eval").body
            assert isinstance(first, ast.Subscript)
            assert isinstance(first.value, ast.Call)
            first.value.args = [statement.iter]
            loop = ast.For(statement.target, first, statement.body, statement.orelse, None)
            yield Edit("few", node, field, without(block, at, loop), statement.lineno, head(statement))


def sign(node: ast.AST) -> Iterator[Edit]:
    """``+=`` for ``-=``, and the other way round."""
    for field, block, at, statement in each_statement(node):
        if isinstance(statement, ast.AugAssign) and isinstance(statement.op, ast.Add | ast.Sub):
            other = copy.copy(statement)
            other.op = ast.Sub() if isinstance(statement.op, ast.Add) else ast.Add()
            yield Edit("sign", node, field, without(block, at, other), statement.lineno, head(statement))


STATEMENTS: tuple[Callable[[ast.AST], Iterator[Edit]], ...] = (
    delete,
    swap,
    unlock,
    swallow,
    rollback,
    early,
    once,
    few,
    sign,
)
