"""Mistakes of time: a step is taken before what it must wait for, or nobody waits at all."""

import ast
from collections.abc import Callable, Iterator

from faults.mutants.edits import Edit, each_statement, head, without

__all__ = ["TIMING"]


def unawaited(node: ast.AST) -> Iterator[Edit]:
    """What was waited for goes on by itself, and nobody hears of its end."""
    for field, block, at, statement in each_statement(node):
        if not isinstance(statement, ast.Expr) or not isinstance(statement.value, ast.Await):
            continue
        waited = statement.value.value
        if isinstance(waited, ast.Call) and not ast.unparse(waited.func).startswith("asyncio."):
            started = ast.Call(_parsed("__import__('asyncio').ensure_future"), [waited], [])
            edit = without(block, at, ast.Expr(started))
            yield Edit("unawaited", node, field, edit, statement.lineno, head(statement))


def short(node: ast.AST) -> Iterator[Edit]:
    """The last step that a ``with`` guards comes after it: a lock is let go before all is done."""
    for field, block, at, guard in each_statement(node):
        if isinstance(guard, ast.With | ast.AsyncWith) and len(guard.body) > 1:
            *guarded, last = guard.body
            less = type(guard)(guard.items, guarded, None)
            edit = without(block, at, less, last)
            yield Edit("short", node, field, edit, guard.lineno, f"{head(guard)} {head(last)}")


def hasty(node: ast.AST) -> Iterator[Edit]:
    """What a ``finally`` does is done before and not after."""
    for field, block, at, guard in each_statement(node):
        if isinstance(guard, ast.Try) and guard.finalbody and not guard.handlers:
            text = "finally: " + "; ".join(map(head, guard.finalbody))
            yield Edit("hasty", node, field, without(block, at, *guard.finalbody, *guard.body), guard.lineno, text)


def ahead(node: ast.AST) -> Iterator[Edit]:
    """A step comes before all that is waited for in its block. (What it stands next to: ``swap``.)"""
    for field, block, at, statement in each_statement(node):
        first = next((place for place, each in enumerate(block[:at]) if _waits(each)), at)
        between = block[first:at]
        if len(between) < 2 or _waits(statement) or _leaves(statement) or _locals_set(between) & _names(statement):
            continue
        moved = [*block[:first], statement, *between, *block[at + 1 :]]
        text = f"{head(statement)} before {head(block[first])}"
        yield Edit("ahead", node, field, moved, block[first].lineno, text)


def _parsed(code: str) -> ast.expr:
    return ast.parse(code, mode="eval").body


def _waits(statement: ast.stmt) -> bool:
    return any(isinstance(each, ast.Await | ast.AsyncWith | ast.AsyncFor) for each in ast.walk(statement))


def _leaves(statement: ast.stmt) -> bool:
    return any(isinstance(each, ast.Return | ast.Raise | ast.Continue | ast.Break) for each in ast.walk(statement))


def _names(statement: ast.stmt) -> set[str]:
    return {each.id for each in ast.walk(statement) if isinstance(each, ast.Name)}


def _locals_set(statements: list[ast.stmt]) -> set[str]:
    """Local names that are given a value in these."""
    walked = (each for statement in statements for each in ast.walk(statement))
    return {each.id for each in walked if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Store)}


TIMING: tuple[Callable[[ast.AST], Iterator[Edit]], ...] = (unawaited, short, hasty, ahead)
