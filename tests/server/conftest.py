"""What the tests of the server share: a server on a real socket, with a disk and clients from `peers`."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from aiovdi.server import Limits, Offer, Server
from aiovdi.server.listening import unix_socket
from tests.server.peers import MemoryExport, Serving


@pytest.fixture
def export() -> MemoryExport:
    return MemoryExport()


@pytest.fixture
def serving(tmp_path: Path) -> Callable[..., Any]:
    """``async with serving(export, limits=…) as it``: a server of it, closed at the end."""

    @asynccontextmanager
    async def serve(
        export: Any, *, limits: Limits | None = None, context: Any = None, **offer: Any
    ) -> AsyncIterator[Serving]:
        server = Server([Offer(export=export, **offer)], limits=limits, context=context)
        with unix_socket(tmp_path / "nbd.sock") as listener:
            await server.listen([listener])
            it = Serving(server, tmp_path / "nbd.sock")
            try:
                yield it
            finally:
                if isinstance(export, MemoryExport):  # a test that fails while something waits fails, and does not hang
                    export.gate.set()
                for client in it.clients:
                    await client.close()
                await server.close()

    return serve


@pytest.fixture
def eventually() -> Callable[[Callable[[], bool]], Awaitable[None]]:
    """``await eventually(lambda: …)``: turn the loop until it holds."""

    async def wait(holds: Callable[[], bool]) -> None:
        async with asyncio.timeout(20):
            while not holds():  # noqa: ASYNC110  (the condition is anybody's)
                await asyncio.sleep(0.001)

    return wait
