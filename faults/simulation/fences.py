"""What is not simulated fails loudly, because a run that reaches outside could not be replayed.

Two fences. ``FencedLoop`` refuses every method of an asyncio loop that needs the machine: sockets,
threads, signals, subprocesses. ``walls`` stands around the run itself, for code that goes past the
loop: it refuses files, sockets, threads, processes, and the clocks of ``time``.

Rule 1: the walls bind the thread that runs, and it alone. A progress bar beside it may open files.
Rule 2: importing is no I/O of the run; a module may be read at its first use.
Rule 3: a clock that was taken before (``from time import monotonic``) is beyond reach.
"""

import asyncio
import sys
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import wraps
from threading import get_ident
from typing import Any

__all__ = ["FencedLoop", "NotSimulated", "walls"]

_EVENTS = (
    *("open", "mmap.", "os.truncate", "os.remove", "os.rename", "os.link"),
    *("socket.", "_thread.start", "subprocess.", "os.fork", "os.exec", "os.posix_spawn", "os.system"),
)
"""Beginnings of the names of audit events: https://docs.python.org/3/library/audit_events.html."""

_CODE = (".py", ".pyc", ".so")
_CLOCKS = ("time", "time_ns", "monotonic", "monotonic_ns", "perf_counter", "perf_counter_ns", "sleep")


class NotSimulated(RuntimeError):
    """A run reached for something outside the simulation, so it could not be replayed."""


def _fence(name: str) -> Any:  # a method of whatever type the base class says
    def refuse(*args: object, **kwargs: object) -> Any:  # noqa: ARG001
        raise NotSimulated(f"loop.{name} reaches outside the simulation")

    return refuse


class FencedLoop(asyncio.AbstractEventLoop):
    """A loop that refuses all that needs the machine. The simulation provides the rest."""

    add_reader = _fence("add_reader")
    add_signal_handler = _fence("add_signal_handler")
    add_writer = _fence("add_writer")
    call_soon_threadsafe = _fence("call_soon_threadsafe")
    connect_accepted_socket = _fence("connect_accepted_socket")
    connect_read_pipe = _fence("connect_read_pipe")
    connect_write_pipe = _fence("connect_write_pipe")
    create_connection = _fence("create_connection")
    create_datagram_endpoint = _fence("create_datagram_endpoint")
    create_server = _fence("create_server")
    create_unix_connection = _fence("create_unix_connection")
    create_unix_server = _fence("create_unix_server")
    get_exception_handler = _fence("get_exception_handler")
    get_task_factory = _fence("get_task_factory")
    getaddrinfo = _fence("getaddrinfo")
    getnameinfo = _fence("getnameinfo")
    remove_reader = _fence("remove_reader")
    remove_signal_handler = _fence("remove_signal_handler")
    remove_writer = _fence("remove_writer")
    run_forever = _fence("run_forever")
    run_in_executor = _fence("run_in_executor")
    sendfile = _fence("sendfile")
    set_default_executor = _fence("set_default_executor")
    set_exception_handler = _fence("set_exception_handler")
    set_task_factory = _fence("set_task_factory")
    sock_accept = _fence("sock_accept")
    sock_connect = _fence("sock_connect")
    sock_recv = _fence("sock_recv")
    sock_recv_into = _fence("sock_recv_into")
    sock_recvfrom = _fence("sock_recvfrom")
    sock_recvfrom_into = _fence("sock_recvfrom_into")
    sock_sendall = _fence("sock_sendall")
    sock_sendfile = _fence("sock_sendfile")
    sock_sendto = _fence("sock_sendto")
    start_tls = _fence("start_tls")
    stop = _fence("stop")
    subprocess_exec = _fence("subprocess_exec")
    subprocess_shell = _fence("subprocess_shell")


class _Walls:
    """The thread around which they stand; 0: none."""

    within = 0
    is_watching = False


def walls() -> AbstractContextManager[None]:
    """Until the block is left, this thread reaches nothing outside the simulation without NotSimulated."""
    return _Standing()


class _Standing:
    """Not a generator: a run of a few steps would spend a tenth of its time in those."""

    def __enter__(self) -> None:
        if not _Walls.is_watching:
            _Walls.is_watching = True
            sys.addaudithook(_audit)  # for the life of the process, hence the flag
        self._outer = _Walls.within
        _Walls.within = get_ident()
        time.__dict__.update(_FENCED_CLOCKS)
        threading.Thread.start = _FENCED_START  # type: ignore[method-assign]

    def __exit__(self, *_: object) -> None:
        _Walls.within = self._outer
        if not self._outer:
            time.__dict__.update(_REAL_CLOCKS)
            threading.Thread.start = _REAL_START  # type: ignore[method-assign]


def _audit(event: str, arguments: tuple[Any, ...]) -> None:
    if _Walls.within and event.startswith(_EVENTS) and _Walls.within == get_ident():
        if event == "open" and str(arguments[0]).endswith(_CODE):
            return
        raise NotSimulated(f"{event} {arguments[0] if arguments else ''} reaches outside the simulation")


def _fenced(name: str, real: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(real)
    def refuse(*args: Any, **kwargs: Any) -> Any:
        if _Walls.within == get_ident():
            raise NotSimulated(f"{name} reaches outside the simulation; its clock is the loop's time()")
        return real(*args, **kwargs)

    return refuse


# These raise no audit event, or none in every Python.
_REAL_CLOCKS = {name: getattr(time, name) for name in _CLOCKS}
_FENCED_CLOCKS = {name: _fenced(f"time.{name}", real) for name, real in _REAL_CLOCKS.items()}
_REAL_START = threading.Thread.start
_FENCED_START = _fenced("Thread.start", _REAL_START)
