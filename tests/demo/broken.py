"""A child whose disk has the bug of 2011: it acknowledges a write whose bmap entry only memory has."""

from unittest.mock import patch

from aiovdi.demo import child
from aiovdi.driver import opening
from aiovdi.driver.disk import Disk
from aiovdi.units import BlockIndex, Slot


class ForgetfulDisk(Disk):
    """An allocation is published, and its entry never brought to the storage."""

    async def _commit(self, block: BlockIndex, slot: Slot) -> None:
        self._publish(block, slot)


if __name__ == "__main__":
    with patch.object(opening, "Disk", ForgetfulDisk):
        child.main()
