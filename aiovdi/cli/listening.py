"""Where ``serve`` listens, and whether it speaks TLS there: what the flags say, or systemd, or nobody."""

import os
import socket
import ssl
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from aiovdi.cli.running import Failure
from aiovdi.nbd.wire import PORT
from aiovdi.server.listening import activated_sockets, tcp_sockets, unix_socket
from aiovdi.server.tls import server_context

__all__ = ["LOCAL", "context_of", "listeners_of"]

LOCAL = "127.0.0.1"


@contextmanager
def listeners_of(path: Path | None, port: int | None, host: str | None) -> Iterator[tuple[list[socket.socket], bool]]:
    """Where to listen, and whether that was our choice."""
    if path is not None and (port is not None or host is not None):
        raise Failure(f"--socket and {'--port' if port is not None else '--bind'} exclude each other")
    if activated := activated_sockets(os.environ):
        with _closing(activated):
            if path is not None or port is not None or host is not None:
                raise Failure("LISTEN_FDS says that systemd has made the sockets, so no --socket, --port or --bind")
            yield activated, False
    elif port is not None or host is not None:
        with _closing(tcp_sockets(host or LOCAL, PORT if port is None else port)) as listeners:
            yield listeners, True
    elif path is not None:
        with unix_socket(path) as listener:
            yield [listener], True
    else:
        with (
            tempfile.TemporaryDirectory(prefix="aiovdi-") as folder,
            unix_socket(Path(folder) / "nbd.sock") as listener,
        ):
            yield [listener], True


@contextmanager
def _closing(listeners: list[socket.socket]) -> Iterator[list[socket.socket]]:
    try:
        yield listeners
    finally:
        for listener in listeners:
            listener.close()


def context_of(cert: Path | None, key: Path | None, authority: Path | None) -> ssl.SSLContext | None:
    """For TLS, if any file of it was named. Raises Failure, or OSError as `server_context`."""
    if cert is None and key is None and authority is None:
        return None
    if cert is None or key is None:
        raise Failure(
            f"TLS needs both --tls-cert and --tls-key, found no {'--tls-cert' if cert is None else '--tls-key'}"
        )
    return server_context(certificate=cert, key=key, authority=authority)
