"""Mistakes that are made within a statement: a condition, a bound, a name too many, a weaker kind of wait."""

import ast
import copy
from collections.abc import Callable, Iterator
from typing import Any

from faults.mutants.edits import Edit, inline

__all__ = ["EXPRESSIONS"]

_BOUNDS: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
}
_WEAKER = {"min": "max", "max": "min", "all": "any", "any": "all", "sorted": "list"}


def _slots(node: ast.AST) -> Iterator[tuple[str, int | None, ast.expr]]:
    """Where an expression stands: field, place in it, and what stands there."""
    for field, value in ast.iter_fields(node):
        if isinstance(value, ast.expr):
            yield field, None, value
        elif isinstance(value, list):
            yield from ((field, at, each) for at, each in enumerate(value) if isinstance(each, ast.expr))


def _put(node: ast.AST, field: str, at: int | None, value: Any) -> Any:
    if at is None:
        return value
    items = list(getattr(node, field))
    items[at] = value
    return items


def _instead(operator: str, node: ast.AST, place: tuple[str, int | None, ast.expr], value: ast.expr) -> Edit:
    field, at, old = place
    return Edit(operator, node, field, _put(node, field, at, value), old.lineno, f"{inline(old)} → {inline(value)}")


def turn(node: ast.AST) -> Iterator[Edit]:
    """A condition means its opposite."""
    if isinstance(node, ast.If | ast.While | ast.IfExp):
        opposite = ast.UnaryOp(ast.Not(), node.test)
        yield Edit("turn", node, "test", opposite, node.test.lineno, inline(node.test))
    if isinstance(node, ast.comprehension):
        for at, test in enumerate(node.ifs):
            opposite = ast.UnaryOp(ast.Not(), test)
            yield Edit("turn", node, "ifs", _put(node, "ifs", at, opposite), test.lineno, inline(test))


def drop(node: ast.AST) -> Iterator[Edit]:
    """One part of ``and`` or ``or`` is missing, or a condition of a comprehension."""
    for place in _slots(node):
        if isinstance(place[2], ast.BoolOp):
            for at in range(len(place[2].values)):
                rest = [value for number, value in enumerate(place[2].values) if number != at]
                yield _instead("drop", node, place, rest[0] if len(rest) == 1 else ast.BoolOp(place[2].op, rest))
    if isinstance(node, ast.comprehension):
        for at, test in enumerate(node.ifs):
            yield Edit("drop", node, "ifs", [*node.ifs[:at], *node.ifs[at + 1 :]], test.lineno, f"if {inline(test)}")


def bound(node: ast.AST) -> Iterator[Edit]:
    """Off by one: a comparison that takes the border in or leaves it out, a number, a ``+ 1``."""
    for place in _slots(node):
        old = place[2]
        if isinstance(old, ast.Compare) and len(old.ops) == 1:
            yield _instead("bound", node, place, ast.Compare(old.left, [_BOUNDS[type(old.ops[0])]()], old.comparators))
        elif isinstance(old, ast.Compare):
            for at, operator in enumerate(old.ops):
                ops = [*old.ops[:at], _BOUNDS[type(operator)](), *old.ops[at + 1 :]]
                yield _instead("bound", node, place, ast.Compare(old.left, ops, old.comparators))
        elif isinstance(old, ast.BinOp) and isinstance(old.op, ast.Add | ast.Sub):
            if isinstance(old.right, ast.Constant):
                yield _instead("bound", node, place, old.left)
            else:
                opposite = ast.Sub() if isinstance(old.op, ast.Add) else ast.Add()
                yield _instead("bound", node, place, ast.BinOp(old.left, opposite, old.right))
        elif isinstance(old, ast.Constant) and type(old.value) is int:
            yield Edit(
                "bound",
                node,
                place[0],
                _put(node, place[0], place[1], ast.Constant(old.value + 1)),
                old.lineno,
                f"{inline(node)}: {old.value} → {old.value + 1}",
            )


def flip(node: ast.AST) -> Iterator[Edit]:
    """True for False, and the other way round; and what is handed on by name as a switch."""
    for field, at, old in _slots(node):
        if isinstance(old, ast.Constant) and isinstance(old.value, bool):
            value = _put(node, field, at, ast.Constant(not old.value))
            yield Edit("flip", node, field, value, old.lineno, inline(node))


def argument(node: ast.AST) -> Iterator[Edit]:
    """A keyword argument is not handed on."""
    if isinstance(node, ast.Call):
        for at, keyword in enumerate(node.keywords):
            rest = [*node.keywords[:at], *node.keywords[at + 1 :]]
            yield Edit("argument", node, "keywords", rest, node.lineno, f"{inline(node)}: {inline(keyword)}")


def weaker(node: ast.AST) -> Iterator[Edit]:
    """A weaker form of the same: a wait that a cancel breaks off, parts nobody waits for, ``min`` for ``max``."""
    for place in _slots(node):
        call = place[2]
        if not isinstance(call, ast.Call):
            continue
        name = inline(call.func)
        if name in _WEAKER:
            other = copy.copy(call)
            other.func = ast.Name(_WEAKER[name], ast.Load())
            yield _instead("weaker", node, place, other)
        elif name in ("to_the_end", "join"):
            yield _instead("weaker", node, place, call.args[0])
        elif name.startswith("Settling"):
            yield _instead("weaker", node, place, _parsed("__import__('asyncio').Future()"))
        elif name == "settle_all":
            other = copy.copy(call)
            other.func = _parsed("__import__('asyncio').gather")
            yield _instead("weaker", node, place, other)


def narrow(node: ast.AST) -> Iterator[Edit]:
    """A handler that forgets cancels: ``Exception`` for ``BaseException``."""
    if isinstance(node, ast.ExceptHandler) and isinstance(node.type, ast.Name) and node.type.id == "BaseException":
        yield Edit("narrow", node, "type", ast.Name("Exception", ast.Load()), node.lineno, "except BaseException")


def _parsed(code: str) -> ast.expr:
    return ast.parse(code, mode="eval").body


EXPRESSIONS: tuple[Callable[[ast.AST], Iterator[Edit]], ...] = (turn, drop, bound, flip, argument, weaker, narrow)
