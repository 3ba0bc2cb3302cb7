"""A machine for one boot at a time: QEMU in software emulation, its disk at an NBD server.

Rule 1: nothing waits for a while. A boot ends when the guest powers off, or fails at its time limit.
Rule 2: an error of the disk is told to the guest: QEMU does not pause it, and repeats a request only
    where it may reconnect.
Rule 3: what the guest and its kernel say is printed, for pytest shows it when a test fails.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

__all__ = ["Machine"]

BOOT_S_MAX = 300
"""A boot and its steps take 5 to 10 s where there is a core to spare."""

_FACT = "= "
_HARDWARE = ["-machine", "pc,accel=tcg", "-cpu", "max", "-m", "256"]
_NOTHING_ELSE = ["-nodefaults", "-no-user-config", "-no-reboot", "-display", "none"]


@dataclass(frozen=True)
class Machine:
    """What stays the same from boot to boot."""

    qemu: Path
    kernel: Path
    root: Path
    """The initramfs."""
    console: Path
    """Where the kernel's messages of the last boot are."""

    @asynccontextmanager
    async def boot(
        self, steps: str, variables: Mapping[str, int], socket: Path, *, reconnect_s: int = 0
    ) -> AsyncIterator[AsyncIterator[list[str]]]:
        """Boot, take ``steps`` of init.sh with ``variables``, power off.

        The disk is the export at the unix ``socket``. If its server goes, requests fail, or wait
        ``reconnect_s`` for another server. Yields what the guest says, each fact as its words;
        the body has to end before ``BOOT_S_MAX``, as has the guest.
        """
        command = [*self._command(), "-append", _kernel_line(steps, variables), *_disk(socket, reconnect_s)]
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        try:
            async with asyncio.timeout(BOOT_S_MAX):
                yield _facts(process)
                assert await process.wait() == 0
        except TimeoutError:
            pytest.fail(f"the guest has not powered off within {BOOT_S_MAX} s")
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
            print(self.console.read_text(errors="replace"))

    def _command(self) -> list[str | Path]:
        ports = ["-serial", f"file:{self.console}", "-serial", "stdio"]
        return [self.qemu, *_HARDWARE, *_NOTHING_ELSE, *ports, "-kernel", self.kernel, "-initrd", self.root]


def _kernel_line(steps: str, variables: Mapping[str, int]) -> str:
    """The kernel hands on what it does not know: NAME=VALUE in the environment of init, what is behind -- to it."""
    environment = " ".join(f"{name}={value}" for name, value in variables.items())
    return f"console=ttyS0 quiet panic=-1 {environment} -- {steps}"


def _disk(socket: Path, reconnect_s: int) -> list[str]:
    """QEMU's options for a virtio disk at ``socket``."""
    if not reconnect_s:
        source = f"file=nbd+unix:///?socket={socket}"
    else:  # no URI says this
        source = f"file.driver=nbd,file.server.type=unix,file.server.path={socket},file.reconnect-delay={reconnect_s}"
    return ["-drive", f"{source},format=raw,if=virtio,discard=unmap,rerror=report,werror=report"]


async def _facts(process: asyncio.subprocess.Process) -> AsyncIterator[list[str]]:
    assert process.stdout is not None
    async for line in process.stdout:
        text = line.decode(errors="replace").rstrip()
        print(text)
        if text.startswith(_FACT):
            yield text.removeprefix(_FACT).split()
