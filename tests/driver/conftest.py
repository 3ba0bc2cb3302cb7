"""What the tests of the driver share: a storage under full control, and small images."""

from collections.abc import AsyncIterator, Callable

import pytest

from aiovdi.driver.disk import Disk
from tests.driver.gated import GatedStorage

Check = Callable[[Disk], None]


@pytest.fixture
def no_leftovers() -> Callable[[Disk], None]:
    """``no_leftovers(disk)``: no lock, pin, hold, entry or I/O is left of any request."""

    def check(disk: Disk) -> None:
        assert len(disk._locks) == 0
        assert not disk._pins
        assert not disk._metadata._pending
        assert not disk._metadata._settlers
        assert not disk._lifecycle.count
        held = sum(disk._blockmap._holds.values())
        assert held == len(disk._metadata._unsettled)

    return check


@pytest.fixture(autouse=True)
async def gates_open_at_the_end() -> AsyncIterator[None]:
    """A test that fails while it holds an I/O fails, and does not hang. What a judge between I/Os found is raised."""
    GatedStorage.instances.clear()
    yield
    for storage in GatedStorage.instances:
        storage.open_gates()
    for complaint in (complaint for storage in GatedStorage.instances for complaint in storage.complaints):
        raise complaint
