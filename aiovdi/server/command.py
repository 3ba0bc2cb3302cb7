"""A shell command that uses the server, with nbdkit's words for it (nbdkit-captive(1)): ``$uri``, ``$unixsocket``, …"""

import asyncio
import os
import shlex
import socket
from collections.abc import Mapping

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

    If it is cancelled the command gets SIGTERM, and is waited for.
    """
    script = "".join(f"{name}={shlex.quote(value)}\n" for name, value in values.items()) + command
    process = await asyncio.create_subprocess_exec("/bin/sh", "-c", script)
    try:
        status = await process.wait()
    except asyncio.CancelledError:
        if process.returncode is None:
            process.terminate()
        await process.wait()
        raise
    return 128 - status if status < 0 else status
