"""``aiovdi serve``: an image over NBD, for a VM, a kernel, libguestfs, nbdcopy or fio.

Without ``--persistent`` it ends when the last client has gone, as qemu-nbd does. SIGTERM, SIGINT and SIGHUP
end it in order: what clients have asked is answered, the image is flushed and closed, the status is 0.
SIGUSR1 shows on stderr what is going on.
"""

import asyncio
import os
import resource
import signal
import socket
import ssl
import sys
import tempfile
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, cast

import typer

from aiovdi.cli.arguments import Share, as_cache, cache_name
from aiovdi.cli.running import Failure
from aiovdi.driver.opening import Aio, Mode, open_disk
from aiovdi.nbd.wire import PORT
from aiovdi.server.command import run_shell, variables
from aiovdi.server.export import Offer
from aiovdi.server.limits import Limits
from aiovdi.server.listening import activated_sockets, tcp_sockets, unix_socket
from aiovdi.server.server import Server
from aiovdi.server.tls import server_context

__all__ = ["new_loop", "serve"]

_LOCAL = "127.0.0.1"
_FILES_MAX = 1 << 16


def _aio_name(text: str) -> str:
    if text not in {"threads", "io_uring"}:
        raise typer.BadParameter(f"found {text!r}, expected 'threads' or 'io_uring'")
    return text


def new_loop() -> asyncio.AbstractEventLoop:
    """The fastest that is installed: the extra ``speed`` brings uvloop."""
    try:
        import uvloop  # noqa: PLC0415  (it may be missing)
    except ModuleNotFoundError:
        return asyncio.new_event_loop()
    return cast("asyncio.AbstractEventLoop", uvloop.new_event_loop())


async def serve(
    image: Annotated[str, typer.Argument()],
    *,
    path: Annotated[
        Path | None, typer.Option("--socket", "-k", metavar="PATH", help="Listen at this path, for its owner only.")
    ] = None,
    port: Annotated[
        int | None, typer.Option("--port", "-p", min=0, max=65535, help="Listen at a TCP port; 0: a free one.")
    ] = None,
    bind: Annotated[
        str | None, typer.Option("--bind", "-b", metavar="HOST", help=f"Not {_LOCAL}. Public ones need TLS.")
    ] = None,
    tls_cert: Annotated[Path | None, typer.Option("--tls-cert", metavar="PEM", help="Our certificate.")] = None,
    tls_key: Annotated[Path | None, typer.Option("--tls-key", metavar="PEM", help="The key of it.")] = None,
    tls_ca: Annotated[
        Path | None, typer.Option("--tls-ca", metavar="PEM", help="Clients need a certificate of this authority.")
    ] = None,
    read_only: Annotated[bool, typer.Option("--read-only", "-r", help="Clients cannot write.")] = False,
    export: Annotated[str, typer.Option("--export", "-x", metavar="NAME", help="What clients ask for.")] = "",
    persistent: Annotated[bool, typer.Option("--persistent", "-t", help="Go on after the last client.")] = False,
    command: Annotated[
        str | None, typer.Option("--run", metavar="CMD", help="Run a shell command with $uri, then end.")
    ] = None,
    shared: Annotated[int, typer.Option("--shared", "-e", min=1, metavar="N", help="Clients at once.")] = 1024,
    cache: Annotated[str, typer.Option("--cache", parser=cache_name, metavar="CACHE")] = "writeback",
    aio: Annotated[str | None, typer.Option("--aio", parser=_aio_name, metavar="threads|io_uring")] = None,
    share: Share = False,
) -> int:
    """Serve IMAGE over NBD: at a unix socket, or at --port, and print the URI."""
    context = _context(tls_cert, tls_key, tls_ca)
    _allow_many_files()
    mode: Mode = "r" if read_only or share else "r+"
    with _listeners(path, port, bind) as (listeners, is_ours):
        async with open_disk(image, mode, cache=as_cache(cache), aio=cast("Aio | None", aio), lock=not share) as disk:
            offer = Offer(export=disk, name=export, description=Path(image).name, read_only=mode == "r")
            server = Server([offer], limits=Limits(connections_max=shared), context=context)
            await server.listen(listeners)
            if command is not None:
                work = run_shell(command, variables(listeners[0], export, tls=context is not None))
            else:
                work = _wait(server, persistent=persistent, announced=is_ours)
            with _statistics_on_signal(server):
                return await _until_the_end(work, server)


async def _wait(server: Server, *, persistent: bool, announced: bool) -> int:
    if announced:  # whoever has made the socket knows where it is
        print(*server.uris(), sep="\n", flush=True)
    await (asyncio.Event().wait() if persistent else server.deserted())
    return 0


async def _until_the_end(work: Coroutine[Any, Any, int], server: Server) -> int:
    """The status of ``work``, once all that clients have asked is done. A signal ends the work, and is no failure."""
    try:
        return await work
    except asyncio.CancelledError:
        task = asyncio.current_task()
        assert task is not None
        task.uncancel()
        return 0
    finally:
        await server.close()


@contextmanager
def _listeners(path: Path | None, port: int | None, host: str | None) -> Iterator[tuple[list[socket.socket], bool]]:
    """Where to listen, and whether that was our choice."""
    if path is not None and (port is not None or host is not None):
        raise Failure("--socket and --port exclude each other")
    if activated := activated_sockets(os.environ):
        with _closing(activated):
            yield activated, False
    elif port is not None or host is not None:
        with _closing(tcp_sockets(host or _LOCAL, PORT if port is None else port)) as listeners:
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


def _context(cert: Path | None, key: Path | None, authority: Path | None) -> ssl.SSLContext | None:
    if cert is None and key is None and authority is None:
        return None
    if cert is None or key is None:
        raise Failure("TLS needs both --tls-cert and --tls-key")
    return server_context(certificate=cert, key=key, authority=authority)


def _allow_many_files() -> None:
    """A connection is a file, and the usual limit is 1024."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _FILES_MAX if hard == resource.RLIM_INFINITY else min(hard, _FILES_MAX)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


@contextmanager
def _statistics_on_signal(server: Server) -> Iterator[None]:
    loop = asyncio.get_running_loop()

    def show() -> None:
        print(*server.lines(), sep="\n", file=sys.stderr, flush=True)

    loop.add_signal_handler(signal.SIGUSR1, show)
    try:
        yield
    finally:
        loop.remove_signal_handler(signal.SIGUSR1)
