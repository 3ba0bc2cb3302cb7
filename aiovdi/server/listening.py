"""Sockets to listen on: a path, an address, or what systemd hands over. And which of them need TLS.

Rule 1: a unix socket is its owner's alone (mode 0600) from the moment somebody can connect to it.
Rule 2: plain text goes to this machine only. Any other address needs TLS.
Rule 3: a path that somebody listens on is not taken away; one that a dead server has left is.
"""

import errno
import ipaddress
import os
import socket
import stat
from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager
from pathlib import Path

from aiovdi.server.uri import is_unix

__all__ = ["activated_sockets", "is_private", "tcp_sockets", "unix_socket"]

_BACKLOG = 128
_PATH_MAX = 107  # bytes of sun_path but the NUL: unix(7)
_FIRST_ACTIVATED = 3  # SD_LISTEN_FDS_START of sd_listen_fds(3)


@contextmanager
def unix_socket(path: str | os.PathLike[str]) -> Iterator[socket.socket]:
    """A socket that listens at ``path``, which goes at the end.

    Raises:
        OSError: EADDRINUSE if somebody listens there, ENOTSOCK if there is anything but a socket, ENAMETOOLONG;
            as bind(2).
    """
    name = os.fspath(path)
    if (length := len(os.fsencode(name))) > _PATH_MAX:
        text = f"found a path of {length} bytes, expected at most {_PATH_MAX} for a Unix socket"
        raise OSError(errno.ENAMETOOLONG, text, name)
    _remove_if_deserted(name)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        try:
            listener.bind(name)
        except OSError as error:
            raise OSError(error.errno, error.strerror, name) from error
        identity = _identity(name)
        try:
            Path(name).chmod(0o600)  # nobody can connect before listen
            listener.listen(_BACKLOG)
            yield listener
        finally:
            if _identity(name) == identity:
                Path(name).unlink()
    finally:
        listener.close()


def tcp_sockets(host: str, port: int) -> list[socket.socket]:
    """Sockets that listen at every address of ``host``, all at one port; 0: one that is free.

    Raises:
        OSError: as getaddrinfo(3) and bind(2).
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except OSError as error:
        raise OSError(error.errno, error.strerror, host) from error
    listeners: list[socket.socket] = []
    try:
        for family, kind, protocol, _, address in dict.fromkeys(found):
            listener = socket.socket(family, kind, protocol)
            listeners.append(listener)
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            listener.bind((address[0], port, *address[2:]))
            port = listener.getsockname()[1]
            listener.listen(_BACKLOG)
    except OSError as error:
        for listener in listeners:
            listener.close()
        raise OSError(error.errno, error.strerror, f"{host} port {port}") from error
    return listeners


def activated_sockets(environment: MutableMapping[str, str]) -> list[socket.socket]:
    """The sockets that systemd has opened for this process, as sd_listen_fds(3) says; usually none.

    The variables are taken out of ``environment``, for they are not meant for children.

    Raises:
        ValueError: they are for this process, and not what systemd passes.
    """
    count, pid = environment.get("LISTEN_FDS", ""), environment.get("LISTEN_PID", "")
    if not count or pid != str(os.getpid()):
        return []
    if not count.isdecimal():
        raise ValueError(f"LISTEN_FDS: found {count!r}, expected a number of sockets")
    for name in ("LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES"):
        environment.pop(name, None)
    found = []
    for descriptor in range(_FIRST_ACTIVATED, _FIRST_ACTIVATED + int(count)):
        found.append(_listener(descriptor, count))
        os.set_inheritable(descriptor, False)
    return found


def _listener(descriptor: int, count: str) -> socket.socket:
    """The socket that somebody has left there for us."""
    expected = f"LISTEN_FDS={count}: expected a stream socket that listens as descriptor {descriptor}, found"
    try:
        listener = socket.socket(fileno=descriptor)
    except OSError as error:
        raise ValueError(f"{expected} none: {error.strerror}") from error
    if not listener.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
        listener.detach()  # not ours to close
        raise ValueError(f"{expected} one that does not")
    return listener


def is_private(listener: socket.socket) -> bool:
    """Only this machine can connect to it."""
    if is_unix(listener):
        return True
    return ipaddress.ip_address(listener.getsockname()[0].partition("%")[0]).is_loopback


def _remove_if_deserted(name: str) -> None:
    """Remove a socket that nobody listens on any more. Raises OSError if it is something else, or still in use."""
    if _identity(name) is None:
        return
    if not stat.S_ISSOCK(os.lstat(name).st_mode):
        raise OSError(errno.ENOTSOCK, "found a file or directory, expected nothing or a socket that is left over", name)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.setblocking(False)
        if probe.connect_ex(name) == errno.ECONNREFUSED:
            Path(name).unlink()
        else:
            raise OSError(errno.EADDRINUSE, "somebody listens at this socket already", name)


def _identity(name: str) -> tuple[int, int] | None:
    try:
        found = os.lstat(name)
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino
