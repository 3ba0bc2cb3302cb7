"""What all connections share is made once, and each export has a name of its own."""

import asyncio
from typing import Any

import pytest

from aiovdi.server.commons import Commons, Requests
from aiovdi.server.export import Offer
from aiovdi.server.limits import Limits


def test_exports_are_found_by_name(export: Any) -> None:
    first, second = Offer(export=export), Offer(export=export, name="b")
    commons = Commons.of([first, second], Limits(pool_bytes=5), None)
    assert commons.offers == {"": first, "b": second}
    assert commons.pool.size == 5
    assert commons.tls == "off"


def test_two_exports_of_one_name_are_refused(export: Any) -> None:
    with pytest.raises(ValueError, match="two exports are named 'a'"):
        Commons.of([Offer(export=export, name="a"), Offer(export=export, name="a")], Limits(), None)


async def test_a_task_is_held_until_it_is_done() -> None:
    under_way = Requests()
    task = asyncio.create_task(asyncio.sleep(0))
    under_way.keep(task)
    assert under_way._tasks == {task}
    await task
    await asyncio.sleep(0)
    assert not under_way._tasks
