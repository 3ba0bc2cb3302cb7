"""``kill -9`` at 200 moments of an allocating workload: every acknowledged byte is there, nothing foreign
shows, and QEMU can then write to the image without damaging any of it.

Kills follow each other on the same image, so that a crash after a crash after QEMU is tried as well.
A moment is a count of what the child has said, drawn from a seed: from its first word, in the prologue
of the session, to its last, when it has closed the disk.
"""

import random
import struct
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import pytest

import aiovdi
from aiovdi.demo.copying import copy_sparse
from aiovdi.demo.ledger import Event, Ledger
from aiovdi.demo.nursery import Nursery
from aiovdi.demo.verdict import judge
from aiovdi.demo.workload import Workload
from aiovdi.jobs.check import check
from aiovdi.storage import Aio, Cache, uring
from aiovdi.units import KiB, MiB

KILLS = 200
CACHES: tuple[Cache, ...] = ("writeback", "writethrough", "unsafe")
GENERATIONS = 4
"""Kills of one image."""
QEMU_AFTER = 3
"""The kill of an image after which QEMU writes to it; the next one finds what QEMU has left."""

SIZE = 64 * MiB
"""Small, so that the slots a kill leaks are a good part of the disk; the kills of one image fill up to three quarters
of it. QEMU takes its next slot after the leak, and that slot must still be one of the disk's."""
REQUESTS = 120
DEPTH = 16
NUMBERS = 1_000_000
"""Numbers of writes that a generation has to itself."""

MORTAL_CALLS = 40
MORTAL_REQUESTS = 2 * MORTAL_CALLS
MORTAL = Path(__file__).with_name("mortal.py")


class Facts(NamedTuple):
    """What the bytes of the file say, read here without aiovdi. Offsets from ``VDICore.h``."""

    data_offset: int
    block_size: int
    block_count: int
    blocks_allocated: int
    slots: dict[int, int]
    """Of the mapped blocks."""
    file_size: int


def read_facts(path: Path) -> Facts:
    with path.open("rb") as file:
        header = file.read(512)
        bmap_offset, data_offset = struct.unpack_from("<II", header, 0x154)
        block_size, _, block_count, blocks_allocated = struct.unpack_from("<IIII", header, 0x178)
        file.seek(bmap_offset)
        entries = struct.unpack(f"<{block_count}I", file.read(4 * block_count))
    slots = {block: slot for block, slot in enumerate(entries) if slot < 0xFFFFFFFE}
    return Facts(data_offset, block_size, block_count, blocks_allocated, slots, path.stat().st_size)


def read_blocks(path: Path) -> dict[int, bytes]:
    """The content of every mapped block that is not all zeros, read here without aiovdi."""
    facts = read_facts(path)
    blocks = {}
    with path.open("rb") as file:
        for block, slot in facts.slots.items():
            file.seek(facts.data_offset + slot * facts.block_size)
            if (content := file.read(facts.block_size)).strip(b"\0"):
                blocks[block] = content
    return blocks


def assert_safe_for_any_program(path: Path) -> None:
    """What QEMU and VirtualBox rely on: each mapped slot is one block's, counted, and whole in the file."""
    facts = read_facts(path)
    slots = sorted(facts.slots.values())
    assert len(set(slots)) == len(slots), "two blocks share a slot"
    end = slots[-1] + 1 if slots else 0
    assert end <= facts.block_count, "a slot that no writer hands out"
    assert end <= facts.blocks_allocated <= facts.block_count, "the next allocation would overwrite a block"
    assert facts.file_size >= facts.data_offset + end * facts.block_size, "VirtualBox fails a read past the end"


async def assert_kept(ledger: Ledger, *, before: Path, after: Path) -> None:
    """Every acknowledged byte is there, and nothing foreign shows, here or in any read of the child."""
    assert_safe_for_any_program(after)
    report = await check(after)
    assert not report.corruptions, [str(finding) for finding in report.findings]
    async with aiovdi.open(before) as old, aiovdi.open(after) as new:
        verdict = await judge(ledger, before=old, after=new)
    assert verdict.held, [str(wrong) for wrong in verdict.wrong]
    assert not ledger.foreign
    assert not ledger.raised


