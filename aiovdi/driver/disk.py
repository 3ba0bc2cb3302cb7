"""The disk: what it offers, and what every change has in common: admitted, begun with a session, vouched for.

The promises are those of the README. The order in which a change reaches the storage is `writepath`'s.
"""

from aiovdi.driver.writepath import WritePath
from aiovdi.settling import Settling
from aiovdi.units import ReadableBuffer, as_bytes_view

__all__ = ["Disk"]


class Disk(WritePath):
    """A virtual disk over the image that a storage holds. Any number of requests may be under way.

    A disk belongs to the event loop it was opened in. Offsets and lengths are in bytes and need no
    alignment; an unaligned write never touches its neighbours.
    """

    # Requests

    async def pwrite(self, data: ReadableBuffer, offset: int, *, fua: bool = False) -> None:
        """Write all of ``data`` at ``offset`` of the disk.

        When it returns, every later read sees the data, and it survives close, process exit and
        ``kill -9``. With ``fua`` (or ``cache="writethrough"``) it survives power loss too. When it
        raises, each sector of the range is old or new and no other sector has changed; trying again is
        safe. When it is cancelled the same holds, and nothing of it lands later: ``data`` may be changed
        again once this has returned or raised.

        Raises:
            OutOfRange: the range does not lie within the disk. Nothing was done.
            ReadOnlyImage, ImageClosed: nothing was done.
            DiskFailed: a flush failed earlier.
            CorruptImage: a touched block shares its slot with another, or its entry points nowhere.
            StorageError: the storage failed. With errno ENOSPC or EFBIG it is full.
        """
        view = as_bytes_view(data)
        self._admit_change(len(view), offset)
        if not len(view):
            return
        durable = fua or self._write_through
        with self._lifecycle:
            if not durable and await self._write_at_once(view, offset):
                return
            await self._prologue()
            await self._write(view, offset, fua=durable)
            self._vouch()

    async def write_zeroes(self, length: int, offset: int, *, fua: bool = False) -> None:
        """Make ``length`` bytes from ``offset`` read as zeros. Raises as ``pwrite`` does.

        Mapped blocks are zeroed in place, by a hole where the storage can punch one; unmapped ones cost nothing.
        """
        await self._change_to_zeros(length, offset, fua=fua or self._write_through)

    async def discard(self, length: int, offset: int) -> None:
        """Say that the content of the range is not needed. It reads as zeros then. Raises as ``pwrite`` does."""
        await self._change_to_zeros(length, offset, fua=False)

    async def flush(self) -> None:
        """When it returns, everything acknowledged before it began survives power loss.

        Raises:
            StorageError: it does not. After a failed flush of the storage the disk has stopped: writes and
                flushes raise DiskFailed until it is opened again, reads go on.
            DiskFailed, ImageClosed: as said.
        """
        self._lifecycle.admit_read()
        self._lifecycle.refuse_if_failed()
        if self._lifecycle.writable:
            with self._lifecycle:
                await self._settle_unsettled()
                await self._flush_storage()

    # A change

    def _admit_change(self, length: int, offset: int) -> None:
        self._lifecycle.admit_change()
        self._check_range(length, offset)

    async def _prologue(self) -> None:
        """Nothing that was read before it counts as stable. Once, before the first change."""
        if not self._session.begun:
            await self._session.begin()

    async def _write_at_once(self, data: memoryview, offset: int) -> bool:
        """Write what needs no step of its own. False: it does, or has failed."""
        told: Settling[bool] = Settling()
        if not self.begin_pwrite(data, offset, told.set_result):
            return False
        is_done = await told
        self._vouch()  # since it was told, a flush may have failed
        return is_done

    async def _change_to_zeros(self, length: int, offset: int, *, fua: bool) -> None:
        self._admit_change(length, offset)
        if not length:
            return
        with self._lifecycle:
            await self._prologue()
            await self._zero(length, offset, fua=fua)
            self._vouch()

    def _vouch(self) -> None:
        """A change is acknowledged after this. If a flush has failed since its I/O ended, it may be gone again:
        some filesystems go back to the old content of a page that they could not write."""
        self._lifecycle.refuse_if_failed()

    # The end

    async def _finish(self) -> None:
        """The closing steps: an exact count, an exact file."""
        await self._session.finish()
