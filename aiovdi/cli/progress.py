"""``-p``: a bar on a terminal, else qemu-img's percentages. On stderr, so that stdout stays a report."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

from aiovdi.jobs.copying import Progress

__all__ = ["progress"]


@contextmanager
def progress(wanted: bool, *, label: str) -> Iterator[Progress | None]:
    """What a job tells its progress to, if that is ``wanted``."""
    with nullcontext() if not wanted else _bar(label) if sys.stderr.isatty() else _percentages() as tell:
        yield tell


@contextmanager
def _bar(label: str) -> Iterator[Progress]:
    from rich import progress as bars  # noqa: PLC0415
    from rich.console import Console  # noqa: PLC0415  (slow to import, and needed here only)

    size, speed = bars.DownloadColumn(binary_units=True), bars.TransferSpeedColumn()
    columns = "{task.description}", bars.BarColumn(), size, speed, bars.TimeRemainingColumn()
    with bars.Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task(label, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


@contextmanager
def _percentages() -> Iterator[Progress]:
    shown = ""

    def tell(done: int, total: int) -> None:
        nonlocal shown
        text = f"    ({100 * done / total:.2f}/100%)\r"
        if text != shown:
            shown = text
            print(text, end="", file=sys.stderr, flush=True)

    try:
        yield tell
    finally:
        print(file=sys.stderr)
