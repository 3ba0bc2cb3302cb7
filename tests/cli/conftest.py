"""The command line, run in this process or as one of its own, and one disk in both formats."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from aiovdi.cli import main
from aiovdi.units import MiB


class Said(NamedTuple):
    """Exit status and both outputs of one command."""

    status: int
    out: str
    err: str


@pytest.fixture
def aiovdi(capsys: pytest.CaptureFixture[str]) -> Callable[..., Said]:
    """``aiovdi("info", path)`` runs the command line in this process and returns what it said."""

    def run(*words: object) -> Said:
        capsys.readouterr()
        status = main([str(word) for word in words])
        return Said(status, *capsys.readouterr())

    return run


@pytest.fixture(scope="session")
def process() -> Callable[..., "subprocess.CompletedProcess[bytes]"]:
    """``process("read", path)`` runs the command line as a process, with real pipes."""

    def run(*words: object, given: bytes | None = None) -> subprocess.CompletedProcess[bytes]:
        command = [sys.executable, "-m", "aiovdi", *map(str, words)]
        return subprocess.run(command, input=given, capture_output=True, check=False)

    return run


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    """A raw disk of 4 MiB: ones from 1 MiB on, for 64 KiB; the rest is a hole."""
    path = tmp_path / "disk.raw"
    with path.open("wb") as file:
        file.seek(1 * MiB)
        file.write(b"\1" * 65536)
        file.truncate(4 * MiB)
    return path


@pytest.fixture
def vdi(raw: Path, aiovdi: Callable[..., Said]) -> Path:
    """The same disk as a VDI."""
    path = raw.with_suffix(".vdi")
    assert aiovdi("convert", "-O", "vdi", raw, path) == (0, "", "")
    return path
