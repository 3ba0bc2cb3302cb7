"""What it all ran on: without it a figure cannot be compared with anything, and with it only with care."""

import datetime
import os
import platform
import subprocess
from collections.abc import Iterable
from importlib import metadata
from pathlib import Path

from benchmarks.row import Row

__all__ = ["describe", "filesystem_of", "versions"]

_REPOSITORY = Path(__file__).resolve().parents[1]


def describe(scratch: Path) -> dict[str, str]:
    """Name to value, all text, of the machine and of the code under test."""
    return {
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "cpu": f"{_cpu_model()}, {len(os.sched_getaffinity(0))} of {os.cpu_count()} cores",
        "memory": f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 2**30:.1f} GiB",
        "load": " ".join(f"{load:.2f}" for load in os.getloadavg()),
        "kernel": f"{platform.system()} {platform.release()}",
        "distribution": _distribution(),
        "filesystem": filesystem_of(scratch),
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "aiovdi": f"{metadata.version('aiovdi')} ({_commit()})",
    }


def versions(rows: Iterable[Row]) -> dict[str, str]:
    """Every need of ``rows`` to its version, or to why it is missing."""
    needs = {need.name: need for row in rows for side in row.sides for need in side.needs}
    return {
        name: f"missing: {reason}" if (reason := need.missing()) else need.version()
        for name, need in sorted(needs.items())
    }


def filesystem_of(path: Path) -> str:
    """Type and options of the filesystem on which ``path`` lies. The last mount that covers it counts."""
    best: tuple[int, str] = (-1, "unknown")
    for line in Path("/proc/self/mountinfo").read_text(encoding="utf-8").splitlines():
        # proc_pid_mountinfo(5): "... mount-point options [optional fields] - type source super-options"
        before, _, after = line.partition(" - ")
        place, options = before.split(" ")[4:6]
        if path.resolve().is_relative_to(place) and len(place) >= best[0]:
            best = (len(place), f"{after.split(' ')[0]} ({options})")
    return best[1]


def _cpu_model() -> str:
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _distribution() -> str:
    try:
        return platform.freedesktop_os_release()["PRETTY_NAME"]
    except OSError:
        return "unknown"


def _commit() -> str:
    """The commit that is checked out, and whether files differ from it."""
    command = ["git", "-C", str(_REPOSITORY), "describe", "--always", "--dirty", "--abbrev=12"]
    try:
        answer = subprocess.run(command, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return "no commit"
    return answer.stdout.strip()