def assert_qemu_writes_beside_it(image: Path, qemu_io: str, qemu_img: str, rng: random.Random) -> None:
    """QEMU writes to a mapped block and to a free one: those bytes change, and no other."""
    expected = read_blocks(image)
    slots = read_facts(image).slots
    mapped = rng.choice(sorted(slots))
    free = rng.choice(sorted(set(range(SIZE // MiB)) - slots.keys()))
    writes = [(mapped, 0xA5, rng.randrange(15) * 64 * KiB), (free, 0x5A, rng.randrange(15) * 64 * KiB)]
    commands = []
    for block, pattern, start in writes:
        content = expected.get(block, bytes(MiB))
        expected[block] = content[:start] + bytes([pattern]) * 64 * KiB + content[start + 64 * KiB :]
        for verb in ("write", "read"):
            commands += ["-c", f"{verb} -P {pattern} {block * MiB + start} 64k"]
    run = subprocess.run([qemu_io, "-f", "vdi", *commands, image], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
    assert "failed" not in run.stdout
    assert read_blocks(image) == expected
    said = subprocess.run([qemu_img, "check", "-f", "vdi", image], capture_output=True, text=True, check=False)
    assert "also used by" not in said.stderr
    assert "too large" not in said.stderr


class Series:
    """Images that are killed several times each, one after the other."""

    def __init__(self, folder: Path, rng: random.Random) -> None:
        self._folder = folder
        self._rng = rng
        self._kills = 0
        self.image = folder / "none.vdi"

    async def kill(self, nursery: Nursery, when: Callable[[Ledger], bool], **workload: Any) -> Ledger:
        """Let one child write to the image and die, and verify what it leaves."""
        if self.generation == 0:
            self.image = self._folder / f"image-{self._kills}.vdi"
            await aiovdi.create(self.image, SIZE)
        before = self._folder / "before.vdi"
        before.unlink(missing_ok=True)
        copy_sparse(self.image, before)
        ledger = Ledger()
        seed, first = self._rng.randrange(1 << 32), 1 + self._kills * NUMBERS
        nursery.raise_and_kill(Workload(image=str(self.image), seed=seed, first=first, **workload), ledger, when)
        await assert_kept(ledger, before=before, after=self.image)
        self._kills += 1
        return ledger

    @property
    def generation(self) -> int:
        """How often the image has been killed."""
        return self._kills % GENERATIONS


def moments(rng: random.Random) -> Iterator[Callable[[Ledger], bool]]:
    """When to kill: at a record drawn from the whole life of a child, now and then while it closes."""
    while True:
        yield is_closing if rng.random() < 0.1 else partial(has_said, rng.randint(1, 2 * REQUESTS + 2))


def is_closing(ledger: Ledger) -> bool:
    return ledger.last.event is Event.CLOSING


def has_said(records: int, ledger: Ledger) -> bool:
    return ledger.records >= records


@pytest.mark.parametrize("cache", CACHES)
async def test_200_kills_lose_nothing_that_was_acknowledged(
    cache: Cache, aio: Aio, tmp_path: Path, peer: Callable[[str], str]
) -> None:
    qemu_io, qemu_img = peer("qemu-io"), peer("qemu-img")
    rng = random.Random(f"{cache} {aio}")
    series = Series(tmp_path, rng)
    kills = -(-KILLS // (len(CACHES) * (2 if uring.works() else 1)))
    with Nursery() as nursery:
        for when in islice(moments(rng), kills):
            await series.kill(nursery, when, requests=REQUESTS, depth=DEPTH, cache=cache, aio=aio)
            if series.generation == QEMU_AFTER and read_facts(series.image).slots:
                assert_qemu_writes_beside_it(series.image, qemu_io, qemu_img, rng)
                assert_safe_for_any_program(series.image)


async def test_a_kill_between_any_two_calls_of_the_storage_loses_nothing(tmp_path: Path) -> None:
    rng = random.Random("between two calls")
    series = Series(tmp_path, rng)
    ends = []
    with Nursery(sys.executable, str(MORTAL)) as nursery:
        for call in range(1, MORTAL_CALLS + 1):
            lifetime = 3 * call + rng.randrange(3)
            ledger = await series.kill(
                nursery,
                lambda _: False,
                requests=MORTAL_REQUESTS,
                depth=8,
                cache="unsafe",
                aio="threads",
                lifetime=lifetime,
            )
            ends.append(ledger.last.event)
    assert Event.CLOSED not in ends, "the storage outlived its last call"
