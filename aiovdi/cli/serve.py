"""``aiovdi serve``: an image over NBD, for a VM, a kernel, libguestfs, nbdcopy or fio.

Without ``--persistent`` it ends when the last client has gone, as qemu-nbd does. SIGTERM, SIGINT and SIGHUP
end it in order: what clients have asked is answered, the image is flushed and closed, the status is 0.
SIGUSR1 shows on stderr what is going on.
"""

import asyncio
import os
import resource
import signal
import sys
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, cast

import typer

from aiovdi.cli.arguments import Share, as_cache, cache_name, parse_port, parse_seconds
from aiovdi.cli.listening import LOCAL, context_of, listeners_of
from aiovdi.cli.running import Failure
from aiovdi.driver.opening import Aio, Mode, open_disk
from aiovdi.jobs.images import naming
from aiovdi.nbd.wire import STRING_MAX
from aiovdi.server.command import run_shell, variables
from aiovdi.server.export import Offer
from aiovdi.server.limits import Limits
from aiovdi.server.server import Server
from aiovdi.storage.nbd_uri import is_uri
from aiovdi.storage.zeroing import can_punch_holes

__all__ = ["new_loop", "serve"]

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
    image: Annotated[str, typer.Argument(help="A VDI image: a file, a block device or an NBD URI.")],
    *,
    path: Annotated[
        Path | None,
        typer.Option("--socket", "-k", metavar="PATH", help="Listen at this Unix socket, for its owner only."),
    ] = None,
    port: Annotated[
        int | None,
        typer.Option("--port", "-p", parser=parse_port, metavar="PORT", help="Listen at this TCP port; 0: a free one."),
    ] = None,
    bind: Annotated[
        str | None,
        typer.Option(
            "--bind",
            "-b",
            metavar="HOST",
            help=f"TCP address, {LOCAL} by default. Any that is not this machine's alone needs TLS.",
        ),
    ] = None,
    tls_cert: Annotated[
        Path | None, typer.Option("--tls-cert", metavar="PEM", help="TLS, for all: the server's certificate.")
    ] = None,
    tls_key: Annotated[
        Path | None, typer.Option("--tls-key", metavar="PEM", help="The key of that certificate, without a password.")
    ] = None,
    tls_ca: Annotated[
        Path | None,
        typer.Option("--tls-ca", metavar="PEM", help="Let in only clients with a certificate of this authority."),
    ] = None,
    read_only: Annotated[bool, typer.Option("--read-only", "-r", help="Clients cannot write.")] = False,
    export: Annotated[
        str, typer.Option("--export", "-x", metavar="NAME", help="The name that clients ask for; none by default.")
    ] = "",
    persistent: Annotated[
        bool, typer.Option("--persistent", "-t", help="Go on when the last client has gone.")
    ] = False,
    command: Annotated[
        str | None,
        typer.Option(
            "--run",
            metavar="CMD",
            help="Run a shell command with $uri, $unixsocket, $port, $nbd, $exportname and $tls set; end with it.",
        ),
    ] = None,
    shared: Annotated[
        int, typer.Option("--shared", "-e", min=1, metavar="N", help="At most so many clients at once.")
    ] = 1024,
    timeout: Annotated[
        float,
        typer.Option(
            "--timeout",
            parser=parse_seconds,
            metavar="SECONDS",
            help="Drop a client that is silent for so long, with nothing under way; 0: never.",
        ),
    ] = 0.0,
    handshake_limit: Annotated[
        float,
        typer.Option(
            "--handshake-limit",
            parser=parse_seconds,
            metavar="SECONDS",
            help="Drop a client that is no further by then than the handshake; 0: never.",
        ),
    ] = 10.0,
    cache: Annotated[
        str,
        typer.Option(
            "--cache",
            parser=cache_name,
            metavar="CACHE",
            help="writeback, none, writethrough, directsync or unsafe, as QEMU has them.",
        ),
    ] = "writeback",
    aio: Annotated[
        str | None,
        typer.Option("--aio", parser=_aio_name, metavar="AIO", help="threads or io_uring; by default what works here."),
    ] = None,
    share: Share = False,
) -> int:
    """Serve IMAGE over NBD: at a unix socket, or at --port, and print the URI."""
    _check_name(export)
    context = context_of(tls_cert, tls_key, tls_ca)
    limits = Limits(connections_max=shared, idle_seconds=timeout or None, handshake_seconds=handshake_limit or None)
    _allow_many_files()
    mode: Mode = "r" if read_only or share else "r+"
    with listeners_of(path, port, bind) as (listeners, is_ours):
        with naming(image):
            disk = await open_disk(image, mode, cache=as_cache(cache), aio=cast("Aio | None", aio), lock=not share)
        async with disk:
            offer = Offer(
                export=disk,
                name=export,
                description=Path(image).name,
                read_only=mode == "r",
                fast_zero=mode == "r+" and await _zeroes_fast(image),
            )
            server = Server([offer], limits=limits, context=context)
            await server.listen(listeners)
            if command is not None:
                work = run_shell(command, variables(listeners[0], export, tls=context is not None))
            else:
                work = _wait(server, persistent=persistent, announced=is_ours)
            with _statistics_on_signal(server):
                return await _until_the_end(work, server)


async def _zeroes_fast(image: str) -> bool:
    """Zeros in a mapped block are a hole, and cost nothing elsewhere. What an NBD export makes of them, who knows."""
    return not is_uri(image) and await asyncio.to_thread(can_punch_holes, image)


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


def _check_name(export: str) -> None:
    if (length := len(os.fsencode(export))) > STRING_MAX:
        raise Failure(f"--export: found a name of {length} bytes, expected at most {STRING_MAX}")


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
