"""A result as text, for the eye, and as JSON, which keeps every sample.

Losing results look like all others: each pair is shown with its ratio, its spread and its bar.
"""

import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from benchmarks.harness import Comparison, Result, Spread
from benchmarks.row import Metric

__all__ = ["as_json", "quantity", "text_of", "text_of_machine"]

_INDENT = "    "
_BYTES = (("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10))
_SECONDS = (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6))
_COUNTS = (("M", 1e6), ("k", 1e3))


def quantity(value: float, unit: str) -> str:
    """``value``, given in the base unit, with three digits and the prefix that fits it."""
    if unit == "s":
        return _scaled(value, _SECONDS, _SECONDS[-1])
    if unit in {"B", "B/s"}:
        return _scaled(value, _BYTES, ("B", 1)) + unit[1:]
    return _scaled(value, tuple((f"{prefix} {unit}", factor) for prefix, factor in _COUNTS), (unit, 1))


def _scaled(value: float, scale: Sequence[tuple[str, float]], smallest: tuple[str, float]) -> str:
    name, factor = next(((name, factor) for name, factor in scale if value >= factor), smallest)
    return f"{_three_digits(value / factor)} {name}"


def _three_digits(value: float) -> str:
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"


# Text


def text_of(result: Result) -> str:
    """One row, as a paragraph with two tables: what each side did, and the ratios."""
    row = result.row
    parts = [row.name, f"{_INDENT}{row.question}", "", textwrap.indent(row.compared, _INDENT), ""]
    if result.error is None:
        parts += _indented(_table(_side_lines(result)))
    else:
        parts += [f"{_INDENT}FAILED: {result.error}"]
    if comparisons := list(result.comparisons()):
        parts += ["", *_indented(_table([_comparison_line(each) for each in comparisons]))]
    parts += ["", f"{_INDENT}{_rounds(result.rounds)} in {result.seconds:.1f} s"]
    return "\n".join(parts) + "\n"


def text_of_machine(facts: Mapping[str, str]) -> str:
    """Name and value, one a line."""
    return "\n".join(_table([[name, value] for name, value in facts.items()])) + "\n"


def _rounds(count: int) -> str:
    return "1 round" if count == 1 else f"{count} rounds"


def _side_lines(result: Result) -> Iterator[list[str]]:
    yield ["", *(metric.name for metric in result.row.metrics)]
    for side in result.row.sides:
        if (reason := result.missing.get(side.name)) is not None:
            yield [side.name, f"missing: {reason}"]
        else:
            yield [side.name, *(_cell(result.values(side.name, metric), metric) for metric in result.row.metrics)]


def _cell(values: Sequence[float], metric: Metric) -> str:
    if not values:
        return "–"
    spread = Spread.of(values)
    ends = f"{quantity(spread.low, metric.unit)} – {quantity(spread.high, metric.unit)}"
    return f"{quantity(spread.median, metric.unit)}  ({ends})"


def _comparison_line(each: Comparison) -> list[str]:
    ratio = (
        f"{_three_digits(each.ratio.median)} x  ({_three_digits(each.ratio.low)} – {_three_digits(each.ratio.high)})"
    )
    bar = f"floor {each.bar.floor:g}, aim {each.bar.aim:g}" if each.bar else ""
    return [each.metric.name, f"{each.ours} beside {each.peer}", ratio, bar, each.verdict.value]


def _table(lines: Iterable[Sequence[str]]) -> list[str]:
    """Columns as wide as their widest cell; the last cell of a line takes no part, since nothing follows it."""
    lines = list(lines)
    widths: dict[int, int] = {}
    for line in lines:
        for column, cell in enumerate(line[:-1]):
            widths[column] = max(widths.get(column, 0), len(cell))
    return [
        "   ".join(cell.ljust(widths.get(column, 0)) for column, cell in enumerate(line)).rstrip() for line in lines
    ]


def _indented(lines: Iterable[str]) -> list[str]:
    return [_INDENT + line for line in lines]


# JSON


def as_json(
    results: Iterable[Result], *, machine: Mapping[str, str], versions: Mapping[str, str], quick: bool
) -> dict[str, Any]:
    """Everything that was measured, in base units: seconds, bytes, or something per second."""
    return {"machine": machine, "versions": versions, "quick": quick, "rows": [_row_as_json(each) for each in results]}


def _row_as_json(result: Result) -> dict[str, Any]:
    row = result.row
    return {
        "name": row.name,
        "question": row.question,
        "compared": row.compared,
        "rounds": result.rounds,
        "seconds": result.seconds,
        "error": result.error,
        "sides": [
            {
                "name": side.name,
                "role": "ours" if side in row.ours else "peer",
                "missing": result.missing.get(side.name),
                "metrics": dict(_metrics_as_json(result, side.name)),
            }
            for side in row.sides
        ],
        "comparisons": [_comparison_as_json(each) for each in result.comparisons()],
    }


def _metrics_as_json(result: Result, side: str) -> Iterator[tuple[str, Any]]:
    for metric in result.row.metrics:
        if samples := result.values(side, metric):
            yield metric.name, {"unit": metric.unit, **Spread.of(samples)._asdict(), "samples": samples}


def _comparison_as_json(each: Comparison) -> dict[str, Any]:
    return {
        "metric": each.metric.name,
        "ours": each.ours,
        "peer": each.peer,
        "ratio": each.ratio._asdict(),
        "floor": each.bar and each.bar.floor,
        "aim": each.bar and each.bar.aim,
        "verdict": each.verdict.value,
    }
