"""``info``: errors in one line, locks as asked."""

import asyncio
import subprocess
from collections.abc import Callable
from pathlib import Path

import aiovdi as library

Aiovdi = Callable[..., tuple[int, str, str]]
Process = Callable[..., subprocess.CompletedProcess[bytes]]


def test_a_file_that_is_not_there_is_named(tmp_path: Path, aiovdi: Aiovdi) -> None:
    assert aiovdi("info", tmp_path / "x") == (1, "", f"aiovdi: {tmp_path / 'x'}: No such file or directory\n")


def test_a_header_that_contradicts_itself_is_told_with_field_and_place(vdi: Path, aiovdi: Aiovdi) -> None:
    with vdi.open("r+b") as file:
        file.seek(0x178)
        file.write((3).to_bytes(4, "little"))
    status, out, err = aiovdi("info", vdi)
    assert (status, out) == (1, "")
    assert err.startswith(f"aiovdi: {vdi}: cbBlock at offset 376: found 3, expected a power of two")


async def test_an_image_in_use_is_told_only_when_shared(vdi: Path, process: Process) -> None:
    async with library.open(vdi, "r+"):
        refused = await asyncio.to_thread(process, "info", vdi)
        shared = await asyncio.to_thread(process, "info", "-U", vdi)
    assert refused.returncode == 1
    assert b"open for writing" in refused.stderr
    assert (shared.returncode, shared.stdout.splitlines()[1]) == (0, b"file format: vdi")
