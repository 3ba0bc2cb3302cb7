"""What ``qemu-img check`` says about an image, where QEMU is installed.

It has one error for a count of slots that is too low, which loses data, and one that is too high, as
after a kill, which loses space: "allocated blocks mismatch". Both end with status 2.
"""

import asyncio
import shutil
from pathlib import Path

__all__ = ["ERRORS", "SOUND", "check"]

SOUND, ERRORS = 0, 2
"""Exit statuses; 1 is an image that QEMU does not open (qemu-img(1))."""


async def check(path: Path) -> tuple[int, str] | None:
    """Exit status of ``qemu-img check`` and the first thing that it said; None without QEMU."""
    program = shutil.which("qemu-img")
    if program is None:
        return None
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        program, "check", "-f", "vdi", str(path), stdout=pipe, stderr=asyncio.subprocess.STDOUT
    )
    output, _ = await process.communicate()
    said = [line for line in output.decode(errors="replace").splitlines() if line]
    assert process.returncode is not None
    return process.returncode, said[0] if said else ""
