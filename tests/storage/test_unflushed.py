"""``cache="unsafe"``: no flush and no FUA reaches the storage below; everything else does."""

from pathlib import Path

from aiovdi.storage import FileStorage, MemoryStorage, UnflushedStorage


class Recording(MemoryStorage):
    """Memory that remembers what was to be made durable."""

    def __init__(self) -> None:
        super().__init__()
        self.durable: list[str] = []

    async def pwrite_some(self, data: memoryview, offset: int, *, fua: bool = False) -> int:
        self.durable += ["write"] * fua
        return await super().pwrite_some(data, offset)

    async def write_zeroes(self, length: int, offset: int, *, fua: bool = False) -> None:
        self.durable += ["zeroes"] * fua
        await super().write_zeroes(length, offset)

    async def flush(self) -> None:
        self.durable.append("flush")


async def test_nothing_is_made_durable_and_everything_is_done() -> None:
    inner = Recording()
    storage = UnflushedStorage(inner)
    await storage.pwrite_some(memoryview(b"abc"), 0, fua=True)
    await storage.write_zeroes(2, 1, fua=True)
    await storage.flush()
    assert inner.durable == []
    assert inner.to_bytes() == b"a\0\0"
    assert storage.size == 3


async def test_the_descriptor_is_that_of_the_storage_below(tmp_path: Path) -> None:
    inner = await FileStorage.open(tmp_path / "x", writable=True, create=True)
    assert UnflushedStorage(inner).fileno() == inner.fileno()
    assert not hasattr(UnflushedStorage(MemoryStorage()), "fileno")
    await inner.close()
