"""Which runs come by which line of the real modules: a mutant of a line is tried in those runs alone.

Until a run comes by the mutated line it is the same run, and if it never does it says nothing. So a mistake
on a path that one run in a hundred takes is tried in a hundredth of the time, and the number of runs that
a plain search needs is still known.
"""

import ast
from collections import defaultdict
from collections.abc import Iterator

__all__ = ["PROBE", "Reach", "probed"]

PROBE = "__came_by__"

Reach = dict[str, dict[int, list[int]]]
"""For each module, for each line of a statement, the seeds of the runs that came by, ascending."""


def probed(source: str) -> str:
    """``source``, which calls ``PROBE`` with its line before each statement of a function."""
    tree = ast.parse(source)
    for function in ast.walk(tree):
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
            for owner, field, block in list(_blocks(function)):
                setattr(owner, field, list(_with_probes(block)))
    return ast.unparse(ast.fix_missing_locations(tree))


def _blocks(node: ast.AST) -> Iterator[tuple[ast.AST, str, list[ast.stmt]]]:
    """The lists of statements in a function, but not those of functions in it: their turn comes."""
    for field in ("body", "orelse", "finalbody", "handlers"):
        block = getattr(node, field, None)
        if not isinstance(block, list):
            continue
        if field != "handlers" and block:
            yield node, field, block
        for child in block:
            if not isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                yield from _blocks(child)


def _with_probes(block: list[ast.stmt]) -> Iterator[ast.stmt]:
    for statement in block:
        if not (isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)):
            call = ast.Call(ast.Name(PROBE, ast.Load()), [ast.Constant(statement.lineno)], [])
            yield ast.Expr(call)
        yield statement


class Reached:
    """Collects what the probes say, run by run."""

    def __init__(self, modules: list[str]) -> None:
        self.lines: dict[str, set[int]] = {module: set() for module in modules}
        self.seeds: dict[str, defaultdict[int, list[int]]] = {module: defaultdict(list) for module in modules}

    def end_run(self, seed: int) -> None:
        """Whatever was come by since the last call belongs to this run."""
        for module, lines in self.lines.items():
            for line in lines:
                self.seeds[module][line].append(seed)
            lines.clear()
