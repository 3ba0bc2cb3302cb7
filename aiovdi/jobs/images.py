"""Open an image of either format: VDI by its signature, raw when it has none, or what the caller says.

The text at the start of a file decides nothing: each maker writes another one. A guest that controls
a raw disk can write a VDI signature into it, so name the format of a disk that you do not trust.
"""

import os
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, aclosing, asynccontextmanager, contextmanager
from typing import Final, Literal, Protocol, TypeAlias, cast

from aiovdi.driver.extents import Extent
from aiovdi.driver.opening import Aio, Cache, Mode, Target, lock_storage, open_disk
from aiovdi.errors import VDIError
from aiovdi.format.fields import SIGNATURE, V1
from aiovdi.jobs.raw import RawDisk
from aiovdi.storage import open_file
from aiovdi.storage.base import Storage, read_full
from aiovdi.units import ReadableBuffer, WriteableBuffer

__all__ = ["AIO", "Format", "Image", "closing", "image_of", "naming", "open_image", "open_storage", "probe"]

Format: TypeAlias = Literal["vdi", "raw"]

AIO: Final[Aio] = "threads"
"""For whole-image jobs: a ring gains nothing for I/O of a megabyte, and its library takes time to import."""

_NOTE = "image: "


class Image(Protocol):
    """What whole-image jobs need of a disk; `aiovdi.Disk` and `aiovdi.jobs.raw.RawDisk` have it."""

    @property
    def size(self) -> int: ...
    async def preadinto(self, buffer: WriteableBuffer, offset: int) -> int: ...
    async def pwrite(self, data: ReadableBuffer, offset: int) -> None: ...
    async def write_zeroes(self, length: int, offset: int) -> None: ...
    def extents(self, length: int | None = None, offset: int = 0) -> AsyncIterator[Extent]: ...
    async def flush(self) -> None: ...


def closing(extents: AsyncIterator[Extent]) -> AbstractAsyncContextManager[AsyncIterator[Extent]]:
    """``async with closing(image.extents()) as extents``: a walk that is left early ends at once.

    What it holds, for a raw image a thread, goes with it. Without this a loop that raises would leave that
    to the garbage collector, behind a traceback that still refers to it.
    """
    return aclosing(cast("AsyncGenerator[Extent, None]", extents))


async def probe(storage: Storage) -> Format:
    """The format of what ``storage`` holds, by the four bytes at offset 64. Raises StorageError."""
    signature = V1["signature"]
    raw = bytearray(signature.end)
    await read_full(storage, memoryview(raw)[: storage.size], 0)
    return "vdi" if signature.load(bytes(raw)) == SIGNATURE else "raw"


@asynccontextmanager
async def open_image(
    target: Target,
    mode: Mode = "r",
    *,
    format: Format | None = None,  # noqa: A002  (qemu-img's word)
    cache: Cache = "writeback",
    lock: bool = True,
) -> AsyncIterator[Image]:
    """``async with open_image(...) as image``: a `Disk` or a `RawDisk`, closed at the end.

    Args:
        target: a path, or a ``Storage``, which is neither locked nor closed.
        mode: ``"r"`` or ``"r+"``.
        format: None looks for itself.
        cache, lock: as for ``aiovdi.open``.

    Raises:
        FormatError: a VDI image that cannot be opened in this mode.
        ImageLocked, StorageError, OSError: as ``aiovdi.open``. The path stands in a note.
    """
    async with open_storage(target, writable=mode == "r+", cache=cache, lock=lock) as storage:
        with naming(target):
            is_vdi = (format or await probe(storage)) == "vdi"
            image = await open_disk(storage, mode, cache=cache) if is_vdi else RawDisk(storage, writable=mode == "r+")
        async with image:
            yield image


@asynccontextmanager
async def open_storage(
    target: Target, *, writable: bool = False, cache: Cache = "writeback", lock: bool = True
) -> AsyncIterator[Storage]:
    """The bytes of an image, locked as an image is. Raises as ``open_image`` does."""
    if not isinstance(target, str | os.PathLike):
        yield target
        return
    async with AsyncExitStack() as opened:
        storage = await open_file(target, writable=writable, cache=cache, aio=AIO)
        opened.push_async_callback(storage.close)
        if lock:
            opened.callback(await lock_storage(storage, writable=writable, path=os.fspath(target)))
        yield storage


@contextmanager
def naming(target: Target) -> Iterator[None]:
    """Note on an error from inside which image it is about: a header knows offsets, not paths."""
    try:
        yield
    except VDIError as error:
        if isinstance(target, str | os.PathLike):
            error.add_note(_NOTE + os.fspath(target))
        raise


def image_of(error: BaseException) -> str | None:
    """The path of the image that ``error`` is about, where that was noted."""
    notes: list[str] = getattr(error, "__notes__", [])
    return next((note.removeprefix(_NOTE) for note in notes if note.startswith(_NOTE)), None)
