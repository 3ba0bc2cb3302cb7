"""The story of ``aiovdi demo``: what was done, and what held.

First O1 to P4 of the 2011 report, in memory, as the driver of that year and this one go through them.
Then the kill. The image is never touched. Everything happens to a copy, and the image stays open and
locked for reading until the end: it is what the untouched part of the copy is compared with.
"""

import asyncio
import random
import tempfile
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from time import perf_counter

from aiovdi.demo import qemu, report
from aiovdi.demo.copying import copy_sparse
from aiovdi.demo.ledger import Kind, Ledger
from aiovdi.demo.nursery import Nursery
from aiovdi.demo.verdict import Rule, Verdict, judge, stored_blocks
from aiovdi.demo.workload import Workload
from aiovdi.driver.creating import create
from aiovdi.driver.opening import open_disk
from aiovdi.driver.reader import Reader
from aiovdi.jobs.check import check
from aiovdi.units import SECTOR, GiB

__all__ = ["demonstrate"]

_FRESH_SIZE = 8 * GiB
_WRONG_SHOWN_MAX = 4


async def demonstrate(
    image: Path | None = None,
    *,
    requests: int = 4000,
    seed: int | None = None,
    keep: Path | None = None,
    tell: Callable[[str], None],
) -> bool:
    """Kill a process that writes to a copy of ``image``, and look at what is left. Returns whether everything held.

    Args:
        image: what to copy; None makes a fresh one. It is only read.
        requests: acknowledged requests after which the process is killed, in the middle of an allocation
            if it comes to one.
        seed: of the requests; None draws one. When the kill arrives is up to the scheduler of the host.
        keep: a folder for the copy, made if needed; None removes everything at the end.
        tell: is given the output line by line.

    Raises:
        VDIError: ``image`` cannot be opened, or its copy not for writing.
        OSError: it cannot be copied; FileExistsError where ``keep`` holds a copy already.
    """
    async with _place(keep) as place:
        if image is None:
            image = place / "before.vdi"
            await create(image, _FRESH_SIZE)
        async with open_disk(image) as before:
            copy = place / "demo.vdi"
            await asyncio.to_thread(copy_sparse, image, copy)
            story = _Story(image, before, copy, tell)
            await story.play_report()
            story.introduce(removed=keep is None)
            workload = Workload(image=str(copy), seed=_seed(seed), requests=requests * 3 // 2)
            ledger = await story.kill(workload, requests)
            await story.reopen(ledger)
            await story.close_cleanly(ledger)
            return story.conclude()


def _seed(seed: int | None) -> int:
    return random.randrange(1 << 32) if seed is None else seed


@asynccontextmanager
async def _place(keep: Path | None) -> AsyncIterator[Path]:
    if keep is None:
        with tempfile.TemporaryDirectory(prefix="aiovdi-demo-") as place:
            yield Path(place)
    else:
        await asyncio.to_thread(keep.mkdir, parents=True, exist_ok=True)
        yield keep


class _Story:
    """One image, one copy, one kill."""

    def __init__(self, image: Path, before: Reader, copy: Path, tell: Callable[[str], None]) -> None:
        self._image = image
        self._before = before
        self._copy = copy
        self._tell = tell
        self._held = True

    async def play_report(self) -> None:
        """The course of events that lost a write in 2011."""
        self._tell("the bug report of 2011, O1 to P4: sector X+1 was acknowledged and flushed")
        then, now = columns = await report.play()
        for line in report.table(columns):
            self._tell(f"  {line}")
        self._hold(now.is_kept, f"aiovdi has it; the driver of 2011 has {'it too' if then.is_kept else 'lost it'}")
        self._tell("")

    def introduce(self, *, removed: bool) -> None:
        """Say what the story is about."""
        fate = "removed at the end" if removed else "kept"
        self._say("image", f"{self._image}, {self._before.size:,} bytes; it is only read")
        self._say("copy", f"{self._copy}, {fate}")

    # The kill

    async def kill(self, workload: Workload, requests: int) -> Ledger:
        """Start the child, kill it after ``requests`` acknowledgements, and tell what that interrupted."""
        mapped = await stored_blocks(self._before, self._before.block_size)
        ledger = Ledger(block_size=self._before.block_size, mapped=mapped)
        patience = requests * 5 // 4  # a full image never comes to an allocation

        def is_time(ledger: Ledger) -> bool:
            done = ledger.acknowledged
            return done >= requests and (done >= patience or bool(ledger.allocating()))

        self._say("child", f"{workload.depth} requests at a time on the copy, drawn from seed {workload.seed}")
        with Nursery() as nursery:
            start = perf_counter()
            await asyncio.to_thread(nursery.raise_and_kill, workload, ledger, is_time)
        self._say("kill -9", f"after {ledger.acknowledged:,} acknowledgements in {perf_counter() - start:.1f} s:")
        kinds = Counter(each.kind for each in ledger.requests.values() if each.acknowledged)
        self._say("", ", ".join(f"{kinds[kind]:,} {kind.label}" for kind in Kind if kinds[kind]))
        await self._tell_under_way(ledger)
        return ledger

    async def _tell_under_way(self, ledger: Ledger) -> None:
        allocating = ledger.allocating()
        wanted = set().union(*allocating.values())
        async with open_disk(self._copy) as after:
            arrived = wanted & await stored_blocks(after, after.block_size)
        self._say("under way", f"{len(ledger.under_way)} requests, {len(allocating)} of them writes to unmapped blocks")
        if wanted:
            entries = f"{len(arrived)} have their bmap entry in the file, {len(wanted - arrived)} have not"
            self._say("", f"of these {len(wanted)} blocks {entries}")
        if ledger.raised:
            self._say("raised", f"{ledger.raised:,} requests; why stands on stderr")

    # What is left

    async def reopen(self, ledger: Ledger) -> None:
        """Verify every sector, and check the image as the kill has left it."""
        self._tell("\nreopened, without a repair step")
        verdict = await self._judge(ledger)
        broken, under_way = verdict.broken, verdict.old + verdict.new
        acknowledged = (
            f"{verdict.acknowledged:,} sectors acknowledged: each as its last change, or one under way, left it"
        )
        self._hold(not broken[Rule.ACKNOWLEDGED] + broken[Rule.FLUSHED], acknowledged)
        self._hold(not broken[Rule.FLUSHED], f"{verdict.flushed:,} of them covered by a flush")
        self._hold(not broken[Rule.UNDER_WAY], f"{under_way:,} under way: {verdict.old:,} old, {verdict.new:,} new")
        self._hold(not broken[Rule.UNTOUCHED], f"{verdict.untouched:,} stored beside them: as before")
        self._hold(not ledger.foreign, "no read of the child returned a sector of another place")
        await self._check()

    async def close_cleanly(self, ledger: Ledger) -> None:
        """Let aiovdi give back what the kill has leaked, and look once more."""
        offset = min(ledger.sectors, default=0) * SECTOR
        self._tell("\nopened, one sector written back as it was, closed")
        async with open_disk(self._copy, "r+") as disk:
            await disk.pwrite(await disk.pread(SECTOR, offset), offset)
        verdict = await self._judge(ledger)
        self._hold(verdict.held, "all of the above, verified again")
        await self._check()

    def conclude(self) -> bool:
        """The last line. Returns whether everything held."""
        self._tell("\nEverything held." if self._held else "\nNot everything held.")
        return self._held

    async def _judge(self, ledger: Ledger) -> Verdict:
        async with open_disk(self._copy) as after:
            verdict = await judge(ledger, before=self._before, after=after)
        for each in verdict.wrong[:_WRONG_SHOWN_MAX]:
            self._tell(f"    {each}")
        return verdict

    async def _check(self) -> None:
        """An image that was not sound before need not be sound now."""
        before, after = await check(self._image), await check(self._copy)
        facts = f"{after.allocated_clusters:,} blocks mapped, {after.leaks:,} slots leaked"
        self._hold(after.corruptions <= before.corruptions, f"aiovdi check: {after.corruptions} errors, {facts}")
        if (said := await qemu.check(self._copy)) is not None:
            self._tell_qemu(*said, leaks=after.leaks, was_sound=not before.corruptions)

    def _tell_qemu(self, status: int, text: str, *, leaks: int, was_sound: bool) -> None:
        if was_sound and not leaks and status in {qemu.SOUND, qemu.ERRORS}:
            self._hold(status == qemu.SOUND, f"qemu-img check: {text}")
        else:
            self._say("  noted", f"qemu-img check: {text}{' (too high: the leak)' if 'mismatch' in text else ''}")

    def _say(self, label: str, text: str) -> None:
        self._tell(f"{label:11}{text}")

    def _hold(self, held: bool, text: str) -> None:
        self._held &= held
        self._say("  held" if held else "  BROKEN", text)
