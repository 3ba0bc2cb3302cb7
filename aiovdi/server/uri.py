"""How clients reach an export: NBD URIs (doc/uri.md of NetworkBlockDevice/nbd), and what else they take."""

import ipaddress
import os
import socket
from urllib.parse import quote

from aiovdi.nbd.wire import PORT

__all__ = ["is_unix", "legacy_name", "uri"]


def is_unix(listener: socket.socket) -> bool:
    """It listens at a path."""
    return listener.family == socket.AF_UNIX


def uri(listener: socket.socket, export: str = "", *, tls: bool = False) -> str:
    """The URI of ``export`` at ``listener``. An address that stands for all is told as this machine."""
    scheme = "nbds" if tls else "nbd"
    name = quote(export, safe="")
    if is_unix(listener):
        return f"{scheme}+unix:///{name}?socket={quote(os.fsdecode(listener.getsockname()), safe='/')}"
    host, port = _host_and_port(listener)
    return f"{scheme}://{host}{'' if port == PORT else f':{port}'}/{name}"


def legacy_name(listener: socket.socket, export: str = "") -> str:
    """The same in QEMU's older spelling, ``nbd:unix:PATH`` or ``nbd:HOST:PORT``."""
    suffix = f":exportname={export}" if export else ""
    if is_unix(listener):
        return f"nbd:unix:{os.fsdecode(listener.getsockname())}{suffix}"
    host, port = _host_and_port(listener)
    return f"nbd:{host}:{port}{suffix}"


def _host_and_port(listener: socket.socket) -> tuple[str, int]:
    host, port = listener.getsockname()[:2]
    address = ipaddress.ip_address(host.partition("%")[0])
    if address.is_unspecified:
        host = "localhost"
    return f"[{host}]" if address.version == 6 and ":" in host else host, port
