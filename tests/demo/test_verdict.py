"""The judge sees each kind of damage, and names it; of an image that is as promised it has nothing to say."""

from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

import aiovdi
from aiovdi.demo.ledger import Event, Kind, Ledger, Record, content
from aiovdi.demo.verdict import Rule, Verdict, judge
from aiovdi.units import SECTOR, MiB

NewImage = Callable[[str], Awaitable[Path]]

ELSEWHERE = 3 * MiB


class Pair:
    """An image before and an image after, and a ledger of what came between."""

    def __init__(self, before: Path, after: Path) -> None:
        self.before = before
        self.after = after
        self.ledger = Ledger()

    def say(self, story: str, *, kind: Kind = Kind.WRITE, offset: int = 0, length: int = SECTOR) -> None:
        events = {"s": Event.SUBMITTED, "r": Event.RETURNED}
        for word in story.split():
            self.ledger.take(Record(events[word[0]], kind, int(word[1:]), offset, length))

    async def put(self, data: bytes, offset: int = 0, *, both: bool = False) -> None:
        for image in (self.before, self.after) if both else (self.after,):
            async with aiovdi.open(image, "r+") as disk:
                await disk.pwrite(data, offset)

    async def judge(self) -> Verdict:
        async with aiovdi.open(self.before) as before, aiovdi.open(self.after) as after:
            return await judge(self.ledger, before=before, after=after)


@pytest.fixture
async def pair(new_image: NewImage) -> Pair:
    pair = Pair(await new_image("before"), await new_image("after"))
    await pair.put(b"\xaa" * 4 * SECTOR, both=True)
    return pair


async def test_what_was_acknowledged_is_there(pair: Pair) -> None:
    pair.say("s1 r1", length=2 * SECTOR)
    pair.say("s2 r2", kind=Kind.FLUSH, length=0)
    pair.say("s3 r3", offset=2 * MiB)
    await pair.put(content(1, 0, 2 * SECTOR))
    await pair.put(content(3, 2 * MiB, SECTOR), 2 * MiB)
    verdict = await pair.judge()
    assert verdict.held
    assert (verdict.acknowledged, verdict.flushed, verdict.old, verdict.new) == (3, 2, 0, 0)
    assert verdict.untouched == 2 * MiB // SECTOR - 3  # two blocks are stored


async def test_a_lost_write_is_found(pair: Pair) -> None:
    pair.say("s1 r1")
    verdict = await pair.judge()
    assert verdict.broken == {Rule.ACKNOWLEDGED: 1}
    assert "expected write 1" in str(verdict.wrong[0])


async def test_a_lost_write_that_was_flushed_is_worse(pair: Pair) -> None:
    pair.say("s1 r1")
    pair.say("s2 r2", kind=Kind.FLUSH, length=0)
    assert (await pair.judge()).broken == {Rule.FLUSHED: 1}


async def test_a_lost_write_to_a_block_that_stayed_unmapped_is_found(pair: Pair) -> None:
    pair.say("s1 r1", offset=ELSEWHERE)
    verdict = await pair.judge()
    assert verdict.broken == {Rule.ACKNOWLEDGED: 1}
    assert verdict.wrong[0].found == "zeros"


async def test_an_older_write_is_no_substitute_for_the_last_one(pair: Pair) -> None:
    pair.say("s1 r1 s2 r2")
    await pair.put(content(1, 0, SECTOR))
    assert (await pair.judge()).broken == {Rule.ACKNOWLEDGED: 1}


async def test_a_write_under_way_may_have_reached_any_of_its_sectors(pair: Pair) -> None:
    pair.say("s1", length=3 * SECTOR)
    await pair.put(content(1, SECTOR, SECTOR), SECTOR)
    verdict = await pair.judge()
    assert verdict.held
    assert (verdict.acknowledged, verdict.old, verdict.new) == (0, 2, 1)


async def test_a_sector_torn_between_old_and_new_is_found(pair: Pair) -> None:
    pair.say("s1")
    await pair.put(content(1, 0, SECTOR)[:100])
    assert (await pair.judge()).broken == {Rule.UNDER_WAY: 1}


async def test_a_sector_of_another_place_is_named(pair: Pair) -> None:
    pair.say("s1 r1", offset=ELSEWHERE)
    await pair.put(content(1, ELSEWHERE, SECTOR), ELSEWHERE)
    await pair.put(content(1, ELSEWHERE, SECTOR), 2 * SECTOR)
    verdict = await pair.judge()
    assert verdict.broken == {Rule.UNTOUCHED: 1}
    assert verdict.wrong[0].offset == 2 * SECTOR
    assert verdict.wrong[0].found == f"what write 1 put to {ELSEWHERE}"


async def test_bytes_in_a_block_that_nobody_wrote_to_are_found(pair: Pair) -> None:
    await pair.put(b"\xbb", ELSEWHERE + 7)
    assert (await pair.judge()).broken == {Rule.UNTOUCHED: 1}


async def test_zeros_that_were_acknowledged_must_be_zeros(pair: Pair) -> None:
    pair.say("s1 r1", kind=Kind.WRITE_ZEROES)
    assert (await pair.judge()).broken == {Rule.ACKNOWLEDGED: 1}
    await pair.put(bytes(SECTOR))
    assert (await pair.judge()).held


async def test_of_much_damage_all_is_counted_and_the_first_is_shown(pair: Pair) -> None:
    await pair.put(b"\xbb" * MiB, ELSEWHERE)
    verdict = await pair.judge()
    assert verdict.broken == {Rule.UNTOUCHED: MiB // SECTOR}
    assert 0 < len(verdict.wrong) < 100
