"""O1 to P4 of the 2011 report: lost by the driver of 2011, kept by this one, and told as it was seen."""

import pytest

from aiovdi.demo import report
from aiovdi.demo.report import play, table
from aiovdi.driver.disk import Disk
from aiovdi.units import BlockIndex, Slot


async def test_the_driver_of_2011_loses_what_it_acknowledged_and_this_one_does_not() -> None:
    then, now = await play()
    assert (then.is_kept, now.is_kept) == (False, True)
    for column in (then, now):
        assert column.steps["O5"] == "told: Input/output error"
        assert column.steps["P4"] == "told: done"


async def test_they_part_where_the_report_says() -> None:
    then, now = await play()
    # O2: the entry is set in memory before the data is on the disk. P2: data alone, because there is an entry.
    assert then.steps["O2"].endswith("set")
    assert then.steps["P2"].endswith("asked: data")
    assert now.steps["O2"].endswith("not yet")
    assert now.steps["P2"].endswith("data, entry")


async def test_the_table_has_a_line_for_each_letter() -> None:
    lines = table(await play())
    assert [line[:2] for line in lines] == ["  ", "O1", "O2", "O3", "O4", "O5", "P1", "P2", "P3", "P4", "  "]
    assert max(map(len, lines)) <= 116


async def test_a_disk_with_that_bug_is_told_as_what_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    async def publish_only(self: Disk, block: BlockIndex, slot: Slot) -> None:
        self._publish(block, slot)

    monkeypatch.setattr(Disk, "_commit", publish_only)
    _, now = await report.play()
    assert not now.is_kept
    assert now.steps[""].endswith("GONE")
