"""The child says what it does: each request before it begins and after it returned, and what it reads amiss."""

from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

import aiovdi
from aiovdi.demo import child
from aiovdi.demo.ledger import Event, Kind, Ledger, Record, content
from aiovdi.demo.workload import Workload
from aiovdi.units import SECTOR, MiB

NewImage = Callable[[str], Awaitable[Path]]


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> list[Record]:
    """What the child says, in this process."""
    records: list[Record] = []
    monkeypatch.setattr(child, "tell", records.append)
    return records


async def run(image: Path, **changes: object) -> None:
    workload = Workload(image=str(image), seed=1, requests=60, depth=4, **changes)  # type: ignore[arg-type]
    await child.work(workload, child.open_image)


async def test_each_request_is_announced_and_then_returns(said: list[Record], new_image: NewImage) -> None:
    await run(await new_image("a"), first=100)
    assert [record.event for record in said[-2:]] == [Event.CLOSING, Event.CLOSED]
    ledger = Ledger()
    for record in said:
        ledger.take(record)
    assert list(ledger.requests) == list(range(100, 160))
    assert ledger.acknowledged == 60
    assert not ledger.under_way


async def test_no_more_requests_are_under_way_than_the_depth(said: list[Record], new_image: NewImage) -> None:
    await run(await new_image("a"))
    ledger = Ledger()
    deepest = 0
    for record in said:
        ledger.take(record)
        deepest = max(deepest, len(ledger.under_way))
    assert deepest == 4


async def test_a_request_that_raises_is_no_acknowledgement(
    said: list[Record], new_image: NewImage, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*_: object) -> None:
        raise aiovdi.CorruptImage("no such luck")

    monkeypatch.setattr(child, "_perform", fail)
    await run(await new_image("a"))
    assert {record.event for record in said[:-2]} == {Event.SUBMITTED, Event.RAISED}
    assert "no such luck" in capsys.readouterr().err


async def test_a_sector_that_was_read_at_another_place_is_reported(
    said: list[Record], new_image: NewImage, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = await new_image("a")
    async with aiovdi.open(image, "r+") as disk:
        for offset in range(0, disk.size, MiB):
            await disk.pwrite(content(7, 0, SECTOR) * (MiB // SECTOR), offset)
    await run(image)
    reads = [record for record in said if record.event is Event.RETURNED and record.kind is Kind.READ]
    foreign = [record for record in said if record.event is Event.FOREIGN]
    assert reads
    assert foreign
    assert {record.number for record in foreign} == {7}
    assert all(record.offset for record in foreign)
