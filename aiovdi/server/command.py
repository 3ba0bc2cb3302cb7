"""A shell command that uses the server, with nbdkit's words for it (nbdkit-captive(1)): ``$uri``, ``$unixsocket``, …"""

import asyncio
import os
import shlex
import signal
import socket
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from aiovdi.server.uri import is_unix, legacy_name, uri

__all__ = ["run_shell", "variables"]


def variables(listener: socket.socket, export: str = "", *, tls: bool = False) -> dict[str, str]:
    """What a command can refer to. A variable that has no meaning here is empty."""
    at_path = is_unix(listener)
    return {
        "uri": uri(listener, export, tls=tls),
        "unixsocket": os.fsdecode(listener.getsockname()) if at_path else "",
        "port": "" if at_path else str(listener.getsockname()[1]),
        "nbd": legacy_name(listener, export),
        "exportname": export,
        "tls": "1" if tls else "",
    }


async def run_shell(command: str, values: Mapping[str, str]) -> int:
    """Run ``command`` with the shell variables ``values``; returns its exit status, or 128 and a signal.

    If it is cancelled the shell and what it has started get SIGTERM, and the shell is waited for.
    """
    script = "".join(f"{name}={shlex.quote(value)}\n" for name, value in values.items()) + command
    process = await asyncio.create_subprocess_exec("/bin/sh", "-c", script)
    try:
        status = await process.wait()
    except asyncio.CancelledError:
        if process.returncode is None:
            _terminate(process.pid)
        await process.wait()
        raise
    return 128 - status if status < 0 else status


def _terminate(shell: int) -> None:
    """Without its children: a shell that dies leaves what it waits for behind. They cannot have a process group of
    their own, because then a command that talks with the user would not get the terminal."""
    for process in [shell, *_descendants(shell)]:
        with suppress(ProcessLookupError):
            os.kill(process, signal.SIGTERM)


def _descendants(process: int) -> Iterator[int]:
    """What it has started, and what they have; none where the system does not tell (proc_pid_task(5))."""
    try:
        children = Path(f"/proc/{process}/task/{process}/children").read_text(encoding="ascii")
    except OSError:
        return
    for child in map(int, children.split()):
        yield child
        yield from _descendants(child)
