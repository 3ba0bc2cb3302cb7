"""Whatever a client sends, it gets errors or is dropped; the others, and the memory, do not notice."""

import asyncio
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.server.peers import Client, MemoryExport, request

MiB = 1 << 20

HEADERS = st.builds(
    request,
    st.integers(0, 9),
    st.one_of(st.integers(0, 5 * MiB), st.integers(0, (1 << 64) - 1)),
    st.one_of(st.integers(0, 64 << 10), st.integers(0, (1 << 32) - 1)),
    st.binary(max_size=64),
    flags=st.one_of(st.just(0), st.integers(0, (1 << 16) - 1)),
    cookie=st.integers(0, (1 << 64) - 1),
)
OPTIONS = st.builds(
    lambda number, length, data: b"IHAVEOPT" + number.to_bytes(4, "big") + length.to_bytes(4, "big") + data,
    st.one_of(st.integers(0, 12), st.integers(0, (1 << 32) - 1)),
    st.one_of(st.integers(0, 64), st.integers(0, (1 << 32) - 1)),
    st.binary(max_size=64),
)
ENTER = b"\0\0\0\3IHAVEOPT\0\0\0\1\0\0\0\0"
STREAMS = st.one_of(
    st.binary(max_size=200),
    st.lists(OPTIONS, max_size=6).map(lambda parts: b"\0\0\0\3" + b"".join(parts)),
    st.lists(HEADERS, max_size=12).map(lambda parts: ENTER + b"".join(parts)),
)


async def send_all(it: Any, stream: bytes, cuts: list[int]) -> None:
    """Send it in pieces, hang up, and see that the connection ends."""
    client = await it.connect()
    for start, stop in zip([0, *cuts], [*cuts, len(stream)], strict=True):
        client.writer.write(stream[start:stop])
        await asyncio.sleep(0)
    try:
        client.writer.write_eof()
        async with asyncio.timeout(20):
            while await client.reader.read(1 << 16):
                pass
    except OSError:
        pass  # dropped, with bytes of ours still unread
    await client.close()
    it.clients.remove(client)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(st.data())
def test_no_bytes_of_a_client_harm_anybody(serving: Any, data: st.DataObject) -> None:
    stream = data.draw(STREAMS)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=4)))
    complaints: list[Any] = []

    async def main() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(context))
        async with serving(MemoryExport()) as it:
            other: Client = await it.client()
            await send_all(it, stream, cuts)
            assert (await other.whole(Client.WRITE, 0, data=b"still here")).error == 0
            assert it.server._commons.pool.lent == 0
            assert not it.server._commons.under_way.count

    asyncio.run(main())
    assert complaints == []
